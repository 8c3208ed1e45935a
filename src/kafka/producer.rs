//! The transactional producer: begin, send, offsets, commit, abort, with what became of each.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{
    DeliveryResult, NoCustomPartitioner, Producer, ProducerContext, ThreadedProducer,
};
use rdkafka::topic_partition_list::Offset;

use super::clients::{Connection, Listening, Trouble};
use super::error::{Error, words};
use super::input::GroupMetadata;
use super::native::{self, Handle, NativeError, OwnedTopic};

/// How a transactional producer is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerSettings {
    /// One name, one producer: a second one fences the first.
    pub transactional_id: String,
    /// After this the broker aborts on its own. Below the group's session time-out.
    pub transaction_timeout: Duration,
}

/// What became of a step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// Not known yet (a time-out): the same call again resumes it.
    Retriable(String),
    /// The transaction must be aborted; the producer can go on.
    Abortable(String),
    /// Abort: the group has moved on without us. Hold until the next rebalance event.
    StaleGeneration(String),
    /// Another producer has our transactional.id: this one is dead.
    FencedProducer(String),
    /// Another consumer has our group.instance.id: another process uses our name.
    FencedInstance(String),
    /// This producer is dead for another reason: make a new one, restore.
    Fatal(String),
}

/// A topic that the producer was made for, by its place in the list given to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicHandle(pub usize);

/// One record to send.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// Where to.
    pub topic: TopicHandle,
    /// Its partition.
    pub partition: i32,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub payload: Option<&'a [u8]>,
    /// Its headers.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
    /// Above zero, its offset is noted under this number when it is delivered.
    pub ticket: usize,
}

/// Why a record was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendFailure {
    /// The producer's queue is full: wait and send it again.
    QueueFull,
    /// It is larger than the producer may send.
    TooLarge,
    /// Something else: abort.
    Failed(String),
}

/// Where a record with a ticket ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The number it was sent with.
    pub ticket: usize,
    /// Its partition.
    pub partition: i32,
    /// Its offset, if the transaction commits.
    pub offset: i64,
}

/// The position of an input partition, to be committed with the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionOffset {
    /// Its number.
    pub partition: i32,
    /// The next offset to read.
    pub next_offset: i64,
    /// Stored beside it; at most [`TransactionalProducer::METADATA_BYTES`].
    pub metadata: String,
}

#[derive(Debug, Default)]
struct Reports {
    delivered: Vec<Delivered>,
    /// The first failure since the transaction began.
    failure: Option<String>,
}

struct Context {
    listening: Listening,
    reports: Arc<Mutex<Reports>>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.listening.log(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.listening.error(error, reason);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        match result {
            Ok(message) if ticket > 0 => lock(&self.reports).delivered.push(Delivered {
                ticket,
                partition: message.partition(),
                offset: message.offset(),
            }),
            Ok(_) => {}
            Err((error, message)) => {
                let mut reports = lock(&self.reports);
                if reports.failure.is_none() {
                    let why = error
                        .rdkafka_error_code()
                        .map_or_else(|| error.to_string(), words);
                    reports.failure = Some(format!(
                        "delivering to `{}` partition {}: {why}",
                        message.topic(),
                        message.partition()
                    ));
                }
            }
        }
    }
}

fn lock(reports: &Mutex<Reports>) -> std::sync::MutexGuard<'_, Reports> {
    reports.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A transactional producer with its own thread for delivery reports.
pub struct TransactionalProducer {
    // Dropped before the client that they refer to.
    topics: Vec<OwnedTopic>,
    handle: Handle,
    reports: Arc<Mutex<Reports>>,
    trouble: Arc<Trouble>,
    input_topic: String,
    _client: ThreadedProducer<Context, NoCustomPartitioner>,
}

impl TransactionalProducer {
    /// The longest metadata string of an offset that a broker takes by default.
    pub const METADATA_BYTES: usize = 4096;
    /// The largest record that it sends, key, value and headers together.
    pub const RECORD_BYTES: usize = 1_000_000;

