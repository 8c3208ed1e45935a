//! One partition and what is put to it.

use std::borrow::Cow;
use std::sync::Arc;

use tollkeeper::charging::{Facts, Part, Partition, RawRef, Settings};
use tollkeeper::codec::encode_event;
use tollkeeper::domain::{
    BillingMode, Body, CallEnded, CallMinuteTick, CallStarted, Country, CreditAdjusted,
    CreditGranted, Currency, CutScope, DialOutPolicy, Event, LegKind, License, Limits, LotKind,
    Moment, Money, RechargeFailed, TenantConfig, TenantStatus,
};
use tollkeeper::rates::{RateCard, RateCards, parse_csv};

pub const COLUMNS: &str = "kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,\
                           increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium";

pub struct Desk {
    pub partition: Partition,
    pub cards: RateCards,
    pub facts: Facts,
    pub now: Moment,
    pub event_id: String,
    /// Bytes beside each event, so that what is parked is large.
    pub padding: usize,
    settings: Settings,
    offset: i64,
}

impl Desk {
    pub fn new(settings: Settings) -> Self {
        let csv = format!("{COLUMNS}\nDIAL_OUT,49,Germany,DE,0.31,,60,60,,,,,,,,\n");
        let rows = parse_csv(csv.as_bytes()).expect("the card is good");
        let mut cards = RateCards::default();
        let card = RateCard::new("card", 1, None, rows);
        cards.publish(Arc::new(card), Moment::EARLIEST);
        Desk {
            partition: Partition::new(0, settings),
            cards,
            facts: Facts::default(),
            now: Moment::from_millis(1_800_000_000_000),
            event_id: "e".to_owned(),
            padding: 0,
            settings,
            offset: 0,
        }
    }

    /// A configuration, and a million the first time.
    pub fn tenant(&mut self, tenant: &str, change: impl FnOnce(&mut TenantConfig)) {
        let mut config = configuration();
        change(&mut config);
        self.take(tenant, Body::TenantConfigured(Box::new(config)));
        if self.facts.rejected.is_empty() {
            self.take(tenant, grant("first", "1000000"));
        }
    }

    pub fn tenant_without_credit(&mut self, tenant: &str) {
        let config = Box::new(configuration());
        self.take(tenant, Body::TenantConfigured(config));
    }

    pub fn take(&mut self, tenant: &str, body: Body<'_>) {
        let padding = vec![0; self.padding];
        let raw = RawRef {
            offset: self.offset,
            timestamp: self.now,
            key: Some(tenant.as_bytes()),
            payload: Some(&padding),
            headers: &[],
        };
        let event = Event {
            event_id: Cow::Borrowed(&self.event_id),
            tenant_id: Cow::Borrowed(tenant),
            occurred_at: self.now,
            body,
        };
        self.offset += 1;
        let limit = 1_000_000;
        self.partition
            .advance(self.now, &self.cards, limit, &mut self.facts);
        self.partition
            .apply(raw, Ok(event), &self.cards, &mut self.facts);
    }

    pub fn take_emergency(&mut self, tenant: &str, call: &str) {
        let Body::CallStarted(mut start) = start(call, number(0)) else {
            unreachable!("a start is a start")
        };
        start.emergency = true;
        start.answered_at = self.now;
        self.take(tenant, Body::CallStarted(start));
    }

    pub fn pass_seconds(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
        let limit = 1_000_000;
        self.partition
            .advance(self.now, &self.cards, limit, &mut self.facts);
    }

    /// The partition as the journal would bring it back.
    pub fn restart(&mut self) {
        let mut restoring = Partition::restore(0, self.settings);
        let mut after = None;
        while let Some(key) = self.partition.next_row(after) {
            for part in [Part::Fixed, Part::Moving] {
                let mut bytes = Vec::new();
                self.partition.write_row(key, part, &mut bytes);
                let put = restoring.put(key, part, &bytes);
                put.expect("what was written can be read");
            }
            after = Some(key);
        }
        let (time, next) = (self.partition.time(), self.partition.next_offset());
        self.partition = restoring.finish(time, next).expect("all rows are there");
    }
}

