//! A reader outside any group: of journals, cards, outputs, whatever is asked for.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionListElem};

use super::clients::{Connection, Listening, find_brokers, is_transport};
use super::error::Error;
use super::native;

impl ConsumerContext for Listening {}

/// How long a look at what has come takes at most.
const LOOK: Duration = Duration::from_millis(100);

/// Which records a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Committed ones only.
    Committed,
    /// All, aborted and undecided ones too.
    Uncommitted,
}

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first record retained.
    Beginning,
    /// Behind the last one.
    End,
    /// At this offset, which must be retained.
    Offset(i64),
}

/// What a reader found.
pub enum Read<'a> {
    /// Nothing yet.
    Nothing,
    /// A record.
    Record(BorrowedMessage<'a>),
    /// Everything that was readable in this partition has been read.
    End(i32),
}

/// The bounds of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset retained.
    pub start: i64,
    /// Where the reader's view ends: the last stable offset for a committed one, else the high
    /// watermark. Control markers and aborted records take offsets too.
    pub end: i64,
}

/// A group's position on a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next offset to read.
    pub next_offset: i64,
    /// What was stored beside it.
    pub metadata: Vec<u8>,
}

/// Reads partitions of one topic. Warm after its first use: its connections stay.
pub struct TopicReader {
    consumer: BaseConsumer<Listening>,
    bootstrap: String,
    topic: String,
}

impl TopicReader {
    /// Makes a reader of a topic, which must exist. `group` is only whose offsets
    /// [`TopicReader::committed`] asks for; the reader never joins it.
    pub fn open(
        connection: &Connection,
        topic: &str,
        isolation: Isolation,
        group: Option<&str>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let wait = Duration::from_millis(100);
        Self::open_asking(connection, topic, isolation, group, timeout, wait)
    }

    /// The same, whose fetches the broker answers after `wait` at most: the end of a partition shows
    /// only when a fetch finds nothing.
    pub fn open_asking(
        connection: &Connection,
        topic: &str,
        isolation: Isolation,
        group: Option<&str>,
        timeout: Duration,
        wait: Duration,
    ) -> Result<Self, Error> {
        let mut config = connection.config("tollkeeper-reader");
        config.set("fetch.wait.max.ms", wait.as_millis().to_string());
        config.set("group.id", group.unwrap_or("tollkeeper-reader"));
        config.set(
            "isolation.level",
            match isolation {
                Isolation::Committed => "read_committed",
                Isolation::Uncommitted => "read_uncommitted",
            },
        );
        for (key, value) in [
            ("auto.offset.reset", "error"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
            ("fetch.queue.backoff.ms", "10"),
            ("queued.max.messages.kbytes", "32768"),
            ("fetch.message.max.bytes", "4194304"),
        ] {
            config.set(key, value);
        }
        let consumer =
            BaseConsumer::from_config_and_context(&config, Listening).map_err(|error| {
                Error::Configuration {
                    what: error.to_string(),
                }
            })?;
        let reader = TopicReader {
            consumer,
            bootstrap: connection.bootstrap.clone(),
            topic: topic.to_owned(),
        };
        reader.partitions(timeout)?;
        Ok(reader)
    }

    pub(super) fn consumer(&self) -> &BaseConsumer<Listening> {
        &self.consumer
    }

    /// Its topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// How many partitions the topic has.
    pub fn partitions(&self, timeout: Duration) -> Result<i32, Error> {
        let metadata = self
            .patiently(timeout, |left| {
                self.consumer.fetch_metadata(Some(&self.topic), left)
            })
            .map_err(|error| match error.rdkafka_error_code() {
                Some(
                    RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::OperationTimedOut,
                ) => Error::Unreachable {
                    bootstrap: self.bootstrap.clone(),
                    seconds: timeout.as_secs(),
                },
                _ => {
                    Error::about_topic(format!("looking up `{}`", self.topic), &self.topic, &error)
                }
            })?;
        let missing = || Error::TopicMissing {
            topic: self.topic.clone(),
        };
        let topic = metadata.topics().first().ok_or_else(missing)?;
        match topic.error() {
            None => Ok(i32::try_from(topic.partitions().len()).expect("partitions fit an i32")),
            Some(code) => Err(Error::about_topic(
                format!("looking up `{}`", self.topic),
                &self.topic,
                &KafkaError::MetadataFetch(code.into()),
            )),
        }
    }

    /// From now on reads these partitions, and nothing it read before.
    pub fn assign(&mut self, starts: &[(i32, Start)]) -> Result<(), Error> {
        let mut list = TopicPartitionList::with_capacity(starts.len());
        for (partition, start) in starts {
            let offset = match start {
                Start::Beginning => Offset::Beginning,
                Start::End => Offset::End,
                Start::Offset(offset) => Offset::Offset(*offset),
            };
            list.add_partition_offset(&self.topic, *partition, offset)
                .expect("a start offset is never negative");
        }
        self.consumer
            .assign(&list)
            .map_err(|error| Error::failed(format!("assigning `{}`", self.topic), &error))
    }

    /// The next record or end, waiting at most this long.
    pub fn next(&self, timeout: Duration) -> Result<Read<'_>, Error> {
        match self.consumer.poll(timeout) {
            None => Ok(Read::Nothing),
            Some(Ok(message)) => Ok(Read::Record(message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Read::End(partition)),
            Some(Err(error)) => self.judge(&error),
        }
    }

    /// Hands over every record of these partitions from their starts to where each ends now, as
    /// long as `each` says to continue. Gives up after `silence` without a record.
    pub fn read_to_end(
        &mut self,
        starts: &[(i32, Start)],
        silence: Duration,
        mut each: impl FnMut(&BorrowedMessage<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.assign(starts)?;
        let mut unread: BTreeSet<i32> = starts.iter().map(|(partition, _)| *partition).collect();
        let mut heard = Instant::now();
        while !unread.is_empty() {
            match self.next(LOOK)? {
                Read::Record(message) => {
                    heard = Instant::now();
                    if each(&message).is_break() {
                        break;
                    }
                }
                Read::End(partition) => {
                    unread.remove(&partition);
                }
                Read::Nothing if heard.elapsed() > silence => {
                    return Err(Error::TimedOut {
                        doing: format!("reading `{}`", self.topic),
                        seconds: silence.as_secs(),
                    });
                }
                Read::Nothing => {}
            }
        }
        self.assign(&[])
    }

    fn judge(&self, error: &KafkaError) -> Result<Read<'static>, Error> {
        let code = error.rdkafka_error_code();
        match code {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                Err(Error::Trimmed {
                    topic: self.topic.clone(),
                })
            }
            _ if is_transport(code) => Ok(Read::Nothing),
            _ => Err(Error::about_topic(
                format!("reading `{}`", self.topic),
                &self.topic,
                error,
            )),
        }
    }

