//! What must have been published: the whole input through the core once, without Kafka's troubles.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use rdkafka::message::Message as _;
use serde_json::Value;
use tollkeeper::charging::{Facts, Partition, RawRef, Settings};
use tollkeeper::codec::{EventDecoder, Partitioner, SchemaSet, partition_of, record_to_json};
use tollkeeper::domain::{Moment, RejectReason, Rejected, RejectedRecord, Symbol};
use tollkeeper::kafka::{CardFollower, Isolation, Start, TopicReader, headers_of};
use tollkeeper::rates::RateCards;

use super::{Deployment, WAIT, eventually};

/// Records in order, by topic and partition, without the moments at which they were decided.
type Published = BTreeMap<(String, i32), Vec<Value>>;

const TOPICS: [&str; 4] = ["rated_usage", "balance_notices", "call_control", "rejected"];

/// Waits until everything that is in the input now has been processed, by the group's offsets.
pub fn await_processed(deployment: &Deployment, partitions: i32) {
    let events = deployment.cluster().topics().events;
    let reader = reader(deployment, &events);
    for partition in 0..partitions {
        // Any question may fail while a broker is away; it is asked again.
        let end = eventually("the end of the input", || {
            Some(reader.watermarks(partition, WAIT).ok()?.end)
        });
        eventually("all input to be processed", || {
            let committed = reader.committed(&events, partition, WAIT).ok()?;
            (committed.map_or(0, |c| c.next_offset) >= end).then_some(())
        });
    }
}

/// Waits until so many more records have been processed.
pub fn await_progress(deployment: &Deployment, partitions: i32, more: i64) {
    let events = deployment.cluster().topics().events;
    let reader = reader(deployment, &events);
    let done = || positions(&reader, &events, partitions);
    let before = eventually("the group's offsets", done);
    eventually("progress", || (done()? >= before + more).then_some(()));
}

/// How many records have been processed, once no transaction with others is undecided.
pub fn processed(deployment: &Deployment, partitions: i32) -> i64 {
    let events = deployment.cluster().topics().events;
    let reader = reader(deployment, &events);
    eventually("the group's offsets", || {
        positions(&reader, &events, partitions)
    })
}

/// The sum of the group's positions; none while one of them cannot be had.
fn positions(reader: &TopicReader, events: &str, partitions: i32) -> Option<i64> {
    (0..partitions)
        .map(|partition| {
            let committed = reader.committed(events, partition, WAIT).ok()?;
            Some(committed.map_or(0, |c| c.next_offset))
        })
        .sum()
}

/// Fails unless what was published is, record by record and in order, what the input leads to:
/// nothing lost, nothing twice.
pub fn assert_exactly_once(deployment: &Deployment, partitions: i32) {
    let expected = expected(deployment, partitions);
    let published = published(deployment);
    for (place, records) in &expected {
        let found = published.get(place).map_or(&[][..], Vec::as_slice);
        for (index, (wanted, got)) in records.iter().zip(found).enumerate() {
            assert_eq!(wanted, got, "record {index} of {place:?}");
        }
        assert_eq!(records.len(), found.len(), "records of {place:?}");
    }
    for (place, found) in &published {
        assert!(
            expected.contains_key(place),
            "{} records of {place:?}",
            found.len()
        );
    }
    // The traffic is of no use unless it leads to something of every kind.
    for topic in TOPICS {
        assert!(
            expected.keys().any(|(of, _)| of == topic),
            "nothing on {topic}"
        );
    }
}

fn reader(deployment: &Deployment, topic: &str) -> TopicReader {
    let cluster = deployment.cluster();
    let group = cluster.name("group");
    TopicReader::open(
        &cluster.connection(),
        topic,
        Isolation::Committed,
        Some(&group),
        WAIT,
    )
    .expect("a reader")
}

fn published(deployment: &Deployment) -> Published {
    let mut published = Published::new();
    for topic in TOPICS {
        for mut record in deployment.consume(&format!("{topic} --envelope")) {
            let envelope = record.as_object_mut().and_then(|r| r.remove("kafka"));
            let partition = envelope.expect("asked for")["partition"].as_i64();
            let partition = i32::try_from(partition.expect("a number")).expect("a partition");
            timeless(&mut record);
            published
                .entry((topic.to_owned(), partition))
                .or_default()
                .push(record);
        }
    }
    published
}

