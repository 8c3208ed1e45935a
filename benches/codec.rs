//! Decoding a tick and a start, encoding a usage record: what each costs on one core.
#![allow(missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tollkeeper::codec::{EventDecoder, RecordEncoder, SchemaSet, encode_event, parse_line};
use tollkeeper::domain::{
    CallDescription, Cause, Country, Currency, LegKind, License, LotUse, Moment, Money,
    PhoneNumber, RatedUsage, RatedUsageKind, Record, Source,
};

fn example(json: &str) -> Vec<u8> {
    let event = parse_line(json).event.expect("an example is an event");
    let mut bytes = Vec::new();
    encode_event(&event, &mut bytes);
    bytes
}

fn usage() -> Record {
    let number = |text| Some(PhoneNumber::parse(text).expect("a number"));
    let at = Moment::from_millis(1_795_428_000_000);
    Record::RatedUsage(Box::new(RatedUsage {
        tenant_id: "contoso".into(),
        entry_sequence: 12_345,
        kind: RatedUsageKind::Minute(3),
        call: Arc::new(CallDescription {
            call_id: "2f1b7a54-7d0c-4a0e-9d5e-1f2c3b4a5d6e".into(),
            conference_id: Some("conf-3".into()),
            organizer_id: Some("ada".into()),
            leg: LegKind::DialOut,
            license: License::PayPerMinute,
            bridge_number: number("+12065550100"),
            remote_number: number("+493012345678"),
            rate_card: Some("standard".into()),
            prefix: Some("49".into()),
            destination: Some("Germany".into()),
            country: Country::parse("DE"),
            connection_fee: Some(Money::ZERO),
            unrated: false,
        }),
        mask_digits: 3,
        cause: Cause::Tick,
        from_second: 120,
        to_second: 180,
        connected_seconds: 180,
        billed_seconds: 180,
        rate_card_version: Some(4),
        rate_per_minute: Some(Money::from_micros(18_000)),
        amount: Money::from_micros(18_000),
        call_total: Money::from_micros(54_000),
        currency: Currency::parse("EUR").expect("a currency"),
        pool_minutes: 0,
        uncovered: Money::ZERO,
        lots: smallvec::smallvec![LotUse {
            lot_id: "payment/p1".into(),
            amount: Money::from_micros(18_000),
        }],
        balance_before: Money::from_micros(5_000_000),
        balance_after: Money::from_micros(4_982_000),
        occurred_at: at,
        rated_at: at,
        source: Source {
            partition: 3,
            offset: 4_711,
        },
    }))
}

fn codec(criterion: &mut Criterion) {
    let decoder = EventDecoder::new(SchemaSet::builtin());
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(1));
    for (name, json) in [
        (
            "tick",
            include_str!("../schemas/examples/CallMinuteTick.json"),
        ),
        (
            "start",
            include_str!("../schemas/examples/CallStarted.json"),
        ),
        (
            "grant",
            include_str!("../schemas/examples/CreditGranted.json"),
        ),
    ] {
        let bytes = example(json);
        group.bench_function(format!("decode {name}"), |bencher| {
            bencher.iter(|| decoder.decode(Some(black_box(&bytes))).expect("an event"));
        });
        group.bench_function(format!("decode {name} as JSON"), |bencher| {
            bencher.iter(|| {
                decoder
                    .decode(Some(black_box(json.as_bytes())))
                    .expect("an event")
            });
        });
    }
    let (encoder, record) = (RecordEncoder::new("tollkeeper.events"), usage());
    let mut buffer = Vec::with_capacity(1024);
    group.bench_function("encode rated usage", |bencher| {
        bencher.iter(|| {
            buffer.clear();
            encoder.encode(black_box(&record), &mut buffer);
            buffer.len()
        });
    });
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