    /// Asks again, at most until `timeout`, while a leader or coordinator is changing place, and while nobody answers:
    /// the brokers are looked for anew then, where none is seen any more (`lookout.rs`).
    fn patiently<T>(
        &self,
        timeout: Duration,
        mut ask: impl FnMut(Duration) -> KafkaResult<T>,
    ) -> KafkaResult<T> {
        const PAUSE: Duration = Duration::from_millis(50);
        const SIGHT: Duration = Duration::from_millis(500);
        let deadline = Instant::now() + timeout;
        let mut turn = Duration::from_secs(2);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match ask(left.min(turn)) {
                Err(error) if is_moving(&error) && left > PAUSE => thread::sleep(PAUSE),
                Err(error) if is_transport(error.rdkafka_error_code()) => {
                    let client = self.consumer.client();
                    find_brokers(client, Some(&self.topic), &self.bootstrap, SIGHT);
                    if left <= turn {
                        return Err(error);
                    }
                    turn *= 2;
                }
                answer => return answer,
            }
        }
    }

    /// The bounds of a partition, by a request.
    pub fn watermarks(&self, partition: i32, timeout: Duration) -> Result<Watermarks, Error> {
        self.patiently(timeout, |left| {
            self.consumer.fetch_watermarks(&self.topic, partition, left)
        })
        .map(|(start, end)| Watermarks { start, end })
        .map_err(|error| {
            Error::about_topic(
                format!(
                    "asking for the bounds of `{}` partition {partition}",
                    self.topic
                ),
                &self.topic,
                &error,
            )
        })
    }

    /// The group's stable position on a partition of `topic`: waits while a transaction that holds
    /// a newer one is undecided, at most `timeout`.
    pub fn committed(
        &self,
        topic: &str,
        partition: i32,
        timeout: Duration,
    ) -> Result<Option<Committed>, Error> {
        let list = self
            .patiently(timeout, |left| {
                let mut list = TopicPartitionList::new();
                list.add_partition(topic, partition);
                let list = self.consumer.committed_offsets(list, left)?;
                asked_for(&list).error()?;
                Ok(list)
            })
            .map_err(|error| {
                let doing =
                    format!("asking for the committed offset of `{topic}` partition {partition}");
                Error::failed(doing, &error)
            })?;
        let entry = asked_for(&list);
        Ok(match entry.offset() {
            Offset::Offset(next_offset) => Some(Committed {
                next_offset,
                metadata: native::offset_metadata(&list, 0).unwrap_or_default(),
            }),
            _ => None,
        })
    }
}

fn asked_for(list: &TopicPartitionList) -> TopicPartitionListElem<'_> {
    list.elements()
        .pop()
        .expect("the list that was sent has one entry")
}

fn is_moving(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
        )
    )
}

/// The headers of a record, in order; one whose name is not UTF-8 is left out.
#[must_use]
pub fn headers_of<'a>(message: &'a BorrowedMessage<'_>) -> Vec<(&'a str, Option<&'a [u8]>)> {
    let mut headers = Vec::new();
    native::message_headers(message, &mut headers);
    headers
}
