//! What must be published: the committed journal's positions and times put through the core once, without
//! Kafka's troubles.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use tollkeeper::charging::{Facts, Partition, RawRef, Settings};
use tollkeeper::codec::{
    EventDecoder, Partitioner, RecordEncoder, key_of, partition_of, rejection_headers, topic_of,
};
use tollkeeper::domain::{Event, Moment, Record, RejectReason, Rejected, RejectedRecord};
use tollkeeper::flow::{Destination, FlowSettings};
use tollkeeper::rates::RateCards;

use super::checks::Broken;
use super::log::{Log, Message};
use super::script::{Deed, Script};

/// The input topic's name.
pub const INPUT: &str = "events";

/// Records by topic, in order.
pub type Published = [Vec<Message>; Destination::ALL.len()];

/// What is common to all partitions.
#[derive(Debug)]
pub struct Office {
    pub decoder: EventDecoder,
    pub encoder: RecordEncoder,
    pub partitions: i32,
    pub cards: Vec<Arc<RateCards>>,
    /// The largest record that goes out.
    pub record_bytes: usize,
    /// Whether balances are published.
    pub balances: bool,
    /// Records that an operator permits to be skipped,
    pub skips: BTreeSet<(i32, i64)>,
    /// and positions at which one accepts that input is lost.
    pub gaps: BTreeSet<(i32, i64)>,
    /// Where a partition of the input has ever begun, beside its beginning.
    pub starts: BTreeSet<(i32, i64)>,
}

impl Office {
    pub fn new(flow: &FlowSettings) -> Self {
        Office {
            decoder: EventDecoder::new(flow.schemas.clone()),
            encoder: RecordEncoder::new(INPUT),
            partitions: flow.partitions,
            cards: Vec::new(),
            record_bytes: flow.record_bytes,
            balances: flow.balances,
            skips: BTreeSet::new(),
            gaps: BTreeSet::new(),
            starts: BTreeSet::new(),
        }
    }
}

/// One partition's core, which never crashes, and what it has said since it was last asked.
#[derive(Debug)]
pub struct Reference {
    number: i32,
    pub partition: Partition,
    facts: Facts,
    said: Published,
}

/// What caused a record, for its headers.
struct Origin<'a> {
    cause: &'a [u8],
    traceparent: Option<&'a [u8]>,
    raw: Option<RawRef<'a>>,
}

impl Reference {
    pub fn new(number: i32, settings: Settings) -> Self {
        Reference {
            number,
            partition: Partition::new(number, settings),
            facts: Facts::default(),
            said: Published::default(),
        }
    }

    /// What a transaction must have published, balances apart.
    pub fn follow(
        &mut self,
        office: &Office,
        input: &Log,
        script: &Script,
    ) -> Result<Published, Broken> {
        for deed in script {
            self.repeat(office, input, deed)?;
        }
        self.partition.take_changes();
        Ok(std::mem::take(&mut self.said))
    }

    fn repeat(&mut self, office: &Office, input: &Log, deed: &Deed) -> Result<(), Broken> {
        let cards = Arc::clone(&office.cards[deed.cards]);
        let fired = self.partition.timers_fired() + deed.timers;
        for (offset, message) in input.committed(deed.from, deed.to) {
            self.take(office, &cards, offset, message, deed.clock);
        }
        self.partition.skip_to(deed.to);
        // A full transaction leaves timers for the next one: they fire one by one.
        self.partition
            .advance(deed.time, &cards, 0, &mut self.facts);
        while self.partition.timers_fired() < fired {
            let done = self
                .partition
                .advance(deed.time, &cards, 1, &mut self.facts);
            self.say_timers(office);
            if done {
                break;
            }
        }
        let here = (self.partition.time(), self.partition.timers_fired());
        if here != (deed.time, fired) {
            return Err(format!(
                "{deed:?}: one run of the core comes to {here:?}, {fired} expected"
            ));
        }
        Ok(())
    }

    /// Fires whatever is left; how much it says then, which is nothing where all was fired before.
    pub fn rest(&mut self, office: &Office) -> usize {
        let cards = Arc::clone(office.cards.last().expect("there is a state of the cards"));
        let time = self.partition.time();
        self.partition
            .advance(time, &cards, usize::MAX, &mut self.facts);
        self.facts.records.len() + self.facts.rejected.len()
    }

