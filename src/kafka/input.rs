//! The input consumer: a member of the group that notes rebalances and lets the loop act on them.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionListElem};
use rdkafka::types::RDKafkaRespErr;

use super::clients::{Connection, Listening, is_transport};
use super::error::{Error, words};
use super::lookout::{Lookout, Watch};
use super::native::{Handle, OwnedGroupMetadata};

/// How a member of the group is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSettings {
    /// The group that shares the partitions.
    pub group_id: String,
    /// Unique per worker; also its transactional.id. A restart in place keeps its partitions.
    pub instance_id: String,
    /// After this long without a sign of life the partitions go to others.
    pub session_timeout: Duration,
}

/// What the group told us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupEvent {
    /// These partitions are ours: restore them, then [`InputConsumer::start`] each.
    Assigned(Vec<i32>),
    /// These are to be given up: finish, then [`InputConsumer::give_up`].
    Revoked(Vec<i32>),
    /// These are gone already and may have another owner: abort, then [`InputConsumer::give_up`].
    Lost(Vec<i32>),
}

/// What a poll found.
pub enum Polled<'a> {
    /// Nothing now; not proof that there is nothing.
    Nothing,
    /// A record.
    Record(BorrowedMessage<'a>),
    /// The log of a partition begins after our position: records are missing.
    Gap,
    /// Another consumer has our group.instance.id: another process uses our name.
    FencedInstance,
    /// The topic is not there (any more).
    TopicMissing,
    /// The client is dead for another reason: make a new one.
    Fatal(String),
}

/// What the loop and the client's callbacks share.
#[derive(Default)]
struct Notes {
    events: Mutex<VecDeque<GroupEvent>>,
    /// Nobody will take events any more, so the callback has to answer them.
    closing: AtomicBool,
    /// The last event has been answered.
    answered: AtomicBool,
}

struct Context {
    notes: Arc<Notes>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Listening.log(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        Listening.error(error, reason);
    }
}

impl ConsumerContext for Context {
    /// Only notes what is asked; the loop restores or commits first, and then answers.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        if self.notes.closing.load(Ordering::Relaxed) {
            // Once: the group is closed by the first answer, and a second one would wait for ever.
            if !self.notes.answered.swap(true, Ordering::Relaxed) {
                // Nothing is started any more; the error of a dead client is of no use here.
                let _ = consumer.incremental_unassign(&TopicPartitionList::new());
            }
            return;
        }
        let mut partitions: Vec<i32> = list
            .elements()
            .iter()
            .map(TopicPartitionListElem::partition)
            .collect();
        partitions.sort_unstable();
        let event = if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            GroupEvent::Assigned(partitions)
        } else if consumer.assignment_lost() {
            GroupEvent::Lost(partitions)
        } else {
            GroupEvent::Revoked(partitions)
        };
        self.notes.queue().push_back(event);
    }
}

impl Notes {
    fn queue(&self) -> MutexGuard<'_, VecDeque<GroupEvent>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The group's generation as of a moment, never one below zero.
pub struct GroupMetadata(OwnedGroupMetadata);

impl GroupMetadata {
    pub(super) fn native(&self) -> &OwnedGroupMetadata {
        &self.0
    }

    /// The name that the group gave this member; another one after it was evicted and has joined again.
    #[must_use]
    pub fn member_id(&self) -> String {
        self.0.member_id()
    }

    /// The generation (or member epoch).
    #[must_use]
    pub fn generation(&self) -> i32 {
        self.0.generation()
    }
}

/// A member of the group. The partitions it reads are those the loop has started.
pub struct InputConsumer {
    consumer: Arc<BaseConsumer<Context>>,
    notes: Arc<Notes>,
    topic: String,
    started: RefCell<BTreeSet<i32>>,
}

impl InputConsumer {
    /// Makes a consumer and asks to join the group.
    pub fn join(
        connection: &Connection,
        settings: &InputSettings,
        topic: &str,
    ) -> Result<Self, Error> {
        let notes = Arc::new(Notes::default());
        let context = Context {
            notes: Arc::clone(&notes),
        };
        let consumer =
            BaseConsumer::from_config_and_context(&input_config(connection, settings), context)
                .map_err(|error| Error::Configuration {
                    what: error.to_string(),
                })?;
        consumer
            .subscribe(&[topic])
            .map_err(|error| Error::failed(format!("subscribing to `{topic}`"), &error))?;
        Ok(InputConsumer {
            consumer: Arc::new(consumer),
            notes,
            topic: topic.to_owned(),
            started: RefCell::default(),
        })
    }

