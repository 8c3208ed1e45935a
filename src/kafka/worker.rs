//! A worker: one thread, one consumer, one transactional producer. It carries out what its flow wants
//! and tells it what became of it; it decides nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::clients::Connection;
use super::error::Error;
use super::input::{GroupEvent, InputConsumer, InputSettings, Polled};
use super::producer::{
    Outcome, PartitionOffset, ProducerSettings, SendFailure, Sent, TopicHandle,
    TransactionalProducer,
};
use super::topics::TopicNames;
use super::worker_batch::Batch;
use super::worker_cards::CardShelf;
use super::worker_news::{News, Observer};
use super::worker_side::{Answer, Side};
use crate::charging::{self, RawRef};
use crate::domain::Moment;
use crate::flow::{
    Command, Destination, EndOfPartition, ExitReason, Failure, Flow, FlowSettings, Happened,
    InputPosition, Now, Outgoing,
};
use crate::journal::{Genesis, JournalSettings};

/// The reader's clock: real, or a fast one for the demo.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// Everything that the workers of a process need to know.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// How to reach the cluster.
    pub connection: Connection,
    /// The topics' names.
    pub names: TopicNames,
    /// The group that shares the partitions.
    pub group: String,
    /// This process among those of the group.
    pub instance: String,
    /// Threads.
    pub workers: u32,
    /// When the group gives away the partitions of a worker that is gone.
    pub session_timeout: Duration,
    /// When the broker aborts the transaction of a worker that is gone.
    pub transaction_timeout: Duration,
    /// The flow's.
    pub flow: FlowSettings,
    /// The core's.
    pub charging: charging::Settings,
    /// The journal's.
    pub journal: JournalSettings,
    /// What the journals belong to.
    pub genesis: Genesis,
    /// Whether dead journal is deleted (the embedded cluster cannot).
    pub trims: bool,
    /// Whether to give the partitions away at once when stopped.
    pub leave: bool,
}

/// Records polled before they are taken.
const BATCH: usize = 4_096;
/// Answers that may wait for a worker: one of each kind for each partition, and more.
const ANSWERS: usize = 4_096;
/// The longest that one call about a transaction waits before it is called again.
const CALL: Duration = Duration::from_secs(2);
/// The longest wait for a record while answers are awaited.
const AWAITING: Duration = Duration::from_millis(5);

pub(super) struct Worker<'c> {
    settings: &'c WorkerSettings,
    name: String,
    consumer: &'c InputConsumer,
    producer: Option<TransactionalProducer>,
    flow: Flow,
    commands: VecDeque<Command>,
    fresh: Vec<Command>,
    side: Side,
    answers: Receiver<Answer>,
    to_me: Sender<Answer>,
    /// Take-overs whose answer is awaited.
    restores: usize,
    /// The position before what is polled next, of each partition that is read.
    positions: BTreeMap<i32, i64>,
    /// Partitions that were started or stopped while the present batch is being taken.
    stale: BTreeSet<i32>,
    shelf: Arc<CardShelf>,
    cards_seen: u64,
    clock: Clock,
    started: Instant,
    ending_since: Instant,
    observer: Observer,
    exit: Option<ExitReason>,
}

/// Runs a worker until it is told to stop or cannot go on.
pub(super) fn run(
    settings: &WorkerSettings,
    number: u32,
    side: Side,
    shelf: &Arc<CardShelf>,
    clock: &Clock,
    observer: &Observer,
    stop: &AtomicBool,
) -> Result<ExitReason, Error> {
    // KAFKA rule 4: one name, unique per worker, is both group.instance.id and transactional.id.
    let name = format!("{}-{number}", settings.instance);
    let input = InputSettings {
        group_id: settings.group.clone(),
        instance_id: name.clone(),
        session_timeout: settings.session_timeout,
    };
    let consumer = InputConsumer::join(&settings.connection, &input, &settings.names.events)?;
    let (to_me, answers) = bounded(ANSWERS);
    let (cards_seen, cards) = shelf.look();
    let mut worker = Worker {
        settings,
        name,
        consumer: &consumer,
        producer: None,
        flow: Flow::new(settings.flow.clone(), cards),
        commands: VecDeque::new(),
        fresh: Vec::new(),
        side,
        answers,
        to_me,
        restores: 0,
        positions: BTreeMap::new(),
        stale: BTreeSet::new(),
        shelf: Arc::clone(shelf),
        cards_seen,
        clock: Arc::clone(clock),
        started: Instant::now(),
        ending_since: Instant::now(),
        observer: Arc::clone(observer),
        exit: None,
    };
    worker.work(stop);
    let exit = worker.exit.take().expect("a worker works until it exits");
    if exit == (ExitReason::Stopped { leave: true }) {
        leave(&consumer);
    }
    Ok(exit)
}

