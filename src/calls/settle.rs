//! Settling a leg to a total: the one place where a leg's money moves.

use super::leg::{Leg, Meter};
use super::pricing::use_minutes;
use super::{Occasion, Outcome};
use crate::domain::{
    Cause, CutScope, LegKind, LotUses, Money, RatedUsage, RatedUsageKind, Record,
    default_mask_digits,
};
use crate::wallet::{Tenant, Wallet};

/// What a leg is settled to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settlement {
    pub kind: RatedUsageKind,
    pub cause: Cause,
    pub connected_s: i32,
    pub billed_s: i32,
    pub total: Money,
    pub held_after: Money,
    pub covered_s_before: i32,
    pub covered_s_after: i32,
}

/// True where lack of credit neither refuses nor cuts the leg: arrears, or outside the cut scope.
pub(super) fn beyond_credit(leg: &Leg, tenant: &Tenant) -> bool {
    let dial_in = leg.description.leg != LegKind::DialOut;
    tenant.in_arrears_mode() || (dial_in && tenant.config.cut_scope == CutScope::DialOutOnly)
}

/// Debits or gives back the difference to the new total, moves the hold, and publishes a record
/// unless it would say nothing (a FINAL always says something). True if it published.
pub(super) fn settle(
    leg: &Leg,
    meter: &mut Meter,
    held: &mut Money,
    tenant: &mut Tenant,
    to: &Settlement,
    on: &Occasion<'_>,
    out: &mut Outcome,
) -> bool {
    let amount = to.total - meter.total;
    let used = u32::try_from(to.billed_s)
        .expect("billed seconds are not negative")
        .div_ceil(60);
    let pool_minutes = use_minutes(leg, meter, used, tenant);
    let available_before = tenant.available();
    let own_hold = amount.min(*held);
    let committed = (
        to.covered_s_before.max(meter.settled_s),
        meter.total + *held,
    );
    let commits = (
        to.covered_s_after.max(to.connected_s),
        to.total + to.held_after,
    );
    move_spend(leg, meter, &mut tenant.wallet, committed, commits);
    tenant.wallet.holds -= *held - to.held_after;
    *held = to.held_after;
    let silent = amount.is_zero() && pool_minutes == 0 && to.kind != RatedUsageKind::Final;
    if silent {
        return false;
    }
    let balance_before = tenant.wallet.balance();
    let mut lots = LotUses::new();
    let lots_before = tenant.wallet.lots.iter().len();
    if amount.is_positive() {
        tenant.wallet.debit(amount, &mut lots);
    } else if amount.is_negative() {
        let record_id = || record_id(leg, to.kind);
        tenant
            .wallet
            .give_back(-amount, record_id, on.occurred_at, on.now, &mut lots);
    }
    out.lots_changed |= tenant.wallet.lots.iter().len() != lots_before;
    let uncovered = if beyond_credit(leg, tenant) {
        Money::ZERO
    } else {
        (amount - own_hold - available_before.at_least_zero()).at_least_zero()
    };
    tenant.wallet.entry_sequence += 1;
    let last = meter.run_at_or_before(used.max(1));
    out.entries.push(Record::RatedUsage(Box::new(RatedUsage {
        tenant_id: tenant.id.clone(),
        entry_sequence: tenant.wallet.entry_sequence,
        kind: to.kind,
        call: leg.description.clone(),
        mask_digits: mask_digits(tenant),
        cause: to.cause,
        from_second: meter.settled_s,
        to_second: to.connected_s,
        connected_seconds: to.connected_s,
        billed_seconds: to.billed_s,
        rate_card_version: last.map(|run| run.version),
        rate_per_minute: last.map(|run| run.rate),
        amount,
        call_total: to.total,
        currency: tenant.config.currency,
        pool_minutes,
        uncovered,
        lots,
        balance_before,
        balance_after: tenant.wallet.balance(),
        occurred_at: on.occurred_at,
        rated_at: on.now,
        source: on.source,
    })));
    meter.total = to.total;
    meter.settled_s = to.connected_s;
    true
}

fn record_id(leg: &Leg, kind: RatedUsageKind) -> String {
    kind.record_id(&leg.description.call_id)
}

fn mask_digits(tenant: &Tenant) -> u8 {
    let digits = tenant
        .config
        .mask_digits
        .and_then(|digits| u8::try_from(digits).ok());
    digits.unwrap_or_else(|| {
        u8::try_from(default_mask_digits(tenant.config.country)).expect("a few digits")
    })
}

/// Moves a leg's share of the days' spend from `(seconds, committed)` to another such pair; each
/// minute counts on the UTC day in which it begins.
pub(super) fn move_spend(
    leg: &Leg,
    meter: &Meter,
    wallet: &mut Wallet,
    from: (i32, Money),
    to: (i32, Money),
) {
    if from.1 == to.1 {
        return;
    }
    if from.0 > to.0 || (from.0 == to.0 && from.1 > to.1) {
        spread(leg, meter, to, from, &mut |day, amount| {
            wallet.add_spend(day, -amount);
        });
    } else {
        spread(leg, meter, from, to, &mut |day, amount| {
            wallet.add_spend(day, amount);
        });
    }
}

fn spread(
    leg: &Leg,
    meter: &Meter,
    low: (i32, Money),
    high: (i32, Money),
    add: &mut impl FnMut(i32, Money),
) {
    let minute_of = |second: i32| u32::try_from(second / 60 + 1).expect("seconds are not negative");
    let last_minute = minute_of((high.0 - 1).max(0));
    let mut minute = minute_of(low.0).min(last_minute);
    let mut counted = low.1;
    let mut day = leg.minute_start(minute).day();
    let last_day = leg.minute_start(last_minute).day();
    while day < last_day {
        while leg.minute_start(minute).day() == day {
            minute += 1;
        }
        let boundary = i32::try_from((minute - 1) * 60).expect("a day of seconds");
        let total = leg.total(meter, boundary);
        add(day, total - counted);
        counted = total;
        day = leg.minute_start(minute).day();
    }
    add(day, high.1 - counted);
}
