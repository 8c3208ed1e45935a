//! What makes no sense whatever is known: INVALID.

use super::turn::{Fault, fault};
use crate::calls::{LONGEST_CALL_MINUTES, Numbers};
use crate::domain::{
    Body, CallStarted, Event, LegKind, MILLIS_PER_MINUTE, Moment, Money, PhoneNumber, RejectReason,
    TenantConfig,
};

/// How far an event may lie ahead of partition time, and an answer behind its event.
const AHEAD_MS: i64 = 5 * MILLIS_PER_MINUTE;
/// The longest id or name, in bytes.
const MAX_ID_BYTES: usize = 512;
/// Most thresholds of a tenant: each has a latch that is journalled with every change of its wallet.
const MAX_THRESHOLDS: usize = 32;
/// Most countries of a tenant's zone A: more than there are.
const MAX_ZONE_A: usize = 300;

fn invalid(what: &str) -> Fault {
    fault(RejectReason::Invalid, what)
}

fn ensure(good: bool, what: &str) -> Result<(), Fault> {
    if good { Ok(()) } else { Err(invalid(what)) }
}

fn id(name: &str, value: &str) -> Result<(), Fault> {
    if value.is_empty() || value.len() > MAX_ID_BYTES {
        return Err((
            RejectReason::Invalid,
            format!("`{name}` must have 1 to {MAX_ID_BYTES} bytes"),
        ));
    }
    Ok(())
}

/// A name that may be empty.
fn short(name: &str, value: &str) -> Result<(), Fault> {
    if value.len() > MAX_ID_BYTES {
        return Err((
            RejectReason::Invalid,
            format!("`{name}` must have {MAX_ID_BYTES} bytes at most"),
        ));
    }
    Ok(())
}

/// Checks an event by itself and against partition time.
pub(super) fn validate(event: &Event<'_>, now: Moment) -> Result<(), Fault> {
    id("tenant_id", &event.tenant_id)?;
    short("event_id", &event.event_id)?;
    let ahead = event.occurred_at > now.plus_millis(AHEAD_MS);
    ensure(
        !ahead,
        "`occurred_at` is over 5 minutes ahead of partition time",
    )?;
    match &event.body {
        Body::CallStarted(start) => {
            id("call_id", &start.call_id)?;
            short("organizer_id", &start.organizer_id)?;
            if let Some(conference_id) = &start.conference_id {
                short("conference_id", conference_id)?;
            }
            let late = start.answered_at > event.occurred_at.plus_millis(AHEAD_MS);
            ensure(!late, "`answered_at` is over 5 minutes after `occurred_at`")
        }
        Body::CallMinuteTick(tick) => {
            id("call_id", &tick.call_id)?;
            let longest = i32::try_from(LONGEST_CALL_MINUTES).expect("a day of minutes");
            ensure(
                (1..=longest).contains(&tick.minute),
                "`minute` must be 1 to 1440",
            )
        }
        Body::CallEnded(end) => {
            id("call_id", &end.call_id)?;
            let longest = i32::try_from(LONGEST_CALL_MINUTES * 60).expect("a day of seconds");
            let good = (0..=longest).contains(&end.duration_seconds);
            ensure(good, "`duration_seconds` must be 0 to 86400")
        }
        Body::CreditGranted(grant) => {
            id("payment_id", &grant.payment_id)?;
            if let Some(request_id) = &grant.request_id {
                short("request_id", request_id)?;
            }
            ensure(
                grant.amount.is_positive(),
                "`amount` of a grant must be above zero",
            )
        }
        Body::CreditAdjusted(adjustment) => {
            id("adjustment_id", &adjustment.adjustment_id)?;
            ensure(
                !adjustment.amount.is_zero(),
                "`amount` of an adjustment must not be zero",
            )
        }
        Body::RechargeFailed(failed) => id("request_id", &failed.request_id),
        Body::TenantConfigured(config) => configuration(config),
    }
}

/// The numbers of a start, if they are E.164 and the one that its leg needs is there.
pub(super) fn numbers(start: &CallStarted<'_>) -> Result<Numbers, Fault> {
    let parse = |name: &str, text: Option<&str>| {
        text.map(PhoneNumber::parse)
            .transpose()
            .map_err(|error| (RejectReason::Invalid, format!("`{name}` is {error}")))
    };
    let numbers = Numbers {
        bridge: parse("bridge_number", start.bridge_number.as_deref())?,
        remote: parse("remote_number", start.remote_number.as_deref())?,
    };
    match start.leg {
        LegKind::DialOut => {
            ensure(
                numbers.remote.is_some(),
                "a dial-out needs its `remote_number`",
            )?;
        }
        LegKind::DialInToll | LegKind::DialInTollFree => {
            ensure(
                numbers.bridge.is_some(),
                "a dial-in needs its `bridge_number`",
            )?;
        }
    }
    Ok(numbers)
}

fn configuration(config: &TenantConfig) -> Result<(), Fault> {
    let not_negative = |amount: Option<Money>| amount.is_none_or(|a| !a.is_negative());
    let count = |number: Option<i32>| number.is_none_or(|n| n >= 0);
    let limits = &config.limits;
    short("rate_card", &config.rate_card)?;
    ensure(
        config.low_credit.len() <= MAX_THRESHOLDS,
        "`low_credit` must have 32 thresholds at most",
    )?;
    ensure(
        config
            .zone_a
            .as_ref()
            .is_none_or(|zone| zone.len() <= MAX_ZONE_A),
        "`zone_a` must have 300 countries at most",
    )?;
    ensure(config.version >= 0, "`version` must not be negative")?;
    ensure(
        (1..=60).contains(&config.hold_ahead_minutes),
        "`hold_ahead_minutes` must be 1 to 60",
    )?;
    ensure(
        !config.overdraft_limit.is_negative(),
        "`overdraft_limit` must not be negative",
    )?;
    ensure(
        config.subscription_licenses >= 0,
        "`subscription_licenses` must not be negative",
    )?;
    let thresholds = config
        .low_credit
        .iter()
        .all(|limit| !limit.value.is_negative());
    ensure(
        thresholds,
        "a threshold of `low_credit` must not be negative",
    )?;
    let limits_good = not_negative(limits.spend_per_day)
        && not_negative(limits.debt)
        && count(limits.live_calls)
        && count(limits.call_minutes);
    ensure(limits_good, "a limit must not be negative")?;
    ensure(
        config.mask_digits.is_none_or(|d| (0..=15).contains(&d)),
        "`mask_digits` must be 0 to 15",
    )?;
    let recharge = config
        .auto_recharge
        .is_none_or(|r| r.amount.is_positive() && !r.daily_cap.is_negative());
    ensure(
        recharge,
        "`auto_recharge` needs an amount above zero and a daily cap",
    )
}
