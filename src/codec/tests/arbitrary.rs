//! Events and records of every shape.

use std::sync::Arc;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::domain::*;

/// An id or a text of a person.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9-]{1,12}",
        "\\PC{0,8}",
        Just("ü \"quoted\" \\ \n €".to_owned())
    ]
}

fn shared() -> impl Strategy<Value = Arc<str>> {
    text().prop_map(Arc::from)
}

fn words() -> impl Strategy<Value = Text<'static>> {
    text().prop_map(Into::into)
}

fn symbol<S: Symbol + std::fmt::Debug>() -> impl Strategy<Value = S> {
    select(S::ALL)
}

fn moment() -> impl Strategy<Value = Moment> {
    prop_oneof![
        Just(Moment::EARLIEST),
        Just(Moment::LATEST),
        (0..Moment::LATEST.millis()).prop_map(Moment::from_millis),
    ]
}

fn money() -> impl Strategy<Value = Money> {
    let limit = Money::LIMIT.micros();
    prop_oneof![-300_i64..300, -limit..=limit, Just(limit), Just(-limit)]
        .prop_map(Money::from_micros)
}

fn country() -> impl Strategy<Value = Country> {
    "[A-Z]{2}".prop_map(|code| Country::parse(&code).expect("two capitals"))
}

fn currency() -> impl Strategy<Value = Currency> {
    "[A-Z]{3}".prop_map(|code| Currency::parse(&code).expect("three capitals"))
}

fn number() -> impl Strategy<Value = PhoneNumber> {
    "\\+[1-9][0-9]{1,14}".prop_map(|text| PhoneNumber::parse(&text).expect("E.164"))
}

fn call_started() -> impl Strategy<Value = Body<'static>> {
    let head = (
        words(),
        option::of(words()),
        moment(),
        symbol(),
        words(),
        country(),
    );
    let numbers = (option::of(words()), option::of(words()));
    let rest = (symbol(), option::of(symbol()), any::<bool>());
    (head, numbers, rest).prop_map(|(head, (bridge_number, remote_number), rest)| {
        Body::CallStarted(CallStarted {
            call_id: head.0,
            conference_id: head.1,
            answered_at: head.2,
            leg: head.3,
            bridge_number,
            remote_number,
            organizer_id: head.4,
            organizer_country: head.5,
            license: rest.0,
            dial_out_policy: rest.1,
            emergency: rest.2,
        })
    })
}

fn credit() -> impl Strategy<Value = Body<'static>> {
    let granted = (
        words(),
        money(),
        currency(),
        symbol(),
        option::of(moment()),
        option::of(words()),
    )
        .prop_map(
            |(payment_id, amount, currency, kind, expires_at, request_id)| {
                Body::CreditGranted(CreditGranted {
                    payment_id,
                    amount,
                    currency,
                    kind,
                    expires_at,
                    request_id,
                })
            },
        );
    let adjusted = (words(), money(), currency(), symbol()).prop_map(|fields| {
        Body::CreditAdjusted(CreditAdjusted {
            adjustment_id: fields.0,
            amount: fields.1,
            currency: fields.2,
            reason: fields.3,
        })
    });
    let failed = (words(), option::of(words())).prop_map(|(request_id, reason)| {
        Body::RechargeFailed(RechargeFailed { request_id, reason })
    });
    prop_oneof![granted, adjusted, failed]
}

fn threshold() -> impl Strategy<Value = Threshold> {
    (symbol(), money()).prop_map(|(kind, value)| Threshold { kind, value })
}

fn limits() -> impl Strategy<Value = Limits> {
    let money = || option::of(money());
    let count = || option::of(any::<i32>());
    (money(), count(), count(), money()).prop_map(|fields| Limits {
        spend_per_day: fields.0,
        live_calls: fields.1,
        call_minutes: fields.2,
        debt: fields.3,
    })
}

fn auto_recharge() -> impl Strategy<Value = AutoRecharge> {
    (money(), money(), money()).prop_map(|(trigger, amount, daily_cap)| AutoRecharge {
        trigger,
        amount,
        daily_cap,
    })
}

