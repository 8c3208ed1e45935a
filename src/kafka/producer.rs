//! The transactional producer: begin, send, offsets, commit, with what became of each. What cannot be
//! committed is aborted by the next producer of the name, never by the same: see [`TransactionalProducer`].

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::clients::Connection;
use super::deliveries::{Client, Delivered};
use super::error::Error;
use super::input::GroupMetadata;
use super::native::{self, NativeError};
use super::offset_sender::OffsetSender;

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
    /// The transaction cannot be committed: a new producer aborts it.
    Abortable(String),
    /// The same, since the group has moved on without us. Hold until the next rebalance event.
    StaleGeneration(String),
    /// Another producer has our transactional.id: this one is dead.
    FencedProducer(String),
    /// Another consumer has our group.instance.id: another process uses our name.
    FencedInstance(String),
    /// This producer is dead for another reason: make a new one, restore.
    Fatal(String),
    /// A call was not answered in time: this producer must be left as it is, and a new one made.
    Unanswered(String),
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

/// A transactional producer with its own thread for delivery reports.
///
/// It has no abort. librdkafka 2.12 takes back what it has not heard of when it aborts, records that are
/// to be sent again after a time-out among them, and gives their sequence numbers to the next ones. Where
/// the broker had got the first, it takes the next for its repetition and acknowledges it without writing
/// it: seen as a committed transaction that lacked a record. A new producer has a new epoch, under which
/// numbers begin anew.
pub struct TransactionalProducer {
    // Dropped before the client: its thread ends first, unless it is stuck.
    offsets: OnceLock<OffsetSender>,
    client: Arc<Client>,
    input_topic: String,
}

impl TransactionalProducer {
    /// The longest metadata string of an offset that a broker takes by default.
    pub const METADATA_BYTES: usize = 4096;

    /// Makes a producer for these topics; `input_topic` is the one whose offsets it commits.
    pub fn new(
        connection: &Connection,
        settings: &ProducerSettings,
        input_topic: &str,
        topics: &[&str],
    ) -> Result<Self, Error> {
        let config = transactional(connection, settings);
        Ok(TransactionalProducer {
            offsets: OnceLock::new(),
            client: Arc::new(Client::new(&config, topics)?),
            input_topic: input_topic.to_owned(),
        })
    }

    /// Fences every older producer of this id and waits for its undecided transaction. Takes 50 to
    /// 500 ms.
    pub fn init(&self, timeout: Duration) -> Outcome {
        self.classified(self.client.handle().init_transactions(timeout))
    }

    /// Begins a transaction.
    pub fn begin(&self) -> Outcome {
        self.client.deliveries().forget();
        self.classified(self.client.handle().begin_transaction())
    }

    /// Hands a record over; never blocks.
    pub fn send(&self, record: Sent<'_>) -> Result<(), SendFailure> {
        let message = native::Message {
            topic: self.client.topic(record.topic.0),
            partition: record.partition,
            key: record.key,
            payload: record.payload,
            headers: record.headers,
            timestamp: 0,
            opaque: record.ticket,
        };
        self.client
            .handle()
            .produce(&message)
            .map_err(|error| match error.code {
                RDKafkaErrorCode::QueueFull => SendFailure::QueueFull,
                RDKafkaErrorCode::MessageSizeTooLarge => SendFailure::TooLarge,
                _ => SendFailure::Failed(error.text),
            })
    }

    /// Puts the input positions into the transaction, in twice the time-out at most. `group` must be
    /// fresh.
    pub fn send_offsets(
        &self,
        offsets: &[PartitionOffset],
        group: GroupMetadata,
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
        let sender = self
            .offsets
            .get_or_init(|| OffsetSender::start(Arc::clone(&self.client)));
        match sender.send(list, group, timeout) {
            Some(result) => self.classified(result),
            None => Outcome::Unanswered("placing the offsets was not answered".to_owned()),
        }
    }

    /// Commits. Once done, every delivery of the transaction has been noted.
    pub fn commit(&self, timeout: Duration) -> Outcome {
        self.classified(self.client.handle().commit_transaction(timeout))
    }

