//! Random histories: two tenants of changing configuration, five calls each, money, silence.

use std::borrow::Cow;

use proptest::prelude::*;
use tollkeeper::domain::{
    AdjustmentReason, AutoRecharge, BillingMode, Body, CallEnded, CallMinuteTick, CallStarted,
    Country, CreditAdjusted, CreditGranted, Currency, CutScope, DialOutPolicy, LegKind, License,
    Limits, LotKind, Moment, Money, RechargeFailed, TenantConfig, TenantStatus, Threshold,
    ThresholdKind,
};

pub const TENANTS: [&str; 2] = ["acme", "zenith"];
const NUMBERS: [&str; 3] = ["+4930123456", "+442079460000", "+14155550123"];
/// The call that a subscription pays from the pool first.
pub const POOL_CALL: u8 = 3;
/// The call that dials in, toll-free.
pub const DIAL_IN_CALL: u8 = 4;
/// How many configurations there are.
const VARIANTS: u8 = 8;

/// One step of a history: seconds since the step before, whose, and what.
#[derive(Clone, Debug)]
pub struct Step {
    pub after_s: i64,
    pub tenant: usize,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    Grant {
        id: u8,
        millis: i64,
        answers: Option<u8>,
    },
    Adjust {
        id: u8,
        millis: i64,
        chargeback: bool,
    },
    RechargeFails {
        number: u8,
    },
    Start {
        call: u8,
    },
    Tick {
        call: u8,
        minute: i32,
    },
    End {
        call: u8,
        seconds: i32,
    },
    Configure {
        variant: u8,
    },
    /// Nothing but time, in seconds.
    Silence {
        seconds: i64,
    },
}

/// Two tenants' first configurations, when it begins, and what happens.
#[derive(Clone, Debug)]
pub struct History {
    pub variants: [u8; 2],
    pub month_end: bool,
    pub steps: Vec<Step>,
}

fn what() -> impl Strategy<Value = What> {
    let seconds = prop_oneof![8 => Just(700_i64), 2 => Just(3_700), 1 => Just(26 * 86_400)];
    prop_oneof![
        4 => (0..6_u8, 1..4_000_i64, prop::option::of(1..4_u8))
            .prop_map(|(id, millis, answers)| What::Grant { id, millis, answers }),
        2 => (0..6_u8, -3_000..3_000_i64, any::<bool>())
            .prop_map(|(id, millis, chargeback)| What::Adjust { id, millis, chargeback }),
        1 => (1..4_u8).prop_map(|number| What::RechargeFails { number }),
        8 => (0..5_u8).prop_map(|call| What::Start { call }),
        16 => (0..5_u8, 1..9_i32).prop_map(|(call, minute)| What::Tick { call, minute }),
        6 => (0..5_u8, 0..540_i32).prop_map(|(call, seconds)| What::End { call, seconds }),
        1 => (0..VARIANTS).prop_map(|variant| What::Configure { variant }),
        2 => seconds.prop_map(|seconds| What::Silence { seconds }),
    ]
}

pub fn history() -> impl Strategy<Value = History> {
    let step = (0..70_i64, 0..2_usize, what());
    let step = step.prop_map(|(after_s, tenant, what)| Step {
        after_s,
        tenant,
        what,
    });
    let variants = prop::array::uniform2(0..VARIANTS);
    let all = (variants, any::<bool>(), prop::collection::vec(step, 1..60));
    all.prop_map(|(variants, month_end, steps)| History {
        variants,
        month_end,
        steps,
    })
}

fn eur() -> Currency {
    Currency::parse("EUR").expect("EUR")
}

fn germany() -> Country {
    Country::parse("DE").expect("DE")
}

fn millis(amount: i64) -> Money {
    Money::from_micros(amount * 1_000)
}

