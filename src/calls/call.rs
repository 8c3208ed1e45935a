//! One call from its start to its end: ticks, silence, end, and the orders about it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::leg::{Leg, Meter};
use super::pricing::{LastLook, next_price, price_up_to, release_minutes};
use super::settle::{Settlement, settle};
use super::{
    END_TOLERANCE_SECONDS, LONGEST_CALL_MINUTES, Occasion, Outcome, REFUSAL_GRACE_SECONDS,
};
use crate::domain::{Cause, Moment, Money, OrderReason, RatedUsageKind};
use crate::wallet::Tenant;

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Connected, as far as anyone knows.
    Live,
    /// Refused, and nothing has proved that it went on.
    Refused,
    /// Closed for silence; a later tick makes it live again.
    Silent,
}

/// An order to hang up that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// When to hang up.
    pub at: Moment,
    /// Why.
    pub reason: OrderReason,
    /// How often it was repeated since the call was last covered.
    pub repeats: u8,
    /// The discrepancy that ends the repeats was told.
    pub reported: bool,
}

/// What of a call never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFixed {
    /// Slot of its tenant.
    pub tenant: u32,
    /// Hash of the start's content.
    pub content: u64,
    /// What prices it.
    pub leg: Leg,
}

/// What of a call changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallState {
    /// Where it stands.
    pub phase: Phase,
    /// Last minute proved by a tick.
    pub proved: u32,
    /// Coverage, in seconds after the answer.
    pub covered_s: i32,
    /// Set aside for seconds not yet debited.
    pub held: Money,
    /// How far it is priced and settled.
    pub meter: Meter,
    /// Of the last order about it.
    pub order_sequence: i32,
    /// The order to hang up that stands.
    pub cut: Option<Cut>,
    /// Why it was refused; until it is covered once.
    pub refusal: Option<OrderReason>,
    /// It was refused, or would have been: an end within the grace owes nothing.
    pub refused_once: bool,
    /// Its FINAL is out.
    pub final_published: bool,
    /// Corrections after it.
    pub adjustments: u32,
    /// When it was last closed.
    pub closed_at: Moment,
    /// The rate of the minute after the last proved one, if credit funds it.
    pub burn: Money,
}

/// A call.
#[derive(Clone, Debug)]
pub struct Call {
    /// What never changes.
    pub fixed: CallFixed,
    /// What does.
    pub state: CallState,
    /// What of it is counted in its tenant's sums.
    pub counted: Share,
    /// The last look into its card.
    pub(super) look: LastLook,
}

/// What a call adds to its tenant's sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// It is live.
    pub live: bool,
    /// The rate of the minute after the last proved one, if credit funds it.
    pub burn: Money,
    /// The moment of the cut it is under.
    pub cut_at: Option<Moment>,
    /// That cut is for credit.
    pub credit_cut: bool,
}

impl Call {
    /// A call as its start makes it, before anything is held.
    #[must_use]
    pub(super) fn new(fixed: CallFixed, meter: Meter) -> Self {
        let state = CallState {
            phase: Phase::Live,
            proved: 0,
            covered_s: 0,
            held: Money::ZERO,
            meter,
            order_sequence: 0,
            cut: None,
            refusal: None,
            refused_once: false,
            final_published: false,
            adjustments: 0,
            closed_at: Moment::EARLIEST,
            burn: Money::ZERO,
        };
        Call {
            fixed,
            state,
            counted: Share::default(),
            look: LastLook::default(),
        }
    }

