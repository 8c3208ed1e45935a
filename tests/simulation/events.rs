//! The events of a history, each kind with what makes it interesting.

use std::borrow::Cow;

use tollkeeper::codec::{Partitioner, partition_of};
use tollkeeper::domain::{
    AdjustmentReason, AutoRecharge, BillingMode, Body, CallEnded, CallMinuteTick, CallStarted,
    Country, CreditAdjusted, CreditGranted, Currency, CutScope, DialOutPolicy, Event, LegKind,
    License, Limits, LotKind, Moment, Money, TenantConfig, TenantStatus, Threshold, ThresholdKind,
};

use super::encodings::encoded;
use super::rates::CARD;
use super::traffic::{Call, Keyed, TRIP, Traffic};

const NUMBERS: [&str; 5] = [
    "+4930123456",
    "+4930901820",
    "+14155550123",
    "+33140205050",
    "+442079460000",
];

impl Traffic {
    pub(super) fn event(&mut self, tenant: usize, clock: Moment, body: Body<'_>) -> Keyed {
        let id = self.tenants[tenant].id.clone();
        self.event_of(&id, clock, body)
    }

    pub(super) fn event_of(&mut self, tenant: &str, clock: Moment, body: Body<'_>) -> Keyed {
        self.numbers += 1;
        let trips = self.trips > 0 && self.dice.chance(60_000);
        let event_id = if trips {
            self.trips -= 1;
            TRIP.to_owned()
        } else {
            format!("e{}", self.numbers)
        };
        let late = if self.dice.chance(30_000) {
            self.dice.signed(0, 200 * 60_000)
        } else {
            self.dice.signed(0, 900)
        };
        let event = Event {
            event_id: Cow::Owned(event_id),
            tenant_id: Cow::Borrowed(tenant),
            occurred_at: clock.plus_millis(-late),
            body,
        };
        let payload = encoded(&event, &mut self.dice);
        let partition = partition_of(Partitioner::Murmur2, tenant.as_bytes(), self.partitions);
        (partition, tenant.as_bytes().to_vec(), payload)
    }

    pub(super) fn money(&mut self) -> Money {
        Money::from_micros(self.dice.signed(1, self.mood.cents) * 10_000)
    }