pub fn configuration() -> TenantConfig {
    TenantConfig {
        version: 1,
        status: TenantStatus::Active,
        currency: Currency::parse("EUR").expect("EUR"),
        country: Country::parse("DE").expect("DE"),
        rate_card: "card".to_owned(),
        billing_mode: BillingMode::Prepaid,
        overdraft_limit: Money::ZERO,
        subscription_licenses: 0,
        dial_out_policy: DialOutPolicy::Any,
        zone_a: None,
        cut_scope: CutScope::AllChargeable,
        hold_ahead_minutes: 1,
        low_credit: Vec::new(),
        auto_recharge: None,
        limits: Limits::default(),
        mask_digits: None,
    }
}

pub fn encoded(tenant: &str, config: TenantConfig) -> Vec<u8> {
    let mut bytes = Vec::new();
    let event = Event {
        event_id: Cow::Borrowed("e"),
        tenant_id: Cow::Borrowed(tenant),
        occurred_at: Moment::from_millis(1_800_000_000_000),
        body: Body::TenantConfigured(Box::new(config)),
    };
    encode_event(&event, &mut bytes);
    bytes
}

/// One of a hundred million numbers of Berlin.
pub fn number(which: usize) -> String {
    format!("+4930{which:08}")
}

pub fn start(call: &str, number: String) -> Body<'static> {
    Body::CallStarted(CallStarted {
        call_id: Cow::Owned(call.to_owned()),
        conference_id: None,
        answered_at: Moment::from_millis(1_800_000_000_000),
        leg: LegKind::DialOut,
        bridge_number: None,
        remote_number: Some(Cow::Owned(number)),
        organizer_id: Cow::Borrowed("o"),
        organizer_country: Country::parse("DE").expect("DE"),
        license: License::PayPerMinute,
        dial_out_policy: None,
        emergency: false,
    })
}

pub fn tick(call: &str, minute: i32) -> Body<'static> {
    Body::CallMinuteTick(CallMinuteTick {
        call_id: Cow::Owned(call.to_owned()),
        minute,
    })
}

pub fn end(call: &str, duration_seconds: i32) -> Body<'static> {
    Body::CallEnded(CallEnded {
        call_id: Cow::Owned(call.to_owned()),
        duration_seconds,
        cause: None,
    })
}

pub fn grant(payment: &str, amount: &str) -> Body<'static> {
    Body::CreditGranted(CreditGranted {
        payment_id: Cow::Owned(payment.to_owned()),
        amount: Money::parse(amount).expect("an amount"),
        currency: Currency::parse("EUR").expect("EUR"),
        kind: LotKind::Purchase,
        expires_at: None,
        request_id: None,
    })
}

/// Events, in each of which one name is this one.
pub fn bodies_with(name: &str) -> Vec<Body<'_>> {
    let started = |change: &dyn Fn(&mut CallStarted<'static>)| {
        let Body::CallStarted(mut start) = start("call", number(0)) else {
            unreachable!("a start is a start")
        };
        change(&mut start);
        Body::CallStarted(start)
    };
    let owned = || Cow::Owned(name.to_owned());
    let mut config = configuration();
    config.version = 2;
    name.clone_into(&mut config.rate_card);
    vec![
        started(&|start| start.call_id = owned()),
        started(&|start| {
            start.call_id = Cow::Borrowed("organized");
            start.organizer_id = owned();
        }),
        started(&|start| {
            start.call_id = Cow::Borrowed("met");
            start.conference_id = Some(owned());
        }),
        tick(name, 1),
        end(name, 60),
        grant(name, "1"),
        Body::CreditAdjusted(CreditAdjusted {
            adjustment_id: Cow::Borrowed(name),
            amount: Money::parse("1").expect("an amount"),
            currency: Currency::parse("EUR").expect("EUR"),
            reason: tollkeeper::domain::AdjustmentReason::Goodwill,
        }),
        Body::RechargeFailed(RechargeFailed {
            request_id: Cow::Borrowed(name),
            reason: None,
        }),
        Body::TenantConfigured(Box::new(config)),
    ]
}
