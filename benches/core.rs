//! The pure core on one thread: decode → charge → encode of minute ticks, no Kafka.
//! `cargo bench --no-default-features --bench core`
#![allow(missing_docs, clippy::print_stdout)]

mod machine;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tollkeeper::charging::{Facts, Partition, RawRef, Settings};
use tollkeeper::codec::{EventDecoder, RecordEncoder, SchemaSet, encode_event, parse_line};
use tollkeeper::domain::Moment;
use tollkeeper::rates::{RateCard, RateCards, parse_csv};

const TENANTS: usize = 100_000;
const MINUTES: u32 = 20;
const CARD: &str = "kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,\
                    increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium\n\
                    DIAL_OUT,49,Germany,DE,0.018,,,,,,,,,,,\n";

struct Core {
    decoder: EventDecoder,
    encoder: RecordEncoder,
    partition: Partition,
    cards: RateCards,
    facts: Facts,
    out: Vec<u8>,
    offset: i64,
    records: usize,
}

impl Core {
    fn new() -> Self {
        let rows = parse_csv(CARD.as_bytes()).expect("the card is good");
        let mut cards = RateCards::default();
        let card = RateCard::new(Arc::from("standard"), 1, None, rows);
        cards.publish(Arc::new(card), Moment::EARLIEST);
        Core {
            decoder: EventDecoder::new(SchemaSet::builtin()),
            encoder: RecordEncoder::new("tollkeeper.events"),
            partition: Partition::new(0, Settings::default()),
            cards,
            facts: Facts::default(),
            out: Vec::new(),
            offset: 0,
            records: 0,
        }
    }

    /// Takes records of one moment, as the worker takes a batch.
    fn take(&mut self, payloads: &[Vec<u8>], at: Moment) {
        let events: smallvec::SmallVec<[_; 32]> = payloads
            .iter()
            .map(|payload| self.decoder.decode(Some(payload.as_slice())))
            .collect();
        let seen = self.partition.foresee(events.iter().flatten());
        std::hint::black_box(seen);
        for (payload, event) in payloads.iter().zip(events) {
            let (cards, facts) = (&self.cards, &mut self.facts);
            assert!(self.partition.advance(at, cards, usize::MAX, facts));
            let raw = RawRef {
                offset: self.offset,
                timestamp: at,
                key: None,
                payload: Some(payload),
                headers: &[],
            };
            self.partition.apply(raw, event, cards, facts);
            self.offset += 1;
            assert!(facts.rejected.is_empty(), "{:?}", facts.rejected);
            for record in self.facts.records.drain(..) {
                self.out.clear();
                self.encoder.encode(&record, &mut self.out);
                self.records += 1;
            }
        }
    }
}

fn encoded(line: &str) -> Vec<u8> {
    let event = parse_line(line).event.expect("a good event");
    let mut bytes = Vec::new();
    encode_event(&event, &mut bytes);
    bytes
}

fn main() {
    println!("{}", machine::described());
    let start = Moment::parse("2026-11-23T10:00:00Z").expect("a moment");
    let mut core = Core::new();
    for tenant in 0..TENANTS {
        let head = format!(
            r#""event_id":"e{tenant}","tenant_id":"tenant-{tenant}","occurred_at":"{start}""#
        );
        for line in [
            format!(
                r#"{{"type":"TenantConfigured",{head},"version":1,"status":"ACTIVE","currency":"EUR","country":"DE","rate_card":"standard","billing_mode":"PREPAID"}}"#
            ),
            format!(
                r#"{{"type":"CreditGranted",{head},"payment_id":"p{tenant}","amount":"100","currency":"EUR","kind":"PURCHASE"}}"#
            ),
            format!(
                r#"{{"type":"CallStarted",{head},"call_id":"call-{tenant}","answered_at":"{start}","leg":"DIAL_OUT","remote_number":"+4930123456","organizer_id":"anna","organizer_country":"DE","license":"PAY_PER_MINUTE"}}"#
            ),
        ] {
            core.take(&[encoded(&line)], start);
        }
    }
    let ticks_of = |minute: u32| -> Vec<Vec<u8>> {
        let at = start.plus_seconds(i64::from(minute) * 60);
        (0..TENANTS)
            .map(|tenant| {
                encoded(&format!(
                    r#"{{"type":"CallMinuteTick","event_id":"e{tenant}","tenant_id":"tenant-{tenant}","occurred_at":"{at}","call_id":"call-{tenant}","minute":{minute}}}"#
                ))
            })
            .collect()
    };
    let all: Vec<Vec<Vec<u8>>> = (1..=MINUTES).map(ticks_of).collect();
    let mut rounds: Vec<Duration> = Vec::new();
    for (minute, ticks) in (1..).zip(&all) {
        let at = start.plus_seconds(minute * 60);
        let before = core.records;
        let begun = Instant::now();
        for batch in ticks.chunks(32) {
            core.take(batch, at);
        }
        rounds.push(begun.elapsed());
        assert_eq!(core.records - before, TENANTS, "one record a tick");
        // What a commit takes for the journal, outside the time measured.
        core.partition.take_changes();
    }
    // Freeing it all takes longer than it is worth.
    std::mem::forget((core, all));
    rounds.sort();
    let per_second =
        |took: Duration| u128::try_from(TENANTS).expect("small") * 1_000_000_000 / took.as_nanos();
    println!(
        "{TENANTS} tenants, {MINUTES} rounds of a tick each: median {} ticks/s, best {} ticks/s",
        per_second(rounds[rounds.len() / 2]),
        per_second(rounds[0]),
    );
}
