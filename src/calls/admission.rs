//! A start: the checks in their order, and what is refused, held or made good at once.

use std::sync::Arc;

use super::call::{Call, CallFixed, Cut};
use super::leg::{Funding, Leg, Meter};
use super::{Occasion, Outcome, REFUSAL_GRACE_SECONDS};
use crate::domain::{
    CallDescription, CallStarted, Cause, Country, DialOutPolicy, LegKind, License, OrderReason,
    PhoneNumber, TenantConfig, TenantStatus, country_of, is_default_zone_a,
};
use crate::rates::{Increments, RateRow};
use crate::wallet::Tenant;

/// What came of this call before its start.
#[derive(Clone, Debug, Default)]
pub struct Parked {
    /// The highest parked tick.
    pub tick: Option<u32>,
    /// Durations of parked ends, in the order of arrival.
    pub ends: Vec<i32>,
}

/// Numbers of a start that were found to be E.164.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers {
    /// Ours.
    pub bridge: Option<PhoneNumber>,
    /// Theirs.
    pub remote: Option<PhoneNumber>,
}

/// Takes a start: the call, admitted or refused, with what was parked for it applied but for its ends.
#[expect(
    clippy::too_many_arguments,
    reason = "a start meets everything at once"
)]
pub fn admit(
    start: &CallStarted<'_>,
    numbers: Numbers,
    content: u64,
    (tenant_slot, tenant): (u32, &mut Tenant),
    parked: &Parked,
    full: bool,
    on: &Occasion<'_>,
    out: &mut Outcome,
) -> Call {
    let rating = Rating::of(start, numbers, tenant, on);
    let policy = first_refusal(start, numbers, tenant, &rating, full);
    let fixed = CallFixed {
        tenant: tenant_slot,
        content,
        leg: rating.leg,
    };
    let mut call = Call::new(fixed, rating.meter);
    if parked.tick.is_none() && parked.ends.is_empty() {
        return admit_fresh(call, policy, tenant, on, out);
    }
    let refusal = policy.or_else(|| would_refuse(&mut call, tenant, on));
    let minute = parked.tick;
    let obeyed = parked
        .ends
        .first()
        .is_some_and(|end| *end < REFUSAL_GRACE_SECONDS);
    if let (Some(reason), true) = (refusal, obeyed) {
        out.credit_short |= reason == OrderReason::Credit;
        call.refuse(reason, tenant, on, out);
        call.state.proved = minute.unwrap_or(0);
        return call;
    }
    call.state.refused_once = refusal.is_some();
    let Some(minute) = minute else { return call };
    if parked.ends.is_empty() {
        make_good(&mut call, minute, refusal, tenant, on, out);
    } else {
        call.prove(minute, Cause::Tick, tenant, on, out);
    }
    call
}

fn admit_fresh(
    mut call: Call,
    policy: Option<OrderReason>,
    tenant: &mut Tenant,
    on: &Occasion<'_>,
    out: &mut Outcome,
) -> Call {
    if let Some(reason) = policy {
        call.refuse(reason, tenant, on, out);
        return call;
    }
    let ahead = u32::try_from(tenant.config.hold_ahead_minutes).expect("1 to 60");
    match call.cover(1 + ahead, tenant, on, out) {
        Some(reason) if call.state.covered_s == 0 => call.refuse(reason, tenant, on, out),
        shortage => call.judge(shortage, false, tenant, on, out),
    }
    call
}

/// The reason for which the call's first minute cannot be covered.
fn would_refuse(call: &mut Call, tenant: &mut Tenant, on: &Occasion<'_>) -> Option<OrderReason> {
    let reason = call.cover(1, tenant, on, &mut Outcome::default())?;
    (call.state.covered_s == 0).then_some(reason)
}

/// A start that comes after its ticks is not refused: they are debited, and the call is cut if it
/// would have been refused or cannot go on.
fn make_good(
    call: &mut Call,
    minute: u32,
    refusal: Option<OrderReason>,
    tenant: &mut Tenant,
    on: &Occasion<'_>,
    out: &mut Outcome,
) {
    call.prove(minute, Cause::Tick, tenant, on, out);
    out.credit_short |= refusal == Some(OrderReason::Credit);
    call.state.refusal = refusal;
    let ahead = u32::try_from(tenant.config.hold_ahead_minutes).expect("1 to 60");
    // What was debited may reach beyond the proved minute: that far the call is covered.
    let shortage = call.cover(minute + 1 + ahead, tenant, on, out);
    if let Some(reason) = refusal.or(shortage) {
        let at = call.coverage().max(on.now);
        let cut = Cut {
            at,
            reason,
            repeats: 0,
            reported: false,
        };
        call.cut_off(cut, tenant, on, out);
    }
}

