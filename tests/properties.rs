//! What holds for every history: the books balance at every step, a restart changes nothing, order does
//! not matter, tenants do not touch each other.
#![allow(missing_docs)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use tollkeeper::charging::{Facts, Part, Partition, RawRef, Settings};
use tollkeeper::codec::record_to_json;
use tollkeeper::domain::{
    AdjustmentReason, BillingMode, Body, CallEnded, CallMinuteTick, CallStarted, Country,
    CreditAdjusted, CreditGranted, Currency, CutScope, DialOutPolicy, Event, LegKind, License,
    Limits, LotKind, Moment, Money, RatedUsageKind, Record, TenantConfig, TenantStatus, Threshold,
    ThresholdKind,
};
use tollkeeper::rates::{RateCard, RateCards, parse_csv};

const HEAD: &str = "kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,\
                    increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium";
const ROWS: &str = "DIAL_OUT,49,Germany,DE,0.31,0.05,30,6,,,,,,,,\n\
                    DIAL_OUT,44,United Kingdom,GB,0.7,,60,60,,,,,,,,\n\
                    DIAL_OUT,1,North America,US,0.013333,,1,1,,,,,,,,\n\
                    DIAL_IN_TOLL_FREE,49,Germany,DE,0.11,,180,60,,,,,,,,\n";
const NUMBERS: [&str; 3] = ["+4930123456", "+442079460000", "+14155550123"];
const TENANTS: [&str; 2] = ["acme", "zenith"];

fn cards() -> RateCards {
    let rows = parse_csv(format!("{HEAD}\n{ROWS}").as_bytes()).expect("the card is good");
    let mut cards = RateCards::default();
    let card = RateCard::new(Arc::from("standard"), 1, None, rows);
    cards.publish(Arc::new(card), Moment::EARLIEST);
    cards
}

/// One step of a history: seconds since the step before, whose, and what.
#[derive(Clone, Debug)]
struct Step {
    after_s: i64,
    tenant: usize,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Grant {
        id: u8,
        millis: i64,
    },
    Adjust {
        id: u8,
        millis: i64,
        chargeback: bool,
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
    Silence,
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        2 => (0..6_u8, 1..4_000_i64).prop_map(|(id, millis)| What::Grant { id, millis }),
        1 => (0..6_u8, -3_000..3_000_i64, any::<bool>())
            .prop_map(|(id, millis, chargeback)| What::Adjust { id, millis, chargeback }),
        4 => (0..5_u8).prop_map(|call| What::Start { call }),
        8 => (0..5_u8, 1..9_i32).prop_map(|(call, minute)| What::Tick { call, minute }),
        3 => (0..5_u8, 0..540_i32).prop_map(|(call, seconds)| What::End { call, seconds }),
        1 => Just(What::Silence),
    ]
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..70_i64, 0..2_usize, what());
    prop::collection::vec(step, 1..60).prop_map(|steps| {
        let step = |(after_s, tenant, what)| Step {
            after_s,
            tenant,
            what,
        };
        steps.into_iter().map(step).collect()
    })
}

fn configuration(tenant: usize) -> TenantConfig {
    TenantConfig {
        version: 1,
        status: TenantStatus::Active,
        currency: Currency::parse("EUR").expect("EUR"),
        country: Country::parse("DE").expect("DE"),
        rate_card: "standard".to_owned(),
        billing_mode: BillingMode::Prepaid,
        overdraft_limit: Money::from_micros(if tenant == 0 { 0 } else { 500_000 }),
        subscription_licenses: i32::from(tenant == 1),
        dial_out_policy: DialOutPolicy::Any,
        zone_a: None,
        cut_scope: CutScope::AllChargeable,
        hold_ahead_minutes: 1 + i32::from(tenant == 1),
        low_credit: vec![Threshold {
            kind: ThresholdKind::Amount,
            value: Money::from_micros(500_000),
        }],
        auto_recharge: None,
        limits: Limits::default(),
        mask_digits: None,
    }
}

fn start(call: u8, at: Moment) -> CallStarted<'static> {
    let dial_in = call == 4;
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
        organizer_country: Country::parse("DE").expect("DE"),
        license: if call == 3 {
            License::Subscription
        } else {
            License::PayPerMinute
        },
        dial_out_policy: None,
        emergency: false,
    }
}

