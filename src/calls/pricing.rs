//! The price and funding of a leg's minutes, fixed one after the other.

use super::Occasion;
use super::leg::{Funding, Leg, Meter};
use crate::domain::{Currency, Moment, Money};
use crate::wallet::Tenant;

/// The last look into the card, if there was one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastLook(Option<Look>);

/// What a card says of the minutes that begin from `from` and before `until`, as long as nothing more is
/// published and the wallet keeps its currency. Minutes before those may have another price: they are asked for
/// again where the ones after them could not be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    publications: usize,
    currency: Currency,
    from: Moment,
    until: Moment,
    /// Rate and card version; absent without a candidate.
    price: Option<(Money, i64)>,
}

/// Rate and card version of the minute after the last priced one. Without a candidate it is that
/// of the minute before.
pub(super) fn next_price(
    leg: &Leg,
    meter: &Meter,
    look: &mut LastLook,
    currency: Currency,
    on: &Occasion<'_>,
) -> (Money, i64) {
    if let (0, Some(first)) = (meter.priced_minutes, leg.first_price) {
        return first;
    }
    let before = || {
        let last = meter.runs.last();
        last.map_or((Money::ZERO, 0), |run| (run.rate, run.version))
    };
    let start = leg.minute_start(meter.priced_minutes + 1);
    let publications = on.cards.publications_by(on.now);
    if let Some(last) = look.0
        && (last.publications, last.currency) == (publications, currency)
        && (last.from..last.until).contains(&start)
    {
        return last.price.unwrap_or_else(before);
    }
    let description = &leg.description;
    let (Some(card_id), Some(number)) = (&description.rate_card, leg.number) else {
        return before();
    };
    let Some(card) = on.cards.in_force(card_id, on.now) else {
        return before();
    };
    if card.currency().is_some_and(|other| other != currency) {
        return before();
    }
    let found = card.find(description.leg, number, start);
    let price = found.row.map(|row| (row.rate_per_minute, card.version()));
    *look = LastLook(Some(Look {
        publications,
        currency,
        from: start,
        until: found.until,
        price,
    }));
    price.unwrap_or_else(before)
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
    hold_pool_again(leg, meter, minute, tenant);
    while meter.priced_minutes < minute {
        let (rate, version) = next_price(leg, meter, look, tenant.config.currency, on);
        let funding = fund(leg, meter.priced_minutes + 1, tenant);
        meter.push(rate, funding, version);
        meter.pool_held_to = meter.priced_minutes;
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
        meter.pool_held_to = meter.priced_minutes;
    }
}

/// Takes back prices fixed after `minutes`, with the pool minutes set aside for them.
pub(super) fn unprice(leg: &Leg, meter: &mut Meter, minutes: u32, tenant: &mut Tenant) {
    if leg.pool_first {
        for minute in minutes + 1..=meter.pool_held_to {
            move_hold(leg, meter, minute, -1, tenant);
        }
    }
    meter.pool_held_to = meter.pool_held_to.min(minutes);
    meter.truncate(minutes);
}

fn fund(leg: &Leg, minute: u32, tenant: &mut Tenant) -> Funding {
    if !leg.pool_first {
        return Funding::Credit;
    }
    let month = leg.minute_start(minute).month();
    if tenant
        .wallet
        .pool
        .left(month, tenant.config.subscription_licenses)
        == 0
    {
        return Funding::Credit;
    }
    tenant.wallet.pool.hold(month, 1);
    Funding::Pool
}

/// Sets aside again what a silent call gave back: a minute's funding stays as first decided.
fn hold_pool_again(leg: &Leg, meter: &mut Meter, minute: u32, tenant: &mut Tenant) {
    let to = minute.min(meter.priced_minutes);
    if leg.pool_first {
        for again in meter.pool_held_to + 1..=to {
            move_hold(leg, meter, again, 1, tenant);
        }
    }
    meter.pool_held_to = meter.pool_held_to.max(to);
}

fn move_hold(leg: &Leg, meter: &Meter, minute: u32, minutes: i32, tenant: &mut Tenant) {
    if meter
        .run_of(minute)
        .is_some_and(|run| run.funding == Funding::Pool)
    {
        tenant
            .wallet
            .pool
            .hold(leg.minute_start(minute).month(), minutes);
    }
}

/// Moves the boundary of the minutes used to `used`; returns how many more of them are the pool's.
pub(super) fn use_minutes(leg: &Leg, meter: &mut Meter, used: u32, tenant: &mut Tenant) -> i32 {
    let before = meter.used_minutes;
    if used < before {
        release_minutes(leg, meter, tenant);
    }
    meter.used_minutes = used;
    if !leg.pool_first {
        return 0;
    }
    let mut moved = 0;
    let (low, high, sign) = if used > before {
        (before, used, 1)
    } else {
        (used, before, -1)
    };
    for minute in low + 1..=high {
        if meter
            .run_of(minute)
            .is_none_or(|run| run.funding != Funding::Pool)
        {
            continue;
        }
        let month = leg.minute_start(minute).month();
        if sign > 0 && minute <= meter.pool_held_to {
            tenant.wallet.pool.hold(month, -1);
        }
        tenant.wallet.pool.use_up(month, sign);
        moved += sign;
    }
    meter.pool_held_to = meter.pool_held_to.max(high);
    if used < before {
        meter.pool_held_to = used;
    }
    moved
}

/// Gives back pool minutes that were held and not used.
pub(super) fn release_minutes(leg: &Leg, meter: &mut Meter, tenant: &mut Tenant) {
    if leg.pool_first {
        for minute in meter.used_minutes + 1..=meter.pool_held_to {
            move_hold(leg, meter, minute, -1, tenant);
        }
    }
    meter.pool_held_to = meter.used_minutes;
}