/// The checks before limits of money and before credit, in their order.
fn first_refusal(
    start: &CallStarted<'_>,
    numbers: Numbers,
    tenant: &Tenant,
    rating: &Rating,
    full: bool,
) -> Option<OrderReason> {
    let config = &tenant.config;
    if start.emergency {
        return None;
    }
    if full {
        return Some(OrderReason::Capacity);
    }
    match config.status {
        TenantStatus::Active => {}
        TenantStatus::Suspended => return Some(OrderReason::Suspended),
        TenantStatus::Closed => return Some(OrderReason::Closed),
    }
    if start.license == License::None {
        return Some(OrderReason::License);
    }
    if start.leg == LegKind::DialOut && !policy_allows(start, numbers, config) {
        return Some(OrderReason::Policy);
    }
    if rating.refusal.is_some() {
        return rating.refusal;
    }
    let crowded = |limit: i32| tenant.wallet.live_calls >= limit;
    config
        .limits
        .live_calls
        .is_some_and(crowded)
        .then_some(OrderReason::LimitLiveCalls)
}

fn policy_allows(start: &CallStarted<'_>, numbers: Numbers, config: &TenantConfig) -> bool {
    let country = || numbers.remote.and_then(country_of);
    match start.dial_out_policy.unwrap_or(config.dial_out_policy) {
        DialOutPolicy::Any => true,
        DialOutPolicy::None => false,
        DialOutPolicy::SameCountry => country() == Some(start.organizer_country),
        DialOutPolicy::ZoneA => country().is_some_and(|country| in_zone_a(country, config)),
    }
}

fn in_zone_a(country: Country, config: &TenantConfig) -> bool {
    match &config.zone_a {
        Some(zone) => zone.contains(&country),
        None => is_default_zone_a(country),
    }
}

/// How a leg is rated, or why it cannot be.
struct Rating {
    leg: Leg,
    meter: Meter,
    refusal: Option<OrderReason>,
}

impl Rating {
    fn of(start: &CallStarted<'_>, numbers: Numbers, tenant: &Tenant, on: &Occasion<'_>) -> Rating {
        let config = &tenant.config;
        let number = match start.leg {
            LegKind::DialOut => numbers.remote,
            LegKind::DialInToll | LegKind::DialInTollFree => numbers.bridge,
        };
        let included = start.leg == LegKind::DialInToll && start.license == License::Subscription;
        let free = included || start.emergency;
        let card = on.cards.in_force(&config.rate_card, on.now);
        let card = card.filter(|card| card.currency().is_none_or(|c| c == config.currency));
        let row = card.zip(number).and_then(|(card, number)| {
            let row = card.find(start.leg, number, start.answered_at).row?;
            Some((row, card.version()))
        });
        let refusal = match row {
            Some((row, _)) => row.barred.then_some(OrderReason::Barred),
            None if included => None,
            None if card.is_none() || start.leg == LegKind::DialOut => {
                Some(OrderReason::RatingFailed)
            }
            None => None,
        };
        let row = row.filter(|_| !start.emergency);
        let pool_first = start.leg == LegKind::DialOut
            && start.license == License::Subscription
            && row.is_some_and(|(row, _)| !row.premium)
            && number
                .and_then(country_of)
                .is_some_and(|country| in_zone_a(country, config));
        let mut meter = Meter::default();
        if let (Some((_, version)), true) = (row, included) {
            meter.push(crate::domain::Money::ZERO, Funding::Credit, version);
        }
        let leg = Leg {
            description: Arc::new(describe(
                start,
                numbers,
                config,
                row.map(|(row, _)| row),
                free,
            )),
            answered_at: start.answered_at,
            first_price: row.map(|(row, version)| (row.rate_per_minute, version)),
            number,
            increments: row.map_or(Increments::DEFAULT, |(row, _)| Increments {
                initial_s: row.initial_s,
                increment_s: row.increment_s,
            }),
            charged: row.is_some() && !free,
            pool_first,
            emergency: start.emergency,
        };
        Rating {
            leg,
            meter,
            refusal,
        }
    }
}

fn describe(
    start: &CallStarted<'_>,
    numbers: Numbers,
    config: &TenantConfig,
    row: Option<&RateRow>,
    free: bool,
) -> CallDescription {
    CallDescription {
        call_id: start.call_id.as_ref().into(),
        conference_id: start.conference_id.as_deref().map(Into::into),
        organizer_id: Some(start.organizer_id.as_ref().into()),
        leg: start.leg,
        license: start.license,
        bridge_number: numbers.bridge,
        remote_number: numbers.remote,
        rate_card: row.map(|_| config.rate_card.as_str().into()),
        prefix: row.map(|row| row.prefix.clone()),
        destination: row.and_then(|row| row.destination.clone()),
        country: row.and_then(|row| row.country),
        connection_fee: row.map(|row| {
            if free {
                crate::domain::Money::ZERO
            } else {
                row.connection_fee
            }
        }),
        unrated: row.is_none() && !free,
    }
}