fn body(what: &What, first: Moment) -> Option<Body<'static>> {
    let currency = Currency::parse("EUR").expect("EUR");
    let amount = |millis: i64| Money::from_micros(millis * 1_000);
    let call_id = |call: u8| Cow::Owned(format!("c{call}"));
    Some(match what {
        What::Grant { id, millis } => Body::CreditGranted(CreditGranted {
            payment_id: Cow::Owned(format!("p{id}")),
            amount: amount(*millis),
            currency,
            kind: LotKind::Purchase,
            expires_at: (id % 2 == 1).then(|| first.plus_seconds(i64::from(*id) * 400)),
            request_id: None,
        }),
        What::Adjust {
            id,
            millis,
            chargeback,
        } => Body::CreditAdjusted(CreditAdjusted {
            adjustment_id: Cow::Owned(format!("a{id}")),
            amount: amount(*millis),
            currency,
            reason: if *chargeback {
                AdjustmentReason::Chargeback
            } else {
                AdjustmentReason::Goodwill
            },
        }),
        // Every start of a call says the same, so that repeats are repeats.
        What::Start { call } => {
            Body::CallStarted(start(*call, first.plus_seconds(i64::from(*call) * 20)))
        }
        What::Tick { call, minute } => {
            let (call_id, minute) = (call_id(*call), *minute);
            Body::CallMinuteTick(CallMinuteTick { call_id, minute })
        }
        What::End { call, seconds } => Body::CallEnded(CallEnded {
            call_id: call_id(*call),
            duration_seconds: *seconds,
            cause: None,
        }),
        What::Silence => return None,
    })
}

struct Run {
    partition: Partition,
    cards: RateCards,
    facts: Facts,
    first: Moment,
    now: Moment,
    offset: i64,
    published: Vec<Record>,
}

impl Run {
    fn new() -> Self {
        let first = Moment::parse("2026-11-23T10:00:00Z").expect("a moment");
        let mut run = Run {
            partition: Partition::new(0, Settings::default()),
            cards: cards(),
            facts: Facts::default(),
            first,
            now: first,
            offset: 0,
            published: Vec::new(),
        };
        for (tenant, id) in TENANTS.into_iter().enumerate() {
            let config = Body::TenantConfigured(Box::new(configuration(tenant)));
            run.take(id, Some(config));
        }
        run
    }

    fn step(&mut self, step: &Step) {
        let silence = if matches!(step.what, What::Silence) {
            700
        } else {
            0
        };
        self.now = self.now.plus_seconds(step.after_s + silence);
        let body = body(&step.what, self.first);
        self.take(TENANTS[step.tenant], body);
    }

    fn take(&mut self, tenant: &str, body: Option<Body<'_>>) {
        let (cards, facts) = (&self.cards, &mut self.facts);
        assert!(self.partition.advance(self.now, cards, usize::MAX, facts));
        let raw = RawRef {
            offset: self.offset,
            timestamp: self.now,
            key: None,
            payload: None,
            headers: &[],
        };
        if let Some(body) = body {
            let event = Event {
                event_id: Cow::Borrowed("e"),
                tenant_id: Cow::Borrowed(tenant),
                occurred_at: self.now,
                body,
            };
            self.partition.apply(raw, Ok(event), cards, facts);
        }
        self.offset += 1;
        self.facts.rejected.clear();
        self.published.append(&mut self.facts.records);
    }

    /// The partition as the journal would bring it back: every row written and read.
    fn restart(&mut self) {
        let mut restoring = Partition::restore(0, Settings::default());
        let mut after = None;
        while let Some(key) = self.partition.next_row(after) {
            for part in [Part::Fixed, Part::Moving] {
                let mut bytes = Vec::new();
                self.partition.write_row(key, part, &mut bytes);
                restoring
                    .put(key, part, &bytes)
                    .expect("what was written can be read");
            }
            after = Some(key);
        }
        let (time, next) = (self.partition.time(), self.partition.next_offset());
        self.partition = restoring.finish(time, next).expect("all rows are there");
    }

    fn transcript(&self) -> Vec<String> {
        let json = |record| record_to_json(record, "events").to_string();
        self.published.iter().map(json).collect()
    }
}

#[derive(Default)]
struct Books {
    sequence: i64,
    balance: Money,
    totals: BTreeMap<String, Money>,
    finals: BTreeMap<String, u32>,
    notices: i64,
}

