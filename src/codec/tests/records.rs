//! Each record shows every field under its name, and reads back for an audit.

use std::sync::Arc;

use expect_test::expect_file;

use super::oracle::json_of;
use super::*;
use crate::domain::*;

fn at(millis: i64) -> Moment {
    Moment::from_millis(1_795_428_000_000 + millis)
}

fn micros(value: i64) -> Money {
    Money::from_micros(value)
}

fn eur() -> Currency {
    Currency::parse("EUR").expect("EUR")
}

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).expect("E.164")
}

const SOURCE: Source = Source {
    partition: 3,
    offset: 4711,
};

fn usage() -> Record {
    Record::RatedUsage(Box::new(RatedUsage {
        tenant_id: "contoso".into(),
        entry_sequence: 12,
        kind: RatedUsageKind::Minute(3),
        call: Arc::new(CallDescription {
            call_id: "call-7".into(),
            conference_id: Some("conf-3".into()),
            organizer_id: Some("ada".into()),
            leg: LegKind::DialOut,
            license: License::PayPerMinute,
            bridge_number: Some(number("+12065550100")),
            remote_number: Some(number("+493012345678")),
            rate_card: Some("standard".into()),
            prefix: Some("49".into()),
            destination: Some("Germany".into()),
            country: Country::parse("DE"),
            connection_fee: Some(micros(50_000)),
            unrated: true,
        }),
        mask_digits: 3,
        cause: Cause::CutIgnored,
        from_second: 120,
        to_second: 180,
        connected_seconds: 181,
        billed_seconds: 182,
        rate_card_version: Some(4),
        rate_per_minute: Some(micros(18_000)),
        amount: micros(18_001),
        call_total: micros(104_000),
        currency: eur(),
        pool_minutes: -1,
        uncovered: micros(2),
        lots: smallvec::smallvec![LotUse {
            lot_id: "payment/p1".into(),
            amount: micros(-7),
        }],
        balance_before: micros(5_000_000),
        balance_after: micros(4_981_999),
        occurred_at: at(1),
        rated_at: at(2),
        source: SOURCE,
    }))
}

fn entry() -> Record {
    Record::WalletEntry(Box::new(WalletEntry {
        record_id: "payment/p1".into(),
        tenant_id: "contoso".into(),
        entry_sequence: 1,
        kind: EntryKind::Adjustment,
        lot_id: Some("lot".into()),
        amount: micros(25_000_000),
        debt_paid: micros(1),
        currency: eur(),
        reason: Some("GOODWILL"),
        expires_at: Some(at(9)),
        balance_before: micros(-1),
        balance_after: micros(24_999_999),
        occurred_at: at(1),
        recorded_at: at(2),
        source: SOURCE,
    }))
}

fn notice() -> Record {
    Record::BalanceNotice(Box::new(BalanceNotice {
        tenant_id: "contoso".into(),
        notice_sequence: 2,
        kind: NoticeKind::Discrepancy,
        threshold: Some(Threshold {
            kind: ThresholdKind::Runway,
            value: micros(5_000_000),
        }),
        request_id: Some("notice/1".to_owned()),
        amount: Some(micros(1)),
        call_id: Some("call-7".into()),
        detail: Some("TICK_AFTER_END minute 4".to_owned()),
        balance: micros(2),
        available: micros(3),
        holds: micros(4),
        currency: eur(),
        live_calls: 5,
        burn_per_minute: micros(6),
        runway_seconds: Some(7),
        occurred_at: at(1),
        source: SOURCE,
    }))
}

fn call_order() -> Record {
    Record::CallOrder(Box::new(CallOrder {
        tenant_id: "contoso".into(),
        call_id: "call-7".into(),
        conference_id: Some("conf-3".into()),
        organizer_id: Some("ada".into()),
        leg: Some(LegKind::DialInTollFree),
        order_sequence: 2,
        kind: CallOrderKind::CutOff,
        cut_at: Some(at(60_000)),
        reason: OrderReason::LimitSpend,
        occurred_at: at(1),
        issued_at: at(2),
        source: SOURCE,
    }))
}

