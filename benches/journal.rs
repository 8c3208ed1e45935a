//! Writing the record of a transaction of 1,000 ticks, and restoring 100,000 tenants with a live call each.
#![allow(missing_docs)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tollkeeper::charging::{Facts, Partition, RawRef, Settings};
use tollkeeper::codec::parse_line;
use tollkeeper::domain::Moment;
use tollkeeper::journal::{Genesis, JournalSettings, Restored, Restorer, Writer, encode_genesis};
use tollkeeper::rates::{RateCard, RateCards, parse_csv};

const TENANTS: usize = 100_000;
const CARD: &str = "kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium\nDIAL_OUT,49,Germany,DE,0.02,,,,,,,,,,,\n";
const NOW: &str = "2026-11-23T10:00:00.000Z";

/// A partition at work, and what its journal holds.
struct Work {
    partition: Partition,
    writer: Writer,
    cards: RateCards,
    journal: Vec<Vec<u8>>,
}

fn restore(journal: &[Vec<u8>]) -> Restored {
    let mut restorer = Restorer::new(
        genesis(),
        0,
        JournalSettings::default(),
        Settings::default(),
        None,
    );
    for (offset, message) in (0..).zip(journal) {
        restorer.feed(offset, message).expect("a whole journal");
    }
    restorer.finish().expect("a whole journal")
}

fn genesis() -> Genesis {
    Genesis {
        cluster_id: "cluster".to_owned(),
        input_topic_id: "topic".to_owned(),
        partitions: 1,
    }
}

impl Work {
    fn new() -> Self {
        let journal = vec![encode_genesis(&genesis(), 0, JournalSettings::default())];
        let founded = restore(&journal);
        let rows = parse_csv(CARD.as_bytes()).expect("a sound card");
        let mut cards = RateCards::default();
        let card = RateCard::new("standard", 1, None, rows);
        cards.publish(Arc::new(card), Moment::EARLIEST);
        Work {
            partition: founded.partition,
            writer: founded.writer,
            cards,
            journal,
        }
    }

    /// An event of a tenant, its other fields given.
    fn apply(&mut self, tenant: usize, kind: &str, fields: &str) {
        let mut line = String::new();
        write!(line, r#"{{"type":"{kind}","event_id":"e","tenant_id":"tenant-{tenant}","occurred_at":"{NOW}",{fields}}}"#)
            .expect("in memory");
        let event = parse_line(&line).event;
        assert!(event.is_ok(), "{line}");
        let timestamp = Moment::parse(NOW).expect("a moment");
        let mut facts = Facts::default();
        self.partition
            .advance(timestamp, &self.cards, 1_000, &mut facts);
        let raw = RawRef {
            offset: self.partition.next_offset(),
            timestamp,
            key: None,
            payload: None,
            headers: &[],
        };
        self.partition.apply(raw, event, &self.cards, &mut facts);
    }

    fn commit(&mut self) {
        let first = i64::try_from(self.journal.len()).expect("few");
        self.journal
            .extend(self.writer.next(&mut self.partition).messages);
        self.writer.committed(first);
    }
}

/// One lot, one payment id, one live call a tenant.
fn at_work() -> Work {
    let mut work = Work::new();
    for tenant in 0..TENANTS {
        work.apply(tenant, "TenantConfigured", r#""version":1,"status":"ACTIVE","currency":"EUR","country":"DE","rate_card":"standard","billing_mode":"PREPAID""#);
        work.apply(
            tenant,
            "CreditGranted",
            r#""payment_id":"p1","amount":"1000","currency":"EUR","kind":"PURCHASE""#,
        );
        let start = format!(
            r#""call_id":"call-{tenant}-of-the-day","conference_id":"conference-{tenant}","answered_at":"{NOW}","leg":"DIAL_OUT","remote_number":"+4930901820","bridge_number":"+4989123456","organizer_id":"organizer-{tenant}","organizer_country":"DE","license":"PAY_PER_MINUTE""#
        );
        work.apply(tenant, "CallStarted", &start);
        if tenant % 300 == 299 {
            work.commit();
        }
    }
    work.commit();
    work
}

fn journal(criterion: &mut Criterion) {
    let mut work = at_work();
    let mut minute = 0;
    let bytes: usize = work.journal.iter().map(Vec::len).sum();
    let mut group = criterion.benchmark_group("journal");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(u64::try_from(bytes).expect("few")));
    group.bench_function("restore 100,000 tenants with a call each", |bencher| {
        bencher.iter(|| black_box(restore(&work.journal)));
    });
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("the record of 1,000 ticks", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                minute += 1;
                for tenant in 0..1_000 {
                    let tick = format!(r#""call_id":"call-{tenant}-of-the-day","minute":{minute}"#);
                    work.apply(tenant, "CallMinuteTick", &tick);
                }
                let begun = Instant::now();
                black_box(work.writer.next(&mut work.partition));
                spent += begun.elapsed();
                work.writer.committed(minute);
            }
            spent
        });
    });
    group.finish();
}

criterion_group!(benches, journal);
criterion_main!(benches);
