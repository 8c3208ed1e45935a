//! The price and funding of a leg's minutes, fixed one after the other.

use super::Occasion;
use super::leg::{Funding, Leg, Meter};
use crate::domain::{Currency, Moment, Money};
use crate::wallet::Tenant;

/// The last look into the card: it holds for minutes that begin before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastLook {
    card_version: i64,
    until: Moment,
    rate: Money,
    rate_version: i64,
}

impl Default for LastLook {
    fn default() -> Self {
        LastLook {
            card_version: 0,
            until: Moment::EARLIEST,
            rate: Money::ZERO,
            rate_version: 0,
        }
    }
}

/// Rate and card version of the minute after the last priced one. Without a candidate it is that
/// of the minute before.
fn next_price(
    leg: &Leg,
    meter: &Meter,
    look: &mut LastLook,
    currency: Currency,
    on: &Occasion<'_>,
) -> (Money, i64) {
    let before = meter.runs.last().map_or((Money::ZERO, 0), |run| (run.rate, run.version));
    let description = &leg.description;
    let (Some(card_id), Some(number)) = (&description.rate_card, leg.number) else { return before };
    let Some(card) = on.cards.in_force(card_id, on.now) else { return before };
    let start = leg.minute_start(meter.priced_minutes + 1);
    if look.card_version == card.version && start < look.until {
        return (look.rate, look.rate_version);
    }
    if card.currency.is_some_and(|other| other != currency) {
        return before;
    }
    let found = card.find(description.leg, number, start);
    let (rate, rate_version) =
        found.row.map_or(before, |row| (row.rate_per_minute, card.version));
    *look = LastLook { card_version: card.version, until: found.until, rate, rate_version };
    (rate, rate_version)
}

/// Fixes the prices of all minutes up to `minute`; each is the pool's if it may be and has one left.
pub(super) fn price_up_to(
    leg: &Leg,
    meter: &mut Meter,
    look: &mut LastLook,
    minute: u32,
    tenant: &mut Tenant,
    on: &Occasion<'_>,
) {
    if !leg.charged {
        return;
    }
    decide_open_minutes(leg, meter, minute, tenant);
    while meter.priced_minutes < minute {
        let (rate, version) = next_price(leg, meter, look, tenant.config.currency, on);
        let funding = fund(leg, meter.priced_minutes + 1, tenant);
        meter.push(rate, funding, version);
    }
}

/// The same, but from credit whatever the pool has: a minute held in part.
pub(super) fn price_from_credit(
    leg: &Leg,
    meter: &mut Meter,
    look: &mut LastLook,
    minute: u32,
    tenant: &Tenant,
    on: &Occasion<'_>,
) {
    while meter.priced_minutes < minute {
        let (rate, version) = next_price(leg, meter, look, tenant.config.currency, on);
        meter.push(rate, Funding::Credit, version);
    }
}

/// Takes back prices fixed after `minutes`, with the pool minutes set aside for them.
pub(super) fn unprice(leg: &Leg, meter: &mut Meter, minutes: u32, tenant: &mut Tenant) {
    if leg.pool_first {
        for minute in minutes + 1..=meter.priced_minutes {
            if meter.run_of(minute).is_some_and(|run| run.funding == Funding::Pool) {
                tenant.wallet.pool.hold(leg.minute_start(minute).month(), -1);
            }
        }
    }
    meter.truncate(minutes);
}

fn fund(leg: &Leg, minute: u32, tenant: &mut Tenant) -> Funding {
    if !leg.pool_first {
        return Funding::Credit;
    }
    let month = leg.minute_start(minute).month();
    if tenant.wallet.pool.left(month, tenant.config.subscription_licenses) == 0 {
        return Funding::Credit;
    }
    tenant.wallet.pool.hold(month, 1);
    Funding::Pool
}

fn decide_open_minutes(leg: &Leg, meter: &mut Meter, minute: u32, tenant: &mut Tenant) {
    if !leg.pool_first {
        return;
    }
    for open in 1..=minute.min(meter.priced_minutes) {
        if meter.run_of(open).is_some_and(|run| run.funding == Funding::Open) {
            let funding = fund(leg, open, tenant);
            meter.set_funding(open, funding);
        }
    }
}

/// Moves the boundary between pool minutes used and pool minutes held to `used` minutes; returns
/// how many more are used now.
pub(super) fn use_minutes(leg: &Leg, meter: &mut Meter, used: u32, tenant: &mut Tenant) -> i32 {
    let before = std::mem::replace(&mut meter.used_minutes, used);
    if !leg.pool_first {
        return 0;
    }
    let from_pool =
        |m: &Meter, minute| m.run_of(minute).is_some_and(|run| run.funding == Funding::Pool);
    let pool = &mut tenant.wallet.pool;
    let mut moved = 0;
    for minute in before + 1..=used {
        if from_pool(meter, minute) {
            let month = leg.minute_start(minute).month();
            pool.hold(month, -1);
            pool.use_up(month, 1);
            moved += 1;
        }
    }
    for minute in used + 1..=before {
        if from_pool(meter, minute) {
            let month = leg.minute_start(minute).month();
            pool.use_up(month, -1);
            pool.hold(month, 1);
            moved -= 1;
        }
    }
    moved
}

/// Gives back pool minutes that were held and not used.
pub(super) fn release_minutes(leg: &Leg, meter: &mut Meter, tenant: &mut Tenant) {
    if !leg.pool_first {
        return;
    }
    for minute in meter.used_minutes + 1..=meter.priced_minutes {
        if meter.run_of(minute).is_some_and(|run| run.funding == Funding::Pool) {
            tenant.wallet.pool.hold(leg.minute_start(minute).month(), -1);
            meter.set_funding(minute, Funding::Open);
        }
    }
}