    fn take(
        &mut self,
        office: &Office,
        cards: &RateCards,
        offset: i64,
        message: &Rc<Message>,
        clock: Moment,
    ) {
        let headers: Vec<(&str, Option<&[u8]>)> = message
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
            .collect();
        let raw = RawRef {
            offset,
            timestamp: message.at.expect("input has timestamps"),
            key: message.key.as_deref(),
            payload: message.payload.as_deref(),
            headers: &headers,
        };
        let to = raw.timestamp.min(clock);
        self.partition
            .advance(to, cards, usize::MAX, &mut self.facts);
        self.say_timers(office);
        if office.skips.contains(&(self.number, offset)) {
            let rejected = Rejected {
                record: RejectedRecord::Current,
                reason: RejectReason::Invalid,
                message: "skipped by an operator".to_owned(),
            };
            self.reject(office, &rejected, raw);
            self.partition.skip_to(offset + 1);
            return;
        }
        let event = office.decoder.decode(raw.payload);
        let event = event.and_then(|event| self.routed(office, event, raw.key));
        let cause = event.as_ref().ok().map(|event| event.event_id.to_string());
        self.partition.apply(raw, event, cards, &mut self.facts);
        let trace = headers.iter().find(|(name, _)| *name == "traceparent");
        let origin = Origin {
            cause: cause.as_deref().unwrap_or_default().as_bytes(),
            traceparent: trace.and_then(|(_, value)| *value),
            raw: Some(raw),
        };
        self.say(office, &origin);
    }

    fn routed<'e>(
        &self,
        office: &Office,
        event: Event<'e>,
        key: Option<&[u8]>,
    ) -> Result<Event<'e>, Rejected> {
        let tenant = event.tenant_id.as_bytes();
        let home = partition_of(Partitioner::Murmur2, tenant, office.partitions);
        let message = if key != Some(tenant) {
            "the key is not the tenant_id".to_owned()
        } else if home != self.number {
            let here = self.number;
            format!("on partition `{here}`, but its key belongs to `{home}`")
        } else {
            return Ok(event);
        };
        Err(Rejected {
            record: RejectedRecord::Current,
            reason: RejectReason::Misrouted,
            message,
        })
    }

    fn say_timers(&mut self, office: &Office) {
        let origin = Origin {
            cause: b"timer",
            traceparent: None,
            raw: None,
        };
        self.say(office, &origin);
    }

    fn say(&mut self, office: &Office, origin: &Origin<'_>) {
        for record in std::mem::take(&mut self.facts.records) {
            let mut headers = vec![header("tollkeeper.cause", origin.cause)];
            headers.extend(origin.traceparent.map(|value| header("traceparent", value)));
            self.put(office, &record, headers);
        }
        for rejected in std::mem::take(&mut self.facts.rejected) {
            match &rejected.record {
                RejectedRecord::Current => {
                    let raw = origin.raw.expect("only records are at fault");
                    self.reject(office, &rejected, raw);
                }
                RejectedRecord::Parked(parked) => {
                    let headers: Vec<(&str, Option<&[u8]>)> = parked
                        .headers
                        .iter()
                        .map(|(name, value)| (name.as_str(), value.as_deref()))
                        .collect();
                    let raw = RawRef {
                        offset: parked.offset,
                        timestamp: parked.timestamp,
                        key: parked.key.as_deref(),
                        payload: parked.payload.as_deref(),
                        headers: &headers,
                    };
                    self.reject(office, &rejected, raw);
                }
            }
        }
    }

    /// A tenant's balance, as it is published.
    pub fn balance(&self, office: &Office, tenant: &str) -> Option<Vec<u8>> {
        let record = Record::TenantBalance(Box::new(self.partition.balance_of(tenant)?));
        let mut payload = Vec::new();
        office.encoder.encode(&record, &mut payload);
        Some(payload)
    }

    fn put(&mut self, office: &Office, record: &Record, headers: Vec<(String, Option<Vec<u8>>)>) {
        let mut payload = Vec::new();
        office.encoder.encode(record, &mut payload);
        let topic = Destination::from(topic_of(record)) as usize;
        self.said[topic].push(Message {
            at: None,
            key: Some(key_of(record).to_vec()),
            payload: Some(payload),
            headers,
        });
    }

    /// A record at fault as it came, with the reason; a value that is too large is cut.
    fn reject(&mut self, office: &Office, rejected: &Rejected, raw: RawRef<'_>) {
        let room = office.record_bytes - 4 * 1024;
        let length = raw.payload.map_or(0, <[u8]>::len);
        let keyed = raw.key.map_or(0, <[u8]>::len);
        let named =
            |(name, value): &(&str, Option<&[u8]>)| name.len() + value.map_or(0, <[u8]>::len) + 10;
        let beside: usize = keyed + raw.headers.iter().map(named).sum::<usize>();
        let left = room - beside;
        let copied = raw.headers.iter();
        let mut headers: Vec<(String, Option<Vec<u8>>)> = copied
            .map(|(name, value)| ((*name).to_owned(), value.map(<[u8]>::to_vec)))
            .collect();
        for (name, value) in rejection_headers(rejected, INPUT, self.number, raw.offset) {
            headers.push(header(name, value.as_bytes()));
        }
        if length > left {
            let length = length.to_string();
            headers.push(header("tollkeeper.errors.truncated", length.as_bytes()));
        }
        self.said[Destination::Rejected as usize].push(Message {
            at: None,
            key: raw.key.map(<[u8]>::to_vec),
            payload: raw
                .payload
                .map(|payload| payload[..length.min(left)].to_vec()),
            headers,
        });
    }
}

fn header(name: &str, value: &[u8]) -> (String, Option<Vec<u8>>) {
    (name.to_owned(), Some(value.to_vec()))
}