    /// Makes a producer for these topics; `input_topic` is the one whose offsets it commits.
    pub fn new(
        connection: &Connection,
        settings: &ProducerSettings,
        input_topic: &str,
        topics: &[&str],
    ) -> Result<Self, Error> {
        let listening = Listening::default();
        let trouble = Arc::clone(&listening.trouble);
        let reports = Arc::new(Mutex::new(Reports::default()));
        let context = Context {
            listening,
            reports: Arc::clone(&reports),
        };
        let config = producer_config(connection, settings);
        let client =
            ThreadedProducer::from_config_and_context(&config, context).map_err(|error| {
                Error::Configuration {
                    what: error.to_string(),
                }
            })?;
        let handle = Handle::new(client.client().native_ptr());
        let topics = topics
            .iter()
            .map(|name| {
                handle.topic(name).ok_or_else(|| Error::Configuration {
                    what: format!("`{name}` is not a topic's name"),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(TransactionalProducer {
            topics,
            handle,
            reports,
            trouble,
            input_topic: input_topic.to_owned(),
            _client: client,
        })
    }

    /// What its connections complained about.
    #[must_use]
    pub fn trouble(&self) -> &Arc<Trouble> {
        &self.trouble
    }

    /// Fences every older producer of this id and waits for its undecided transaction. Takes 50 to
    /// 500 ms.
    pub fn init(&self, timeout: Duration) -> Outcome {
        self.classified(self.handle.init_transactions(timeout))
    }

    /// Begins a transaction.
    pub fn begin(&self) -> Outcome {
        *lock(&self.reports) = Reports::default();
        self.classified(self.handle.begin_transaction())
    }

    /// Hands a record over; never blocks.
    pub fn send(&self, record: Sent<'_>) -> Result<(), SendFailure> {
        let message = native::Message {
            topic: &self.topics[record.topic.0],
            partition: record.partition,
            key: record.key,
            payload: record.payload,
            headers: record.headers,
            timestamp: 0,
            opaque: record.ticket,
        };
        self.handle
            .produce(&message)
            .map_err(|error| match error.code {
                RDKafkaErrorCode::QueueFull => SendFailure::QueueFull,
                RDKafkaErrorCode::MessageSizeTooLarge => SendFailure::TooLarge,
                _ => SendFailure::Failed(error.text),
            })
    }

    /// Puts the input positions into the transaction. `group` must be fresh.
    pub fn send_offsets(
        &self,
        offsets: &[PartitionOffset],
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Outcome {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for offset in offsets {
            assert!(
                offset.metadata.len() <= Self::METADATA_BYTES,
                "the metadata of an offset is bounded by its writer"
            );
            let mut entry = list.add_partition(&self.input_topic, offset.partition);
            entry
                .set_offset(Offset::Offset(offset.next_offset))
                .expect("a position is never negative");
            entry.set_metadata(&offset.metadata);
        }
        self.classified(self.handle.send_offsets(&list, group.native(), timeout))
    }

    /// Commits. Once done, every delivery of the transaction has been noted.
    pub fn commit(&self, timeout: Duration) -> Outcome {
        self.classified(self.handle.commit_transaction(timeout))
    }

    /// Aborts. Flushes first, at most `flush`: an abort with records in flight can end in an
    /// out-of-order sequence, which kills the producer.
    pub fn abort(&self, flush: Duration, timeout: Duration) -> Outcome {
        self.handle.flush(flush);
        self.classified(self.handle.abort_transaction(timeout))
    }

    /// The deliveries noted since the transaction began; forgets them.
    #[must_use]
    pub fn take_delivered(&self) -> Vec<Delivered> {
        std::mem::take(&mut lock(&self.reports).delivered)
    }

    /// The first record of this transaction that could not be delivered, and why.
    #[must_use]
    pub fn delivery_failure(&self) -> Option<String> {
        lock(&self.reports).failure.clone()
    }

    fn classified(&self, result: Result<(), NativeError>) -> Outcome {
        match result {
            Ok(()) => Outcome::Done,
            Err(error) => {
                let mut outcome = classify(&error);
                if let (Outcome::Abortable(why), Some(first)) =
                    (&mut outcome, self.delivery_failure())
                {
                    *why = first;
                }
                outcome
            }
        }
    }
}

fn classify(error: &NativeError) -> Outcome {
    let why = error.text.clone();
    match error.code {
        RDKafkaErrorCode::FencedInstanceId => Outcome::FencedInstance(why),
        RDKafkaErrorCode::Fenced
        | RDKafkaErrorCode::ProducerFenced
        | RDKafkaErrorCode::InvalidProducerEpoch => Outcome::FencedProducer(why),
        _ if error.fatal => Outcome::Fatal(why),
        RDKafkaErrorCode::UnknownMemberId
        | RDKafkaErrorCode::IllegalGeneration
        | RDKafkaErrorCode::StaleMemberEpoch
        | RDKafkaErrorCode::RebalanceInProgress => Outcome::StaleGeneration(why),
        _ if error.requires_abort => Outcome::Abortable(why),
        _ if error.retriable => Outcome::Retriable(why),
        _ => Outcome::Fatal(why),
    }
}

fn producer_config(connection: &Connection, settings: &ProducerSettings) -> rdkafka::ClientConfig {
    let mut config = connection.config(&settings.transactional_id);
    config.set("transactional.id", &settings.transactional_id);
    config.set(
        "transaction.timeout.ms",
        settings.transaction_timeout.as_millis().to_string(),
    );
    // A record must fail before its transaction does.
    config.set(
        "message.timeout.ms",
        settings.transaction_timeout.as_millis().to_string(),
    );
    // A commit right after another one finds the markers still being written and tries again
    // after this; the default of 100 ms would be most of the latency of an order.
    for (key, value) in [
        ("retry.backoff.ms", "2"),
        ("retry.backoff.max.ms", "100"),
        ("linger.ms", "5"),
        ("batch.num.messages", "10000"),
        ("batch.size", "1000000"),
        ("message.max.bytes", "1048588"),
        ("queue.buffering.max.messages", "500000"),
        ("queue.buffering.max.kbytes", "131072"),
        ("compression.type", "lz4"),
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("socket.nagle.disable", "true"),
    ] {
        if !connection.properties.contains_key(key) {
            config.set(key, value);
        }
    }
    config
}