    /// Has itself looked after, by this name.
    pub(super) fn watched<'l>(
        &self,
        lookout: &'l Lookout,
        name: &str,
        connection: &Connection,
    ) -> Watch<'l> {
        lookout.watch(name, &self.consumer, &self.topic, &connection.bootstrap)
    }

    /// Waits for a record at most this long. Look at [`InputConsumer::take_event`] after each poll
    /// that found nothing.
    pub fn poll(&self, timeout: Duration) -> Polled<'_> {
        match self.consumer.poll(timeout) {
            None => Polled::Nothing,
            Some(Ok(message)) => Polled::Record(message),
            Some(Err(error)) => judge(&error),
        }
    }

    /// The oldest event of the group that has not been taken.
    #[must_use]
    pub fn take_event(&self) -> Option<GroupEvent> {
        self.notes.queue().pop_front()
    }

    /// Takes note of an assignment, so that the group is settled while the partitions are restored.
    pub fn accept(&self) -> Result<(), Error> {
        self.consumer
            .incremental_assign(&TopicPartitionList::new())
            .map_err(|error| Error::failed("accepting the assignment", &error))
    }

    /// Starts reading partitions, each at its offset.
    pub fn start(&self, positions: &[(i32, i64)]) -> Result<(), Error> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (partition, offset) in positions {
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(*offset))
                .expect("a position is never negative");
        }
        self.consumer
            .incremental_assign(&list)
            .map_err(|error| Error::failed(format!("assigning `{}`", self.topic), &error))?;
        let started = positions.iter().map(|(partition, _)| *partition);
        self.started.borrow_mut().extend(started);
        Ok(())
    }

    /// Stops reading a partition that stays ours in the group (it is stopped or restored again).
    pub fn stop(&self, partitions: &[i32]) -> Result<(), Error> {
        self.unassign(partitions)
    }

    /// Answers a revocation or loss, also of partitions that were never started.
    pub fn give_up(&self, partitions: &[i32]) -> Result<(), Error> {
        self.unassign(partitions)
    }

    fn unassign(&self, partitions: &[i32]) -> Result<(), Error> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            if self.started.borrow_mut().remove(partition) {
                list.add_partition(&self.topic, *partition);
            }
        }
        self.consumer
            .incremental_unassign(&list)
            .map_err(|error| Error::failed(format!("unassigning `{}`", self.topic), &error))
    }

    /// The group's generation as of now; none while we are not a member, when nothing may be
    /// committed.
    #[must_use]
    pub fn group(&self) -> Option<GroupMetadata> {
        let metadata = Handle::new(self.consumer.client().native_ptr()).group_metadata()?;
        (metadata.generation() >= 0).then_some(GroupMetadata(metadata))
    }

    /// The offset after the last record that was polled, past the markers and aborted records behind
    /// it; none while the partition is not read.
    #[must_use]
    pub fn position(&self, partition: i32) -> Option<i64> {
        let list = self.consumer.position().ok()?;
        match list.find_partition(&self.topic, partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    }

    /// Gives the partitions away at once, for scaling in. Poll until they are revoked.
    pub fn leave(&self) {
        self.consumer.unsubscribe();
    }
}

fn judge(error: &KafkaError) -> Polled<'static> {
    let code = error.rdkafka_error_code();
    match (code, error) {
        (Some(RDKafkaErrorCode::FencedInstanceId), _) => Polled::FencedInstance,
        (_, KafkaError::MessageConsumptionFatal(code)) => Polled::Fatal(words(*code)),
        (Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange), _) => {
            Polled::Gap
        }
        (Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic), _) => {
            Polled::TopicMissing
        }
        _ => {
            if !is_transport(code) {
                tracing::debug!(target: "librdkafka", %error, "polling the input");
            }
            Polled::Nothing
        }
    }
}

impl Drop for InputConsumer {
    /// Answers whatever the group still waits for; closing would wait for that answer for ever.
    fn drop(&mut self) {
        let started: Vec<i32> = self.started.borrow().iter().copied().collect();
        loop {
            for answer in [self.accept(), self.unassign(&started)] {
                if let Err(error) = answer {
                    tracing::debug!(target: "librdkafka", %error, "closing the input");
                }
            }
            let found_nothing = matches!(self.poll(Duration::ZERO), Polled::Nothing);
            if found_nothing && self.take_event().is_none() {
                break;
            }
        }
        self.notes.closing.store(true, Ordering::Relaxed);
    }
}

fn input_config(connection: &Connection, settings: &InputSettings) -> rdkafka::ClientConfig {
    let mut config = connection.config(&settings.instance_id);
    for (key, value) in [
        // The default of 1,000 ms stalls a busy consumer once its queue was full.
        ("fetch.queue.backoff.ms", "10"),
        ("fetch.wait.max.ms", "100"),
        ("queued.max.messages.kbytes", "65536"),
        ("queued.min.messages", "100000"),
        ("heartbeat.interval.ms", "1000"),
        ("max.poll.interval.ms", "300000"),
    ] {
        connection.prefer(&mut config, key, value);
    }
    // By then the group has given the partitions to others; fetches take 100 ms and a second at least.
    let longest = settings.session_timeout.max(Duration::from_secs(2));
    let longest = longest.as_millis().to_string();
    connection.prefer(&mut config, "socket.timeout.ms", &longest);
    config.set("group.id", &settings.group_id);
    config.set("group.instance.id", &settings.instance_id);
    config.set("partition.assignment.strategy", "cooperative-sticky");
    config.set(
        "session.timeout.ms",
        settings.session_timeout.as_millis().to_string(),
    );
    config.set("isolation.level", "read_committed");
    config.set("auto.offset.reset", "error");
    config.set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false");
    config.set("enable.partition.eof", "false");
    config
}
