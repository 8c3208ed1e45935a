//! A worker's transactions: its producer made, records sent, offsets placed, committed.

use std::thread;
use std::time::{Duration, Instant};

use super::error::Error;
use super::producer::{
    Outcome, PartitionOffset, ProducerSettings, SendFailure, Sent, TopicHandle,
    TransactionalProducer,
};
use super::worker::Worker;
use super::worker_news::News;
use crate::flow::{Destination, Failure, Happened, InputPosition, Outgoing};

/// The longest that one call about a transaction waits before it is called again.
const CALL: Duration = Duration::from_secs(2);

impl Worker<'_> {
    fn producer(&self) -> &TransactionalProducer {
        self.producer
            .as_ref()
            .expect("the flow begins nothing without a producer")
    }

    pub(super) fn build(&mut self) {
        (self.observer)(News::NotReady);
        // Dropped first: it must never be used again, and its name is needed.
        self.producer = None;
        let happened = match self.new_producer() {
            Ok(producer) => match outcome_of(producer.init(CALL)) {
                Ok(()) => {
                    self.producer = Some(producer);
                    (self.observer)(News::Ready);
                    Happened::ProducerReady
                }
                Err(failure) => Happened::Failed(failure),
            },
            Err(error) => Happened::Failed(Failure::Fatal(error.to_string())),
        };
        self.step(happened);
    }

    fn new_producer(&self) -> Result<TransactionalProducer, Error> {
        let settings = ProducerSettings {
            transactional_id: self.name.clone(),
            transaction_timeout: self.settings.transaction_timeout,
        };
        let names = &self.settings.names;
        let topics = Destination::ALL.map(|destination| match destination {
            Destination::RatedUsage => names.rated_usage.as_str(),
            Destination::BalanceNotices => &names.balance_notices,
            Destination::CallControl => &names.call_control,
            Destination::Rejected => &names.rejected,
            // Nothing goes there then, and an obliging broker would create it for being asked about it.
            Destination::Balances if !self.settings.flow.balances => &names.state,
            Destination::Balances => &names.balances,
            Destination::State => &names.state,
        });
        TransactionalProducer::new(&self.settings.connection, &settings, &names.events, &topics)
    }

    pub(super) fn begin(&mut self) {
        let outcome = self.producer().begin();
        if let Err(failure) = outcome_of(outcome) {
            self.step(Happened::Failed(failure));
        }
    }

    pub(super) fn send(&mut self, outgoing: Outgoing) {
        let happened = match self.send_all(&outgoing) {
            Ok(()) => Happened::Sent(outgoing),
            Err((partition, why)) => Happened::SendFailed(outgoing, partition, why),
        };
        self.step(happened);
    }

    fn send_all(&self, outgoing: &Outgoing) -> Result<(), (i32, String)> {
        let mut headers = Vec::new();
        for place in 0..outgoing.len() {
            let record = outgoing.record(place, &mut headers);
            let sent = Sent {
                topic: TopicHandle(record.destination as usize),
                partition: record.partition,
                key: record.key,
                payload: record.payload,
                headers: &headers,
                ticket: record.ticket,
            };
            self.send_one(sent).map_err(|why| (record.partition, why))?;
        }
        Ok(())
    }

    /// A full queue is waited for: nothing is polled meanwhile, so nothing grows.
    fn send_one(&self, record: Sent<'_>) -> Result<(), String> {
        let deadline = Instant::now() + self.settings.transaction_timeout;
        loop {
            match self.producer().send(record) {
                Ok(()) => return Ok(()),
                Err(SendFailure::QueueFull) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(SendFailure::QueueFull) => {
                    return Err("the producer's queue stayed full".to_owned());
                }
                Err(SendFailure::TooLarge) => {
                    return Err("a record is larger than may be sent".to_owned());
                }
                Err(SendFailure::Failed(why)) => return Err(why),
            }
        }
    }

    pub(super) fn send_offsets(&mut self, positions: Vec<InputPosition>) {
        self.ending_since = Instant::now();
        let offsets: Vec<PartitionOffset> = positions
            .into_iter()
            .map(|position| PartitionOffset {
                partition: position.partition,
                next_offset: position.next_offset,
                metadata: position.metadata,
            })
            .collect();
        // Fresh for every commit, and never with a generation below zero, which a broker may not check.
        let result = match self.consumer.group() {
            Some(group) => self
                .flow
                .may_commit_as(&group.member_id())
                .and_then(|()| outcome_of(self.producer().send_offsets(&offsets, group, CALL))),
            None => Err(Failure::StaleGeneration(
                "not a member of the group".to_owned(),
            )),
        };
        self.step(match result {
            Ok(()) => Happened::OffsetsSent,
            Err(failure) => Happened::Failed(failure),
        });
    }

    pub(super) fn commit(&mut self) {
        let outcome = self.producer().commit(CALL);
        let happened = match outcome_of(outcome) {
            Ok(()) => {
                // All delivery reports are in when the commit returned.
                let delivered = self.producer().take_delivered();
                let journal = delivered
                    .iter()
                    .map(|delivered| (delivered.partition, delivered.offset))
                    .collect();
                Happened::Committed(journal)
            }
            Err(failure) => Happened::Failed(failure),
        };
        self.step(happened);
    }
}

fn outcome_of(outcome: Outcome) -> Result<(), Failure> {
    Err(match outcome {
        Outcome::Done => return Ok(()),
        Outcome::Retriable(why) => Failure::Retriable(why),
        Outcome::Abortable(why) => Failure::Abortable(why),
        Outcome::StaleGeneration(why) => Failure::StaleGeneration(why),
        Outcome::FencedProducer(why) => Failure::FencedProducer(why),
        Outcome::FencedInstance(why) => Failure::FencedInstance(why),
        Outcome::Fatal(why) => Failure::Fatal(why),
        Outcome::Unanswered(why) => Failure::Unanswered(why),
    })
}