fn tenant_configured() -> impl Strategy<Value = Body<'static>> {
    let head = (
        any::<i64>(),
        symbol(),
        currency(),
        country(),
        text(),
        symbol(),
    );
    let zone_a = option::of(prop::collection::vec(country(), 0..4));
    let calls = (symbol(), zone_a, symbol(), any::<i32>(), any::<i32>());
    let low_credit = prop::collection::vec(threshold(), 0..4);
    let rest = (
        money(),
        low_credit,
        option::of(auto_recharge()),
        limits(),
        option::of(any::<i32>()),
    );
    (head, calls, rest).prop_map(|(head, calls, rest)| {
        Body::TenantConfigured(Box::new(TenantConfig {
            version: head.0,
            status: head.1,
            currency: head.2,
            country: head.3,
            rate_card: head.4,
            billing_mode: head.5,
            overdraft_limit: rest.0,
            subscription_licenses: calls.4,
            dial_out_policy: calls.0,
            zone_a: calls.1,
            cut_scope: calls.2,
            hold_ahead_minutes: calls.3,
            low_credit: rest.1,
            auto_recharge: rest.2,
            limits: rest.3,
            mask_digits: rest.4,
        }))
    })
}

/// Any event.
pub fn event() -> impl Strategy<Value = Event<'static>> {
    let tick = (words(), any::<i32>())
        .prop_map(|(call_id, minute)| Body::CallMinuteTick(CallMinuteTick { call_id, minute }));
    let ended = (words(), any::<i32>(), option::of(words())).prop_map(|fields| {
        Body::CallEnded(CallEnded {
            call_id: fields.0,
            duration_seconds: fields.1,
            cause: fields.2,
        })
    });
    let body = prop_oneof![call_started(), tick, ended, credit(), tenant_configured()];
    (words(), words(), moment(), body).prop_map(|(event_id, tenant_id, occurred_at, body)| Event {
        event_id,
        tenant_id,
        occurred_at,
        body,
    })
}

/// What records carry may be sums and derived moments, beyond what comes in.
fn sum() -> impl Strategy<Value = Money> {
    prop_oneof![money(), any::<i64>().prop_map(Money::from_micros)]
}

fn later() -> impl Strategy<Value = Moment> {
    moment().prop_map(|moment| moment.plus_months(12))
}

fn source() -> impl Strategy<Value = Source> {
    (0..64_i32, 0..i64::MAX).prop_map(|(partition, offset)| Source { partition, offset })
}

fn description() -> impl Strategy<Value = CallDescription> {
    let maybe = || option::of(text().prop_map(Box::<str>::from));
    let head = (shared(), maybe(), maybe(), symbol(), symbol());
    let row = (
        option::of(shared()),
        option::of(shared()),
        option::of(shared()),
    );
    let rest = (option::of(country()), option::of(sum()), any::<bool>());
    (head, option::of(number()), option::of(number()), row, rest).prop_map(
        |(head, bridge_number, remote_number, row, rest)| CallDescription {
            call_id: head.0,
            conference_id: head.1,
            organizer_id: head.2,
            leg: head.3,
            license: head.4,
            bridge_number,
            remote_number,
            rate_card: row.0,
            prefix: row.1,
            destination: row.2,
            country: rest.0,
            connection_fee: rest.1,
            unrated: rest.2,
        },
    )
}

fn lots() -> impl Strategy<Value = Vec<LotUse>> {
    let lot = (shared(), sum()).prop_map(|(lot_id, amount)| LotUse { lot_id, amount });
    prop::collection::vec(lot, 0..4)
}

/// Any usage record.
pub fn rated_usage() -> impl Strategy<Value = Record> {
    let kind = prop_oneof![
        any::<u32>().prop_map(RatedUsageKind::Minute),
        Just(RatedUsageKind::Final),
        any::<u32>().prop_map(RatedUsageKind::Adjustment),
    ];
    let head = (
        shared(),
        any::<i64>(),
        kind,
        description(),
        0..20_u8,
        symbol(),
    );
    let seconds = prop::array::uniform5(any::<i32>());
    let amounts = prop::array::uniform5(sum());
    let card = (
        option::of(any::<i64>()),
        option::of(sum()),
        currency(),
        lots(),
    );
    (head, seconds, amounts, card, (later(), later(), source())).prop_map(
        |(head, seconds, amounts, card, rest)| {
            Record::RatedUsage(Box::new(RatedUsage {
                tenant_id: head.0,
                entry_sequence: head.1,
                kind: head.2,
                call: Arc::new(head.3),
                mask_digits: head.4,
                cause: head.5,
                from_second: seconds[0],
                to_second: seconds[1],
                connected_seconds: seconds[2],
                billed_seconds: seconds[3],
                rate_card_version: card.0,
                rate_per_minute: card.1,
                amount: amounts[0],
                call_total: amounts[1],
                currency: card.2,
                pool_minutes: seconds[4],
                uncovered: amounts[2],
                lots: card.3.into(),
                balance_before: amounts[3],
                balance_after: amounts[4],
                occurred_at: rest.0,
                rated_at: rest.1,
                source: rest.2,
            }))
        },
    )
}