/// Takes away when it was decided: the worker's clock may have moved partition time meanwhile.
fn timeless(record: &mut Value) {
    let fields = record.as_object_mut().expect("a record is an object");
    for decided in ["rated_at", "recorded_at", "issued_at", "record"] {
        fields.remove(decided);
    }
}

fn expected(deployment: &Deployment, partitions: i32) -> Published {
    let cluster = deployment.cluster();
    let shelf = CardFollower::read(&cluster.connection(), &cluster.topics().rate_cards)
        .expect("the cards are read");
    let (_, cards) = shelf.shelf().look();
    let mut published = Published::new();
    let events = cluster.topics().events;
    let mut input = reader(deployment, &events);
    for number in 0..partitions {
        let mut core = Core::new(number, partitions, &events, &cards);
        input
            .read_to_end(&[(number, Start::Beginning)], WAIT, |message| {
                let headers = headers_of(message);
                core.take(RawRef {
                    offset: message.offset(),
                    timestamp: Moment::from_millis(message.timestamp().to_millis().unwrap_or(0)),
                    key: message.key(),
                    payload: message.payload(),
                    headers: &headers,
                });
                ControlFlow::Continue(())
            })
            .expect("the input is read");
        for (topic, record) in core.out {
            published.entry((topic, number)).or_default().push(record);
        }
    }
    published
}

/// One partition's core and what it has said.
struct Core<'a> {
    number: i32,
    partitions: i32,
    topic: &'a str,
    cards: &'a RateCards,
    partition: Partition,
    decoder: EventDecoder,
    out: Vec<(String, Value)>,
}

impl<'a> Core<'a> {
    fn new(number: i32, partitions: i32, topic: &'a str, cards: &'a RateCards) -> Self {
        // As deploy/tollkeeper.toml has them.
        let settings = Settings {
            live_calls: 1_000_000,
            silence_minutes: 10,
            late_by_minutes: 120,
            ..Settings::default()
        };
        Core {
            number,
            partitions,
            topic,
            cards,
            partition: Partition::new(number, settings),
            decoder: EventDecoder::new(SchemaSet::builtin()),
            out: Vec::new(),
        }
    }

    fn take(&mut self, raw: RawRef<'_>) {
        let mut facts = Facts::default();
        while !self
            .partition
            .advance(raw.timestamp, self.cards, 1_000, &mut facts)
        {}
        self.say(&mut facts, raw.offset);
        let event = self.decoder.decode(raw.payload).and_then(|event| {
            let key = event.tenant_id.as_bytes();
            let home = partition_of(Partitioner::Murmur2, key, self.partitions);
            let message = if raw.key != Some(key) {
                "the key is not the tenant_id".to_owned()
            } else if home != self.number {
                format!(
                    "on partition `{}`, but its key belongs to `{home}`",
                    self.number
                )
            } else {
                return Ok(event);
            };
            let (record, reason) = (RejectedRecord::Current, RejectReason::Misrouted);
            Err(Rejected {
                record,
                reason,
                message,
            })
        });
        self.partition.apply(raw, event, self.cards, &mut facts);
        self.say(&mut facts, raw.offset);
    }

    fn say(&mut self, facts: &mut Facts, offset: i64) {
        for record in facts.records.drain(..) {
            let mut shown = record_to_json(&record, self.topic);
            timeless(&mut shown);
            let topic = shown["topic"].as_str().expect("a topic").to_owned();
            self.out.push((topic, shown));
        }
        for rejected in facts.rejected.drain(..) {
            let offset = match &rejected.record {
                RejectedRecord::Current => offset,
                RejectedRecord::Parked(parked) => parked.offset,
            };
            let shown = serde_json::json!({
                "topic": "rejected",
                "reason": rejected.reason.symbol(),
                "stage": rejected.reason.stage().symbol(),
                "message": rejected.message,
                "source": {"topic": self.topic, "partition": self.number, "offset": offset},
            });
            self.out.push(("rejected".to_owned(), shown));
        }
    }
}