    pub(super) fn configuration(&mut self, tenant: usize) -> Body<'static> {
        let dice = &mut self.dice;
        let mode = *dice.pick(&[
            BillingMode::Prepaid,
            BillingMode::Prepaid,
            BillingMode::PrepaidThenPostpaid,
            BillingMode::Postpaid,
        ]);
        let status = *dice.pick(&[
            TenantStatus::Active,
            TenantStatus::Active,
            TenantStatus::Active,
            TenantStatus::Active,
            TenantStatus::Suspended,
            TenantStatus::Closed,
        ]);
        let amount = |cents| Money::from_micros(cents * 10_000);
        let threshold = |kind, value| Threshold {
            kind,
            value: amount(value),
        };
        let low_credit = [
            threshold(ThresholdKind::Amount, 50),
            threshold(ThresholdKind::Percent, 2_000),
            threshold(ThresholdKind::Runway, 500),
        ];
        let recharge = AutoRecharge {
            trigger: amount(20),
            amount: amount(100),
            daily_cap: amount(200),
        };
        let limits = Limits {
            spend_per_day: dice.chance(100_000).then(|| amount(dice.signed(10, 300))),
            live_calls: dice.chance(100_000).then_some(2),
            call_minutes: dice.chance(100_000).then_some(4),
            debt: dice.chance(100_000).then_some(amount(100)),
        };
        let tenant = &mut self.tenants[tenant];
        tenant.version += 1;
        let active = tenant.version == 1;
        Body::TenantConfigured(Box::new(TenantConfig {
            version: tenant.version,
            status: if active { TenantStatus::Active } else { status },
            currency: Currency::parse(tenant.currency).expect("a currency"),
            country: Country::parse(["DE", "US", "FR"][dice.place(3)]).expect("a country"),
            rate_card: CARD.to_owned(),
            billing_mode: mode,
            overdraft_limit: amount(if dice.chance(200_000) { 50 } else { 0 }),
            subscription_licenses: i32::try_from(dice.below(2)).expect("a small number"),
            dial_out_policy: *dice.pick(&[
                DialOutPolicy::Any,
                DialOutPolicy::Any,
                DialOutPolicy::ZoneA,
                DialOutPolicy::SameCountry,
            ]),
            zone_a: dice.chance(200_000).then(|| {
                ["US", "FR"]
                    .map(|code| Country::parse(code).expect("a country"))
                    .into()
            }),
            cut_scope: *dice.pick(&[
                CutScope::AllChargeable,
                CutScope::AllChargeable,
                CutScope::DialOutOnly,
            ]),
            hold_ahead_minutes: i32::try_from(dice.between(1, 3)).expect("a small number"),
            low_credit: low_credit[..dice.place(4)].to_vec(),
            auto_recharge: dice.chance(200_000).then_some(recharge),
            limits,
            mask_digits: dice.chance(200_000).then_some(3),
        }))
    }

    pub(super) fn start(&mut self, tenant: usize, clock: Moment) -> Keyed {
        self.numbers += 1;
        let call = Call {
            tenant,
            id: format!("c{}", self.numbers),
            answered_at: clock.plus_millis(-self.dice.signed(0, 2_000)),
            minute: 0,
        };
        let id = call.id.clone();
        let body = self.started(&id, call.answered_at);
        // A start that never comes leaves its ticks and end without a call.
        self.calls.push(call);
        self.event(tenant, clock, body)
    }

    pub(super) fn started(&mut self, id: &str, answered_at: Moment) -> Body<'static> {
        let dice = &mut self.dice;
        let leg = *dice.pick(&[
            LegKind::DialOut,
            LegKind::DialOut,
            LegKind::DialInToll,
            LegKind::DialInTollFree,
        ]);
        let dials_in = leg != LegKind::DialOut;
        let license = *dice.pick(&[
            License::PayPerMinute,
            License::PayPerMinute,
            License::PayPerMinute,
            License::Subscription,
            License::Subscription,
            License::None,
        ]);
        Body::CallStarted(CallStarted {
            call_id: Cow::Owned(id.to_owned()),
            conference_id: dice
                .chance(500_000)
                .then(|| Cow::Owned(format!("conference-{}", dice.below(9)))),
            answered_at,
            leg,
            bridge_number: dials_in.then_some(Cow::Borrowed(NUMBERS[0])),
            remote_number: Some(Cow::Borrowed(*dice.pick(&NUMBERS))),
            organizer_id: Cow::Borrowed("anna"),
            organizer_country: Country::parse("DE").expect("a country"),
            license,
            dial_out_policy: dice.chance(100_000).then(|| {
                *dice.pick(&[
                    DialOutPolicy::Any,
                    DialOutPolicy::SameCountry,
                    DialOutPolicy::ZoneA,
                    DialOutPolicy::None,
                ])
            }),
            emergency: dice.chance(20_000),
        })
    }

    pub(super) fn tick(&mut self, clock: Moment) -> Option<Keyed> {
        if self.calls.is_empty() {
            return None;
        }
        let place = self.dice.place(self.calls.len());
        let call = &mut self.calls[place];
        let passed = (clock.millis() - call.answered_at.millis()) / 60_000;
        let passed = i32::try_from(passed.clamp(1, 1_440)).expect("clamped");
        call.minute = if self.dice.chance(700_000) {
            (call.minute + 1).min(1_440)
        } else {
            passed
        };
        let (tenant, minute, id) = (call.tenant, call.minute, call.id.clone());
        let call_id = Cow::Owned(id);
        Some(self.event(
            tenant,
            clock,
            Body::CallMinuteTick(CallMinuteTick { call_id, minute }),
        ))
    }

    pub(super) fn end(&mut self, clock: Moment) -> Option<Keyed> {
        if self.calls.is_empty() {
            return None;
        }
        let place = self.dice.place(self.calls.len());
        let call = self.calls.swap_remove(place);
        let more = i32::try_from(self.dice.below(60)).expect("below a minute");
        let shorter = if self.dice.chance(60_000) { 90 } else { 0 };
        let duration = (60 * call.minute + more - shorter).max(0);
        let record = self.ended(call.tenant, &call.id, duration, clock);
        self.ended.push(call);
        Some(record)
    }

    pub(super) fn ended(
        &mut self,
        tenant: usize,
        id: &str,
        duration_seconds: i32,
        clock: Moment,
    ) -> Keyed {
        let body = Body::CallEnded(CallEnded {
            call_id: Cow::Owned(id.to_owned()),
            duration_seconds,
            cause: self.dice.chance(300_000).then_some(Cow::Borrowed("busy")),
        });
        self.event(tenant, clock, body)
    }

    /// Another end, a tick or a start of a call that has ended.
    pub(super) fn after_the_end(&mut self, clock: Moment) -> Option<Keyed> {
        if self.ended.is_empty() {
            return None;
        }
        let place = self.dice.place(self.ended.len());
        let (tenant, id) = (self.ended[place].tenant, self.ended[place].id.clone());
        let minute = self.ended[place].minute + 1;
        let answered_at = self.ended[place].answered_at;
        // So long that it may be forgotten, its id would begin another call.
        let kinds = if clock.millis() - answered_at.millis() > 4 * 60_000 {
            2
        } else {
            3
        };
        Some(match self.dice.below(kinds) {
            0 => {
                let duration = i32::try_from(self.dice.below(400)).expect("minutes");
                self.ended(tenant, &id, duration, clock)
            }
            1 => {
                let call_id = Cow::Owned(id);
                self.event(
                    tenant,
                    clock,
                    Body::CallMinuteTick(CallMinuteTick { call_id, minute }),
                )
            }
            _ => {
                let body = self.started(&id, answered_at);
                self.event(tenant, clock, body)
            }
        })
    }

    pub(super) fn grant(&mut self, tenant: usize, clock: Moment) -> Keyed {
        self.numbers += 1;
        let soon = self.dice.chance(200_000);
        let answers = self.dice.chance(200_000);
        let body = Body::CreditGranted(CreditGranted {
            payment_id: Cow::Owned(format!("p{}", self.numbers)),
            amount: self.money(),
            currency: self.currency(tenant),
            kind: *self.dice.pick(&[
                LotKind::Purchase,
                LotKind::Purchase,
                LotKind::Recharge,
                LotKind::Promotion,
                LotKind::Refund,
            ]),
            expires_at: soon.then(|| clock.plus_seconds(self.dice.signed(60, 40_000))),
            request_id: answers.then_some(Cow::Borrowed("recharge/1")),
        });
        self.event(tenant, clock, body)
    }

    pub(super) fn currency(&mut self, tenant: usize) -> Currency {
        let code = if self.dice.chance(30_000) {
            "CHF"
        } else {
            self.tenants[tenant].currency
        };
        Currency::parse(code).expect("a currency")
    }

    pub(super) fn adjust(&mut self, tenant: usize, clock: Moment) -> Keyed {
        self.numbers += 1;
        let amount = self.money();
        let body = Body::CreditAdjusted(CreditAdjusted {
            adjustment_id: Cow::Owned(format!("a{}", self.numbers)),
            amount: if self.dice.chance(500_000) {
                -amount
            } else {
                amount
            },
            currency: self.currency(tenant),
            reason: *self.dice.pick(&[
                AdjustmentReason::Refund,
                AdjustmentReason::Goodwill,
                AdjustmentReason::Chargeback,
                AdjustmentReason::Correction,
            ]),
        });
        self.event(tenant, clock, body)
    }

    pub(super) fn junk(&mut self, tenant: usize) -> Keyed {
        self.nonsense += 1;
        let key = self.tenants[tenant].id.clone().into_bytes();
        let partition =
            i32::try_from(self.dice.below(8)).expect("a small number") % self.partitions;
        let mut payload = b"no event".to_vec();
        if self.dice.chance(self.mood.oversized * 10) {
            self.large += 1;
            payload.resize(9_000, b'x');
        }
        (partition, key, payload)
    }

    pub(super) fn stranger(&mut self, clock: Moment) -> Keyed {
        let id = format!("stranger-{}", self.dice.below(3));
        let call = format!("c{}", self.numbers);
        let body = self.started(&call, clock);
        self.event_of(&id, clock, body)
    }

    pub(super) fn misrouted(&mut self, tenant: usize, clock: Moment) -> Keyed {
        self.nonsense += 1;
        let (partition, key, payload) = self.grant(tenant, clock);
        if self.partitions == 1 || self.dice.chance(500_000) {
            return (partition, b"somebody".to_vec(), payload);
        }
        ((partition + 1) % self.partitions, key, payload)
    }

    pub(super) fn invalid(&mut self, tenant: usize, clock: Moment) -> Keyed {
        self.nonsense += 1;
        let call_id = Cow::Borrowed("nobody's");
        let body = match self.dice.below(3) {
            0 => Body::CallMinuteTick(CallMinuteTick { call_id, minute: 0 }),
            1 => Body::CallMinuteTick(CallMinuteTick { call_id, minute: 3 }),
            _ => Body::CallEnded(CallEnded {
                call_id,
                duration_seconds: -1,
                cause: None,
            }),
        };
        self.event(tenant, clock, body)
    }
}