    /// From what the journal kept.
    #[must_use]
    pub fn from_parts(fixed: CallFixed, state: CallState) -> Self {
        Call {
            fixed,
            state,
            counted: Share::default(),
            look: LastLook::default(),
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.fixed.leg.description.call_id
    }

    /// What it adds to its tenant's sums, as last looked at.
    #[must_use]
    pub fn share(&self) -> Share {
        if self.state.phase != Phase::Live {
            return Share::default();
        }
        Share {
            live: true,
            burn: self.state.burn,
            cut_at: self.state.cut.map(|cut| cut.at),
            credit_cut: self
                .state
                .cut
                .is_some_and(|cut| cut.reason == OrderReason::Credit),
        }
    }

    /// Looks at what its next minute costs now.
    pub fn look_ahead(&mut self, tenant: &Tenant, on: &Occasion<'_>) {
        self.state.burn = self.burn(tenant, on);
    }

    fn burn(&mut self, tenant: &Tenant, on: &Occasion<'_>) -> Money {
        let minute = self.state.proved + 1;
        let leg = &self.fixed.leg;
        if !leg.charged || minute > LONGEST_CALL_MINUTES {
            return Money::ZERO;
        }
        if let Some(run) = self.state.meter.run_of(minute) {
            return run.charge();
        }
        let month = leg.minute_start(minute).month();
        let licenses = tenant.config.subscription_licenses;
        if leg.pool_first && tenant.wallet.pool.left(month, licenses) > 0 {
            return Money::ZERO;
        }
        next_price(
            leg,
            &self.state.meter,
            &mut self.look,
            tenant.config.currency,
            on,
        )
        .0
    }

    /// When its silence is over, at `silence_minutes` after the last proved minute.
    #[must_use]
    pub fn silence_due(&self, silence_minutes: i32) -> Option<Moment> {
        let quiet = i64::from(self.state.proved) + i64::from(silence_minutes);
        (self.state.phase != Phase::Silent)
            .then(|| self.fixed.leg.answered_at.plus_seconds(quiet * 60))
    }

    /// `minute` full minutes have passed: debits what they prove and holds the next.
    pub fn tick(&mut self, minute: u32, tenant: &mut Tenant, on: &Occasion<'_>, out: &mut Outcome) {
        if minute <= self.state.proved {
            return;
        }
        let proved_until = self.fixed.leg.minute_start(minute + 1);
        let ignored = !self.fixed.leg.emergency
            && (self.state.phase == Phase::Refused
                || self.state.cut.is_some_and(|cut| proved_until > cut.at));
        let cause = match (self.state.final_published, ignored) {
            (true, _) => Cause::Reopened,
            (false, true) => Cause::CutIgnored,
            (false, false) => Cause::Tick,
        };
        self.prove(minute, cause, tenant, on, out);
        let shortage = self.cover(self.target(tenant), tenant, on, out);
        self.judge(shortage, ignored, tenant, on, out);
    }

    /// Debits every minute up to `minute` that is not debited yet.
    pub(super) fn prove(
        &mut self,
        minute: u32,
        cause: Cause,
        tenant: &mut Tenant,
        on: &Occasion<'_>,
        out: &mut Outcome,
    ) {
        let connected_s = i32::try_from(minute * 60).expect("a call's seconds fit into 32 bits");
        self.state.phase = Phase::Live;
        self.state.proved = minute;
        let kind = if self.state.final_published {
            RatedUsageKind::Adjustment(self.state.adjustments + 1)
        } else {
            RatedUsageKind::Minute(minute)
        };
        let total = self.price_to(connected_s, tenant, on);
        let covered_s_after = self.state.covered_s.max(connected_s);
        let amount = total - self.state.meter.total;
        let held_after = if self.state.covered_s > connected_s {
            (self.state.held - amount).at_least_zero()
        } else {
            Money::ZERO
        };
        self.settle_to(
            Settlement {
                kind,
                cause,
                connected_s,
                billed_s: self.fixed.leg.billed(connected_s),
                total,
                held_after,
                covered_s_before: self.state.covered_s,
                covered_s_after,
            },
            tenant,
            on,
            out,
        );
    }

    /// Prices as far as so many seconds need; returns their total.
    fn price_to(&mut self, connected_s: i32, tenant: &mut Tenant, on: &Occasion<'_>) -> Money {
        let minutes = self.fixed.leg.minutes_billed(connected_s).max(1);
        let CallState { meter, .. } = &mut self.state;
        price_up_to(&self.fixed.leg, meter, &mut self.look, minutes, tenant, on);
        self.fixed.leg.total(meter, connected_s)
    }

    fn settle_to(
        &mut self,
        to: Settlement,
        tenant: &mut Tenant,
        on: &Occasion<'_>,
        out: &mut Outcome,
    ) {
        let state = &mut self.state;
        let leg = &self.fixed.leg;
        let published = settle(leg, &mut state.meter, &mut state.held, tenant, &to, on, out);
        state.covered_s = to.covered_s_after;
        state.adjustments += u32::from(published && state.final_published);
        state.final_published |= to.kind == RatedUsageKind::Final;
    }

    /// The minute up to which it should be covered now.
    fn target(&self, tenant: &Tenant) -> u32 {
        let ahead = u32::try_from(tenant.config.hold_ahead_minutes).expect("1 to 60");
        self.state.proved + 1 + ahead
    }

    /// Up to when it is debited or held.
    #[must_use]
    pub fn coverage(&self) -> Moment {
        self.fixed.leg.after(self.state.covered_s)
    }

    /// Tries again to cover a call that is under a cut: there may be money again.
    pub fn try_again(&mut self, tenant: &mut Tenant, on: &Occasion<'_>, out: &mut Outcome) {
        let shortage = self.cover(self.target(tenant), tenant, on, out);
        self.judge(shortage, false, tenant, on, out);
    }

    /// It ended after so many seconds: settles to their total and releases what is held.
    pub fn end(
        &mut self,
        duration_s: i32,
        tenant: &mut Tenant,
        on: &Occasion<'_>,
        out: &mut Outcome,
    ) {
        let obeyed = self.state.refused_once && duration_s < REFUSAL_GRACE_SECONDS;
        let cause = match (
            self.state.final_published,
            obeyed && self.state.refusal.is_some(),
        ) {
            (true, _) => Cause::LateEnd,
            (false, true) => Cause::Refused,
            (false, false) => Cause::Ended,
        };
        let total = self.price_to(duration_s, tenant, on);
        let billed_s = self.fixed.leg.billed(duration_s);
        let (total, billed_s) = if obeyed {
            (Money::ZERO, 0)
        } else {
            (total, billed_s)
        };
        self.close_at(duration_s, billed_s, total, cause, tenant, on, out);
        let proved_s = i32::try_from(self.state.proved * 60).expect("seconds fit into 32 bits");
        if proved_s - duration_s > END_TOLERANCE_SECONDS {
            let what = "the end says less than the ticks have proved";
            out.discrepancy(self.id(), "END_SHORTER_THAN_TICKS", what);
        }
    }

    /// Nothing was heard of it for too long: closes it at what is proved.
    pub fn fall_silent(&mut self, tenant: &mut Tenant, on: &Occasion<'_>, out: &mut Outcome) {
        let connected_s = i32::try_from(self.state.proved * 60).expect("seconds fit into 32 bits");
        let obeyed = self.state.refusal.is_some() && self.state.proved == 0;
        let total = self.price_to(connected_s, tenant, on);
        if obeyed {
            self.close_at(0, 0, Money::ZERO, Cause::Refused, tenant, on, out);
        } else {
            let billed_s = self.fixed.leg.billed(connected_s);
            self.close_at(connected_s, billed_s, total, Cause::Stale, tenant, on, out);
        }
        self.state.phase = Phase::Silent;
    }

    #[expect(clippy::too_many_arguments, reason = "one closing in all its parts")]
    fn close_at(
        &mut self,
        connected_s: i32,
        billed_s: i32,
        total: Money,
        cause: Cause,
        tenant: &mut Tenant,
        on: &Occasion<'_>,
        out: &mut Outcome,
    ) {
        let kind = if self.state.final_published {
            RatedUsageKind::Adjustment(self.state.adjustments + 1)
        } else {
            RatedUsageKind::Final
        };
        let to = Settlement {
            kind,
            cause,
            connected_s,
            billed_s,
            total,
            held_after: Money::ZERO,
            covered_s_before: self.state.covered_s,
            covered_s_after: connected_s,
        };
        self.settle_to(to, tenant, on, out);
        release_minutes(&self.fixed.leg, &mut self.state.meter, tenant);
        self.state.closed_at = on.now;
    }
}