/// KAFKA rule 4: a static member says goodbye only by unsubscribing.
fn leave(consumer: &InputConsumer) {
    consumer.leave();
    let deadline = Instant::now() + Duration::from_secs(1);
    while Instant::now() < deadline {
        if let Polled::Nothing = consumer.poll(Duration::from_millis(50))
            && let Some(GroupEvent::Revoked(partitions) | GroupEvent::Lost(partitions)) =
                consumer.take_event()
        {
            let _ = consumer.give_up(&partitions);
            return;
        }
    }
}

impl<'c> Worker<'c> {
    fn work(&mut self, stop: &AtomicBool) {
        let mut batch = Batch::new();
        let mut stopping = false;
        self.tell(Happened::Time, &[]);
        while self.exit.is_none() {
            self.hear_answers();
            self.see_cards();
            self.poll(&mut batch);
            batch.sort();
            self.take(&batch);
            batch.clear();
            self.hear_group();
            if stop.load(Ordering::Relaxed) && !stopping {
                stopping = true;
                let leave = self.settings.leave;
                self.tell(Happened::Stop { leave }, &[]);
            }
            self.tell(Happened::Time, &[]);
        }
    }

    fn now(&self) -> Now {
        let millis = self.started.elapsed().as_millis();
        Now {
            millis: u64::try_from(millis).expect("no process runs that long"),
            clock: (self.clock)(),
        }
    }