    /// The deliveries noted since the transaction began; forgets them.
    #[must_use]
    pub fn take_delivered(&self) -> Vec<Delivered> {
        self.client.deliveries().take()
    }

    /// The first record of this transaction that could not be delivered, and why.
    fn delivery_failure(&self) -> Option<String> {
        self.client.deliveries().failure()
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

fn transactional(connection: &Connection, settings: &ProducerSettings) -> ClientConfig {
    let mut config = tuned(connection, &settings.transactional_id);
    let timeout = settings.transaction_timeout.as_millis().to_string();
    // What is not answered is asked again on a new connection while the transaction can still be saved;
    // the default of 60 s cannot.
    let half = (settings.transaction_timeout / 2).as_millis().to_string();
    connection.prefer(&mut config, "socket.timeout.ms", &half);
    config.set("transactional.id", &settings.transactional_id);
    config.set("transaction.timeout.ms", &timeout);
    // A record must fail before its transaction does.
    config.set("message.timeout.ms", &timeout);
    config
}

/// What every producer of ours is set to, unless the operator says otherwise.
pub(super) fn tuned(connection: &Connection, name: &str) -> ClientConfig {
    let mut config = connection.config(name);
    for (key, value) in [
        // A commit right after another one finds the markers still being written and tries again
        // after this; the default of 100 ms would be most of the latency of an order.
        ("retry.backoff.ms", "2"),
        ("retry.backoff.max.ms", "100"),
        ("linger.ms", "5"),
        // Batches of 1 MB with lz4: 375,000 records/s of 250 bytes at 1.9 us of CPU; 128 kB do
        // 300,000 at 2.1 us, without compression 280,000 at 2.0 us.
        ("batch.num.messages", "10000"),
        ("batch.size", "1000000"),
        ("compression.type", "lz4"),
        ("queue.buffering.max.messages", "500000"),
        ("queue.buffering.max.kbytes", "131072"),
        ("socket.nagle.disable", "true"),
    ] {
        connection.prefer(&mut config, key, value);
    }
    config.set("message.max.bytes", "1048588");
    config.set("acks", "all");
    config.set("enable.idempotence", "true");
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_to_become_of_its_transaction() {
        use RDKafkaErrorCode as Code;
        type Made = fn(String) -> Outcome;
        // Fatal, retriable, requires an abort; a code that says more than they do comes first.
        let table: [(Code, [bool; 3], Made); 14] = [
            (
                Code::OperationTimedOut,
                [false, true, false],
                Outcome::Retriable,
            ),
            (
                Code::MessageTimedOut,
                [false, false, true],
                Outcome::Abortable,
            ),
            (
                Code::MessageTimedOut,
                [false, true, true],
                Outcome::Abortable,
            ),
            (Code::State, [false, false, false], Outcome::Fatal),
            (Code::State, [true, true, true], Outcome::Fatal),
            (
                Code::UnknownMemberId,
                [false, false, true],
                Outcome::StaleGeneration,
            ),
            (
                Code::IllegalGeneration,
                [false, false, true],
                Outcome::StaleGeneration,
            ),
            (
                Code::StaleMemberEpoch,
                [false, false, true],
                Outcome::StaleGeneration,
            ),
            (
                Code::RebalanceInProgress,
                [false, true, false],
                Outcome::StaleGeneration,
            ),
            (Code::UnknownMemberId, [true, false, false], Outcome::Fatal),
            (
                Code::ProducerFenced,
                [true, false, false],
                Outcome::FencedProducer,
            ),
            (
                Code::InvalidProducerEpoch,
                [false, false, true],
                Outcome::FencedProducer,
            ),
            (Code::Fenced, [true, false, false], Outcome::FencedProducer),
            (
                Code::FencedInstanceId,
                [true, false, true],
                Outcome::FencedInstance,
            ),
        ];
        for (code, [fatal, retriable, requires_abort], made) in table {
            let error = NativeError {
                code,
                text: "why".to_owned(),
                fatal,
                retriable,
                requires_abort,
            };
            assert_eq!(classify(&error), made("why".to_owned()), "{code:?}");
        }
    }
}