fn check_books(records: &[Record]) -> BTreeMap<String, Books> {
    let mut tenants: BTreeMap<String, Books> = BTreeMap::new();
    for record in records {
        match record {
            Record::RatedUsage(usage) => {
                let books = tenants.entry(usage.tenant_id.to_string()).or_default();
                books.sequence += 1;
                assert_eq!(usage.entry_sequence, books.sequence);
                assert_eq!(usage.balance_before, books.balance);
                assert_eq!(usage.balance_after, books.balance - usage.amount);
                books.balance = usage.balance_after;
                let call = usage.call.call_id.to_string();
                let total = books.totals.entry(call.clone()).or_default();
                *total += usage.amount;
                assert_eq!(*total, usage.call_total, "the records of a leg add up");
                *books.finals.entry(call).or_default() +=
                    u32::from(usage.kind == RatedUsageKind::Final);
            }
            Record::WalletEntry(entry) => {
                let books = tenants.entry(entry.tenant_id.to_string()).or_default();
                books.sequence += 1;
                assert_eq!(entry.entry_sequence, books.sequence);
                assert_eq!(entry.balance_before, books.balance);
                assert_eq!(entry.balance_after, books.balance + entry.amount);
                books.balance = entry.balance_after;
            }
            Record::BalanceNotice(notice) => {
                let books = tenants.entry(notice.tenant_id.to_string()).or_default();
                books.notices += 1;
                assert_eq!(notice.notice_sequence, books.notices);
            }
            Record::CallOrder(_) | Record::TenantOrder(_) | Record::TenantBalance(_) => {}
        }
    }
    tenants
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_books_balance_at_every_step(steps in history()) {
        let mut run = Run::new();
        for step in &steps {
            run.step(step);
            let books = check_books(&run.published);
            for figures in run.partition.figures() {
                let id = &*figures.tenant_id;
                let balance = books.get(id).map_or(Money::ZERO, |books| books.balance);
                prop_assert_eq!(figures.balance, balance);
                prop_assert_eq!(figures.holds, figures.held_by_calls);
                prop_assert!(!figures.holds.is_negative());
            }
        }
        for books in check_books(&run.published).values() {
            prop_assert!(books.finals.values().all(|finals| *finals <= 1), "one FINAL a leg");
        }
        // With every call silent, nothing is held.
        run.now = run.now.plus_seconds(3 * 3_600);
        run.take(TENANTS[0], None);
        for figures in run.partition.figures() {
            prop_assert_eq!((figures.holds, figures.live_calls), (Money::ZERO, 0));
        }
    }

    #[test]
    fn a_restart_at_any_point_changes_nothing(steps in history(), at in any::<prop::sample::Index>()) {
        let (mut whole, mut restarted) = (Run::new(), Run::new());
        let at = at.index(steps.len());
        for (place, step) in steps.iter().enumerate() {
            whole.step(step);
            if place == at {
                restarted.restart();
            }
            restarted.step(step);
        }
        prop_assert_eq!(whole.transcript(), restarted.transcript());
    }

    #[test]
    fn tenants_do_not_touch_each_other(steps in history()) {
        let (mut both, mut alone) = (Run::new(), Run::new());
        for step in &steps {
            both.step(step);
            let what = if step.tenant == 0 { step.what.clone() } else { What::Silence };
            // Time goes on all the same: a silent step of the other tenant only passes it.
            let after_s = if step.tenant != 0 && !matches!(step.what, What::Silence) {
                step.after_s - 700
            } else {
                step.after_s
            };
            alone.step(&Step { after_s, tenant: step.tenant, what });
        }
        let of_first = |run: &Run| -> Vec<String> {
            let mine = run.published.iter().filter(|record| tenant_of(record) == TENANTS[0]);
            mine.map(|record| {
                let mut json = record_to_json(record, "events");
                // What a timer leads to names the last record applied, whoever's it was.
                json.as_object_mut().expect("a record").remove("source");
                json.to_string()
            })
            .collect()
        };
        prop_assert_eq!(of_first(&both), of_first(&alone));
    }

    #[test]
    fn the_order_of_a_calls_events_does_not_matter(
        minutes in prop::collection::vec(1..30_i32, 0..6),
        seconds in 0..1_800_i32,
        call in 0..5_u8,
        funded in any::<bool>(),
        shuffle in any::<prop::sample::Index>(),
        repeat in any::<prop::sample::Index>(),
    ) {
        // The pool apart: a subscription's call is paid from credit here.
        let call = if call == 3 { 0 } else { call };
        let mut events = vec![What::Start { call }];
        events.extend(minutes.into_iter().map(|minute| What::Tick { call, minute }));
        events.push(What::End { call, seconds });
        let mut other = events.clone();
        other.rotate_left(shuffle.index(events.len()));
        other.push(events[repeat.index(events.len())].clone());
        let total = |order: &[What]| {
            let mut run = Run::new();
            if funded {
                run.step(&Step { after_s: 0, tenant: 0, what: What::Grant { id: 0, millis: 4_000_000 } });
            }
            for what in order {
                run.step(&Step { after_s: 1, tenant: 0, what: what.clone() });
            }
            let usage = run.published.iter().rev().find_map(|record| match record {
                Record::RatedUsage(usage) => Some(usage.call_total),
                _ => None,
            });
            usage.expect("the call has a record")
        };
        prop_assert_eq!(total(&events), total(&other));
    }
}

fn tenant_of(record: &Record) -> &str {
    match record {
        Record::RatedUsage(usage) => &usage.tenant_id,
        Record::WalletEntry(entry) => &entry.tenant_id,
        Record::BalanceNotice(notice) => &notice.tenant_id,
        Record::CallOrder(order) => &order.tenant_id,
        Record::TenantOrder(order) => &order.tenant_id,
        Record::TenantBalance(balance) => &balance.tenant_id,
    }
}