/// One of the configurations: modes, overdraft, pool, scope, limits, alarms, recharge, status.
pub fn configuration(variant: u8, version: i64) -> TenantConfig {
    let threshold = |kind, value| Threshold { kind, value };
    let amount = threshold(ThresholdKind::Amount, millis(500));
    let plain = TenantConfig {
        version,
        status: TenantStatus::Active,
        currency: eur(),
        country: germany(),
        rate_card: "standard".to_owned(),
        billing_mode: BillingMode::Prepaid,
        overdraft_limit: Money::ZERO,
        subscription_licenses: 0,
        dial_out_policy: DialOutPolicy::Any,
        zone_a: None,
        cut_scope: CutScope::AllChargeable,
        hold_ahead_minutes: 1,
        low_credit: vec![amount],
        auto_recharge: None,
        limits: Limits::default(),
        mask_digits: None,
    };
    let recharge = Some(AutoRecharge {
        trigger: millis(1_000),
        amount: millis(1_000),
        daily_cap: millis(3_000),
    });
    match variant {
        1 => TenantConfig {
            overdraft_limit: millis(500),
            subscription_licenses: 1,
            hold_ahead_minutes: 2,
            low_credit: vec![
                amount,
                threshold(ThresholdKind::Percent, millis(30_000)),
                threshold(ThresholdKind::Runway, millis(3_000)),
            ],
            ..plain
        },
        2 => TenantConfig {
            auto_recharge: recharge,
            limits: Limits {
                spend_per_day: Some(millis(2_000)),
                live_calls: Some(3),
                call_minutes: Some(6),
                debt: None,
            },
            ..plain
        },
        3 => TenantConfig {
            billing_mode: BillingMode::Postpaid,
            auto_recharge: recharge,
            limits: Limits {
                debt: Some(millis(2_000)),
                ..Limits::default()
            },
            ..plain
        },
        4 => TenantConfig {
            cut_scope: CutScope::DialOutOnly,
            overdraft_limit: millis(200),
            limits: Limits {
                debt: Some(millis(1_000)),
                ..Limits::default()
            },
            ..plain
        },
        5 => TenantConfig {
            billing_mode: BillingMode::PrepaidThenPostpaid,
            subscription_licenses: 1,
            ..plain
        },
        6 => TenantConfig {
            status: TenantStatus::Suspended,
            ..plain
        },
        7 => TenantConfig {
            status: TenantStatus::Closed,
            ..plain
        },
        _ => plain,
    }
}

/// When a call is answered. Every start of a call says the same, so that repeats are repeats.
pub fn answered_at(call: u8, first: Moment) -> Moment {
    first.plus_seconds(i64::from(call) * 20)
}

fn start(call: u8, at: Moment) -> CallStarted<'static> {
    let dial_in = call == DIAL_IN_CALL;
    let number = Cow::Borrowed(NUMBERS[usize::from(call) % NUMBERS.len()]);
    CallStarted {
        call_id: Cow::Owned(format!("c{call}")),
        conference_id: None,
        answered_at: at,
        leg: if dial_in {
            LegKind::DialInTollFree
        } else {
            LegKind::DialOut
        },
        bridge_number: dial_in.then(|| Cow::Borrowed(NUMBERS[0])),
        remote_number: Some(number),
        organizer_id: Cow::Borrowed("anna"),
        organizer_country: germany(),
        license: if call == POOL_CALL {
            License::Subscription
        } else {
            License::PayPerMinute
        },
        dial_out_policy: None,
        emergency: false,
    }
}

/// The event of a step; none where only time passes. A configuration's version is `version`.
pub fn body(what: &What, first: Moment, version: i64) -> Option<Body<'static>> {
    let call_id = |call: u8| Cow::Owned(format!("c{call}"));
    Some(match what {
        What::Grant {
            id,
            millis: amount,
            answers,
        } => Body::CreditGranted(CreditGranted {
            payment_id: Cow::Owned(format!("p{id}")),
            amount: millis(*amount),
            currency: eur(),
            kind: LotKind::Purchase,
            expires_at: (id % 2 == 1).then(|| first.plus_seconds(i64::from(*id) * 400)),
            request_id: answers.map(|number| Cow::Owned(format!("recharge/{number}"))),
        }),
        What::Adjust {
            id,
            millis: amount,
            chargeback,
        } => Body::CreditAdjusted(CreditAdjusted {
            adjustment_id: Cow::Owned(format!("a{id}")),
            amount: millis(*amount),
            currency: eur(),
            reason: if *chargeback {
                AdjustmentReason::Chargeback
            } else {
                AdjustmentReason::Goodwill
            },
        }),
        What::RechargeFails { number } => Body::RechargeFailed(RechargeFailed {
            request_id: Cow::Owned(format!("recharge/{number}")),
            reason: None,
        }),
        What::Start { call } => Body::CallStarted(start(*call, answered_at(*call, first))),
        What::Tick { call, minute } => {
            let (call_id, minute) = (call_id(*call), *minute);
            Body::CallMinuteTick(CallMinuteTick { call_id, minute })
        }
        What::End { call, seconds } => Body::CallEnded(CallEnded {
            call_id: call_id(*call),
            duration_seconds: *seconds,
            cause: None,
        }),
        What::Configure { variant } => {
            Body::TenantConfigured(Box::new(configuration(*variant, version)))
        }
        What::Silence { .. } => return None,
    })
}