fn tenant_order() -> Record {
    Record::TenantOrder(Box::new(TenantOrder {
        tenant_id: "contoso".into(),
        order_sequence: 3,
        kind: TenantOrderKind::DialOutResumed,
        available: micros(1),
        occurred_at: at(1),
        issued_at: at(2),
        source: SOURCE,
    }))
}

fn balance() -> Record {
    Record::TenantBalance(Box::new(TenantBalance {
        tenant_id: "contoso".into(),
        balance: micros(1),
        available: micros(2),
        holds: micros(3),
        debt: micros(4),
        currency: eur(),
        pool_minutes_left: 5,
        live_calls: 6,
        entry_sequence: 7,
        lots: vec![LotUse {
            lot_id: "payment/p1".into(),
            amount: micros(8),
        }],
        updated_at: at(1),
    }))
}

fn all() -> [(RecordType, Record); 6] {
    [
        (RecordType::RatedUsage, usage()),
        (RecordType::WalletEntry, entry()),
        (RecordType::BalanceNotice, notice()),
        (RecordType::CallOrder, call_order()),
        (RecordType::TenantOrder, tenant_order()),
        (RecordType::TenantBalance, balance()),
    ]
}

fn bytes_of(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    RecordEncoder::new("events").encode(record, &mut bytes);
    bytes
}

#[test]
fn every_record_is_read_by_apaches_library_with_its_schema_file() {
    for (record_type, record) in all() {
        let schema = schema_text(record_type);
        let bytes = bytes_of(&record);
        assert_eq!(&bytes[..10], header_of(schema));
        let mut shown = record_to_json(&record, "events");
        let object = shown.as_object_mut().expect("an object");
        object.shift_remove("topic");
        assert_eq!(
            object.shift_remove("type"),
            Some(record_type.symbol().into())
        );
        assert_eq!(json_of(schema, &bytes[10..]).to_string(), shown.to_string());
    }
}

#[test]
fn every_field_stands_under_its_name() {
    let lines = all().map(|(_, record)| {
        serde_json::to_string_pretty(&record_to_json(&record, "events")).expect("JSON")
    });
    let expected = expect_file!["shown.txt"];
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn an_audit_reads_back_what_it_needs() {
    let decoder = RecordDecoder::new(SchemaSet::builtin());
    let read = all().map(|(_, record)| {
        format!(
            "{:#?}",
            decoder
                .decode(&bytes_of(&record))
                .expect("a record of ours")
        )
    });
    let expected = expect_file!["audited.txt"];
    expected.assert_eq(&read.join("\n"));
}

#[test]
fn ids_are_made_of_what_they_name() {
    let id_of = |kind| {
        let Record::RatedUsage(mut usage) = usage() else {
            unreachable!("a usage record")
        };
        usage.kind = kind;
        let json = record_to_json(&Record::RatedUsage(usage), "events");
        json["record_id"].as_str().expect("a text").to_owned()
    };
    assert_eq!(id_of(RatedUsageKind::Final), "call-7/FINAL");
    assert_eq!(
        id_of(RatedUsageKind::Adjustment(10)),
        "call-7/ADJUSTMENT/10"
    );
    assert_eq!(id_of(RatedUsageKind::Minute(1440)), "call-7/MINUTE/1440");
}

#[test]
fn records_go_to_their_topics_under_their_tenant() {
    let places =
        all().map(|(_, record)| (topic_of(&record).config_key(), key_of(&record).to_vec()));
    let topics = places.map(|(topic, key)| {
        assert_eq!(key, b"contoso");
        topic
    });
    assert_eq!(
        topics,
        [
            "rated_usage",
            "rated_usage",
            "balance_notices",
            "call_control",
            "call_control",
            "balances"
        ]
    );
}
