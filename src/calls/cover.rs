//! Covering a call: holding its next minutes as far as money, limits and the tenant allow.

use super::call::Call;
use super::leg::{Leg, Meter};
use super::pricing::{price_from_credit, price_up_to, unprice};
use super::settle::{beyond_credit, move_spend};
use super::{LONGEST_CALL_MINUTES, Occasion, Outcome};
use crate::domain::{Money, OrderReason, TenantStatus};
use crate::wallet::Tenant;

impl Call {
    /// Holds minute after minute up to `target`; `None` when it is covered that far, else why not.
    pub(super) fn cover(
        &mut self,
        target: u32,
        tenant: &mut Tenant,
        on: &Occasion<'_>,
        out: &mut Outcome,
    ) -> Option<OrderReason> {
        let target_s = i32::try_from(target * 60).expect("a call's seconds fit into 32 bits");
        while self.state.covered_s < target_s {
            let minute = u32::try_from(self.state.covered_s / 60 + 1).expect("not negative");
            if let Some(reason) = self.cover_minute(minute, tenant, on) {
                out.credit_short |= reason == OrderReason::Credit;
                return Some(reason);
            }
        }
        None
    }

    fn cover_minute(
        &mut self,
        minute: u32,
        tenant: &mut Tenant,
        on: &Occasion<'_>,
    ) -> Option<OrderReason> {
        let whole = i32::try_from(minute * 60).expect("a call's seconds fit into 32 bits");
        if self.fixed.leg.emergency {
            self.state.covered_s = whole;
            return None;
        }
        if let Some(reason) = self.barrier(minute, tenant) {
            return Some(reason);
        }
        if !self.fixed.leg.charged {
            self.state.covered_s = whole;
            return None;
        }
        let priced_before = self.state.meter.priced_minutes;
        let reach = self.fixed.leg.minutes_billed(whole);
        price_up_to(
            &self.fixed.leg,
            &mut self.state.meter,
            &mut self.look,
            reach,
            tenant,
            on,
        );
        let cost = self.cost_to(whole);
        let Some(reason) = self.shortage(minute, cost, tenant) else {
            self.hold_to(whole, cost, tenant);
            return None;
        };
        unprice(
            &self.fixed.leg,
            &mut self.state.meter,
            priced_before,
            tenant,
        );
        let headroom = match reason {
            OrderReason::Credit => tenant.available().at_least_zero(),
            _ => Money::ZERO,
        };
        self.cover_part(minute, headroom, tenant, on);
        Some(reason)
    }

    /// What forbids a minute whatever it costs.
    fn barrier(&self, minute: u32, tenant: &Tenant) -> Option<OrderReason> {
        let cut = self.state.cut.map(|cut| cut.reason);
        let status = tenant.config.status;
        if status == TenantStatus::Closed
            || (cut == Some(OrderReason::Closed) && status != TenantStatus::Active)
        {
            return Some(OrderReason::Closed);
        }
        if minute > LONGEST_CALL_MINUTES {
            return Some(OrderReason::MaxDuration);
        }
        let limits = &tenant.config.limits;
        match self.state.refusal {
            Some(OrderReason::LimitLiveCalls) => {
                let others = tenant.wallet.live_calls - i32::from(self.counted.live);
                if limits.live_calls.is_some_and(|limit| others >= limit) {
                    return Some(OrderReason::LimitLiveCalls);
                }
            }
            Some(reason) if !reason.can_be_lifted() => return Some(reason),
            _ => {}
        }
        let too_long = |limit: i32| i64::from(minute) > i64::from(limit);
        limits
            .call_minutes
            .is_some_and(too_long)
            .then_some(OrderReason::LimitCallMinutes)
    }

    /// What forbids a minute at this cost; what costs nothing is always covered.
    fn shortage(&self, minute: u32, cost: Money, tenant: &Tenant) -> Option<OrderReason> {
        if !cost.is_positive() {
            return None;
        }
        let wallet = &tenant.wallet;
        let limits = &tenant.config.limits;
        let day = self.fixed.leg.minute_start(minute).day();
        if limits
            .spend_per_day
            .is_some_and(|limit| wallet.spent_on(day) + cost > limit)
        {
            return Some(OrderReason::LimitSpend);
        }
        if beyond_credit(&self.fixed.leg, tenant) {
            let left = wallet.balance() - wallet.holds - cost;
            let too_deep = limits.debt.is_some_and(|limit| left < -limit);
            return too_deep.then_some(OrderReason::LimitDebt);
        }
        (tenant.available() < cost).then_some(OrderReason::Credit)
    }

    /// Holds a minute up to the largest second whose billing ends there and which `headroom` pays.
    fn cover_part(&mut self, minute: u32, headroom: Money, tenant: &mut Tenant, on: &Occasion<'_>) {
        let increments = self.fixed.leg.increments;
        if minute == 1 && (increments.initial_s >= 60 || increments.increment_s >= 60) {
            return;
        }
        let priced_before = self.state.meter.priced_minutes;
        let leg = &self.fixed.leg;
        price_from_credit(
            leg,
            &mut self.state.meter,
            &mut self.look,
            minute,
            tenant,
            on,
        );
        let end = i32::try_from(minute * 60).expect("a call's seconds fit into 32 bits");
        let paid = (self.state.covered_s + 1..end)
            .rev()
            .filter(|second| leg.billed(*second) == *second)
            .map(|second| (second, self.cost_to(second)))
            .find(|(_, cost)| *cost <= headroom);
        match paid {
            Some((second, cost)) => self.hold_to(second, cost, tenant),
            None => unprice(
                &self.fixed.leg,
                &mut self.state.meter,
                priced_before,
                tenant,
            ),
        }
    }

    /// What covering up to this second costs beyond what is debited and held.
    fn cost_to(&self, second: i32) -> Money {
        let Meter { total, .. } = self.state.meter;
        self.fixed.leg.total(&self.state.meter, second) - total - self.state.held
    }

    fn hold_to(&mut self, second: i32, cost: Money, tenant: &mut Tenant) {
        let committed = self.state.meter.total + self.state.held;
        let leg: &Leg = &self.fixed.leg;
        let from = (self.state.covered_s, committed);
        move_spend(
            leg,
            &self.state.meter,
            &mut tenant.wallet,
            from,
            (second, committed + cost),
        );
        tenant.wallet.holds += cost;
        self.state.held += cost;
        self.state.covered_s = second;
    }
}