    /// Tells the flow and carries out all that follows; `left` is the batch that may be offered again.
    fn tell(&mut self, happened: Happened<'_>, left: &[Run<'_>]) {
        self.step(happened);
        while self.exit.is_none()
            && let Some(command) = self.commands.pop_front()
        {
            self.carry_out(command, left);
        }
    }

    fn step(&mut self, happened: Happened<'_>) {
        let now = self.now();
        self.flow.step(now, happened, &mut self.fresh);
        self.commands.extend(self.fresh.drain(..));
    }

    fn hear_answers(&mut self) {
        while let Ok(answer) = self.answers.try_recv() {
            match answer {
                Answer::Found {
                    partition,
                    attempt,
                    found,
                } => {
                    self.restores = self.restores.saturating_sub(1);
                    let happened = match found {
                        Ok(found) => Happened::Found {
                            partition,
                            attempt,
                            found,
                        },
                        Err(why) => Happened::NotFound {
                            partition,
                            attempt,
                            why,
                        },
                    };
                    self.tell(happened, &[]);
                }
                Answer::End(end) => self.hear_end(end),
                Answer::Permitted(partition, permit) => {
                    self.tell(Happened::Permitted(partition, permit), &[]);
                }
            }
        }
    }

    /// Every record polled before now has been taken, so the consumer's position is what was applied,
    /// with the control markers behind it.
    fn hear_end(&mut self, end: EndOfPartition) {
        let Some(applied) = self.flow.position(end.partition) else {
            return;
        };
        let polled = self.consumer.position(end.partition).unwrap_or(applied);
        let position = polled.max(applied);
        let end = EndOfPartition { position, ..end };
        (self.observer)(News::End(end));
        self.tell(Happened::End(end), &[]);
    }

    fn see_cards(&mut self) {
        if self.shelf.version() != self.cards_seen {
            let (seen, cards) = self.shelf.look();
            self.cards_seen = seen;
            self.tell(Happened::Cards(cards), &[]);
        }
    }

    fn poll(&mut self, batch: &mut Batch<'c>) {
        self.stale.clear();
        let consumer = self.consumer;
        let mut wait = Duration::from_millis(self.flow.idle_for(self.now()));
        if self.restores > 0 {
            wait = wait.min(AWAITING);
        }
        while batch.len() < BATCH && self.exit.is_none() {
            match consumer.poll(wait) {
                Polled::Record(message) => batch.push(message),
                // KAFKA rule 10: nothing is not idle; only the broker's answer about the end is.
                Polled::Nothing => return,
                Polled::Gap => self.step(Happened::InputTrimmed),
                Polled::FencedInstance => self.step(Happened::InstanceFenced),
                Polled::TopicMissing => {
                    let topic = &self.settings.names.events;
                    let why = format!("topic `{topic}` is gone");
                    self.step(Happened::InputDead(why));
                }
                Polled::Fatal(why) => self.step(Happened::InputDead(why)),
            }
            wait = Duration::ZERO;
        }
    }

    fn take(&mut self, batch: &Batch<'c>) {
        // What came of the polling is carried out before its records are taken.
        while self.exit.is_none()
            && let Some(command) = self.commands.pop_front()
        {
            self.carry_out(command, &[]);
        }
        if batch.len() == 0 || self.exit.is_some() {
            return;
        }
        let headers = batch.headers();
        let records = batch.records(&headers);
        for (partition, places) in batch.partitions() {
            let records = &records[places];
            let last = records.last().expect("a run has a record");
            // Not read any more, or from elsewhere since it was polled: forgotten.
            if self.stale.contains(&partition) {
                continue;
            }
            let Some(position) = self.positions.get_mut(&partition) else {
                continue;
            };
            let from = std::mem::replace(position, last.offset + 1);
            let run = Run { partition, records };
            let polled = Happened::Polled {
                partition,
                from,
                records,
            };
            self.tell(polled, &[run]);
        }
    }

    fn hear_group(&mut self) {
        // KAFKA rule 5: the callback only noted these; here they are answered.
        while self.exit.is_none()
            && let Some(event) = self.consumer.take_event()
        {
            let happened = match event {
                GroupEvent::Assigned(partitions) => {
                    (self.observer)(News::Assigned(&partitions));
                    Happened::Assigned(partitions)
                }
                GroupEvent::Revoked(partitions) => Happened::Revoked(partitions),
                GroupEvent::Lost(partitions) => Happened::Lost(partitions),
            };
            self.tell(happened, &[]);
        }
    }

    fn carry_out(&mut self, command: Command, left: &[Run<'_>]) {
        match command {
            Command::BuildProducer => self.build(),
            Command::Accept => self.answered(self.consumer.accept()),
            Command::GiveUp(partitions) => {
                self.forget(&partitions);
                self.answered(self.consumer.give_up(&partitions));
                (self.observer)(News::GivenUp(&partitions));
            }
            Command::Restore { partition, attempt } => self.restore(partition, attempt),
            Command::Read { partition, offset } => self.read(partition, offset),
            Command::Unread(partitions) => {
                self.forget(&partitions);
                self.answered(self.consumer.stop(&partitions));
            }
            // A question that finds no room is asked again by the flow's own interval.
            Command::AskEnd(partition) => {
                let _ = self.side.ends.try_send((partition, self.to_me.clone()));
            }
            Command::AskPermit(partition) => {
                let _ = self.side.permits.try_send((partition, self.to_me.clone()));
            }
            Command::Begin => {
                let outcome = self.producer().begin();
                if let Err(failure) = outcome_of(outcome) {
                    self.step(Happened::Failed(failure));
                }
            }
            Command::Send(outgoing) => self.send(outgoing),
            Command::SendOffsets(positions) => self.send_offsets(positions),
            Command::Commit => self.commit(),
            Command::Abort => self.abort(),
            Command::Offer(partition) => self.offer(partition, left),
            Command::Trim { partition, before } => {
                // One that finds no room is made good by the next.
                let _ = self.side.trims.try_send((partition, before));
            }
            Command::Stop { partition, reason } => {
                (self.observer)(News::Stopped(partition, &reason));
            }
            Command::Resumed(partition) => (self.observer)(News::Resumed(partition)),
            Command::Warn(warning) => (self.observer)(News::Warned(&warning)),
            Command::Report(counts) => {
                let took = self.ending_since.elapsed();
                (self.observer)(News::Committed {
                    counts: &counts,
                    took,
                });
            }
            Command::Exit(reason) => self.exit = Some(reason),
        }
    }

    fn producer(&self) -> &TransactionalProducer {
        self.producer
            .as_ref()
            .expect("the flow begins nothing without a producer")
    }

    fn build(&mut self) {
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

    fn restore(&mut self, partition: i32, attempt: u64) {
        let question = (partition, attempt, self.to_me.clone());
        if self.side.restores.try_send(question).is_ok() {
            self.restores += 1;
        } else {
            let why = "too many take-overs wait".to_owned();
            self.step(Happened::NotFound {
                partition,
                attempt,
                why,
            });
        }
    }

    fn read(&mut self, partition: i32, offset: i64) {
        // KAFKA rule 5: start offsets are in the list that is assigned, so no seek can race.
        self.answered(self.consumer.stop(&[partition]));
        self.answered(self.consumer.start(&[(partition, offset)]));
        self.positions.insert(partition, offset);
        self.stale.insert(partition);
    }

    fn forget(&mut self, partitions: &[i32]) {
        for partition in partitions {
            self.positions.remove(partition);
            self.stale.insert(*partition);
        }
    }

    /// The group's answers fail only on a client that is dead, which the next poll tells in full.
    fn answered(&self, answer: Result<(), Error>) {
        if let Err(error) = answer {
            tracing::warn!(%error, worker = %self.name, "answering the group");
        }
    }

    fn send(&mut self, outgoing: Outgoing) {
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

    fn send_offsets(&mut self, positions: Vec<InputPosition>) {
        self.ending_since = Instant::now();
        let offsets: Vec<PartitionOffset> = positions
            .into_iter()
            .map(|position| PartitionOffset {
                partition: position.partition,
                next_offset: position.next_offset,
                metadata: position.metadata,
            })
            .collect();
        // KAFKA rule 3: fresh for every commit, and never with a generation below zero.
        let result = match self.consumer.group() {
            Some(group) => outcome_of(self.producer().send_offsets(&offsets, &group, CALL)),
            None => Err(Failure::StaleGeneration(
                "not a member of the group".to_owned(),
            )),
        };
        self.step(match result {
            Ok(()) => Happened::OffsetsSent,
            Err(failure) => Happened::Failed(failure),
        });
    }

    fn commit(&mut self) {
        let outcome = self.producer().commit(CALL);
        let happened = match outcome_of(outcome) {
            Ok(()) => {
                // KAFKA rule 8: all delivery reports are in when the commit returned.
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

    fn abort(&mut self) {
        (self.observer)(News::Aborted);
        // KAFKA rule 2: flushed first, bounded.
        let outcome = self.producer().abort(CALL, CALL);
        self.step(match outcome_of(outcome) {
            Ok(()) => Happened::Aborted,
            Err(failure) => Happened::Failed(failure),
        });
    }

    /// What is left of the present batch, if the partition is still read as it was.
    fn offer(&mut self, partition: i32, left: &[Run<'_>]) {
        let run = left.iter().find(|run| run.partition == partition);
        let (Some(run), Some(from)) = (run, self.flow.position(partition)) else {
            return;
        };
        if self.stale.contains(&partition) {
            return;
        }
        let taken = run.records.partition_point(|raw| raw.offset < from);
        self.step(Happened::Polled {
            partition,
            from,
            records: &run.records[taken..],
        });
    }
}

/// The records of one partition in the present batch.
#[derive(Clone, Copy)]
struct Run<'b> {
    partition: i32,
    records: &'b [RawRef<'b>],
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
    })
}
