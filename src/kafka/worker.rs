//! A worker: one thread, one consumer, one transactional producer. It carries out what its flow wants
//! and tells it what became of it; it decides nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::error::Error;
use super::input::{GroupEvent, InputConsumer, InputSettings, Polled};
use super::producer::TransactionalProducer;
use super::worker_batch::Batch;
use super::worker_cards::CardShelf;
use super::worker_news::{News, Observer};
use super::worker_settings::{Clock, WorkerSettings};
use super::worker_side::{Answer, Side};
use crate::charging::RawRef;
use crate::flow::{Command, EndOfPartition, ExitReason, Flow, Happened, Now, Reading};

/// Records polled before they are taken.
const BATCH: usize = 4_096;
/// The longest wait for a record while answers are awaited.
const AWAITING: Duration = Duration::from_millis(5);

pub(super) struct Worker<'c> {
    pub(super) settings: &'c WorkerSettings,
    pub(super) name: String,
    pub(super) consumer: &'c InputConsumer,
    pub(super) producer: Option<TransactionalProducer>,
    pub(super) flow: Flow,
    commands: VecDeque<Command>,
    fresh: Vec<Command>,
    side: Side,
    answers: Receiver<Answer>,
    to_me: Sender<Answer>,
    /// Take-overs whose answer is awaited.
    restores: usize,
    reading: Reading,
    shelf: Arc<CardShelf>,
    cards_seen: u64,
    clock: Clock,
    started: Instant,
    pub(super) ending_since: Instant,
    pub(super) observer: Observer,
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
    let name = settings.worker_name(number);
    let input = InputSettings {
        group_id: settings.group.clone(),
        instance_id: name.clone(),
        session_timeout: settings.session_timeout,
    };
    let consumer = InputConsumer::join(&settings.connection, &input, &settings.names.events)?;
    let lookout = Arc::clone(&side.lookout);
    let _watch = consumer.watched(&lookout, &name, &settings.connection);
    let (to_me, answers) = bounded(settings.waiting.answers);
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
        reading: Reading::default(),
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
    // Not told to stop: the process may go on without what this worker had.
    if !stop.load(Ordering::Relaxed) {
        let had: Vec<i32> = worker.flow.lanes().map(|(number, _)| number).collect();
        (worker.observer)(News::GivenUp(&had));
    }
    Ok(exit)
}

/// A static member says goodbye only by unsubscribing.
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
            let rejoins = self.side.rejoins.take(&self.name);
            if (rejoins || stop.load(Ordering::Relaxed)) && !stopping {
                stopping = true;
                let leave = rejoins || self.settings.leave;
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

    pub(super) fn step(&mut self, happened: Happened<'_>) {
        let now = self.now();
        self.flow.step(now, happened, &mut self.fresh);
        self.commands.extend(self.fresh.drain(..));
    }

    /// Tells under which name the group knows us; nothing while it knows us under none.
    fn tell_member(&mut self) {
        let group = self.consumer.group();
        let member = group.map(|group| group.member_id());
        if let Some(member) = member.filter(|member| !member.is_empty()) {
            self.tell(Happened::Member(member), &[]);
        }
    }

    fn hear_answers(&mut self) {
        while self.exit.is_none()
            && let Ok(answer) = self.answers.try_recv()
        {
            match answer {
                Answer::Found {
                    partition,
                    attempt,
                    found,
                } => {
                    self.restores = self.restores.saturating_sub(1);
                    self.tell_member();
                    self.tell(Happened::looked(partition, attempt, found), &[]);
                }
                Answer::End(end) => self.hear_end(end),
                Answer::Permitted(partition, permit) => {
                    self.tell(Happened::Permitted(partition, permit), &[]);
                }
            }
        }
    }

    /// Answers are heard between batches, when every record polled has been taken.
    fn hear_end(&mut self, end: EndOfPartition) {
        let polled = self.consumer.position(end.partition);
        let Some(end) = self.flow.ended(end, polled) else {
            return;
        };
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
        self.reading.begin_batch();
        let consumer = self.consumer;
        let mut wait = Duration::from_millis(self.flow.idle_for(self.now()));
        if self.restores > 0 {
            wait = wait.min(AWAITING);
        }
        for _ in 0..BATCH {
            if self.exit.is_some() {
                return;
            }
            match consumer.poll(wait) {
                Polled::Record(message) => batch.push(message),
                // Nothing is not idle; only the broker's answer about the end is.
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
            let Some(from) = self.reading.run(partition, last.offset) else {
                continue;
            };
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
        // The callback only noted these; here they are answered.
        while self.exit.is_none()
            && let Some(event) = self.consumer.take_event()
        {
            self.tell_member();
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
            Command::Begin => self.begin(),
            Command::Send(outgoing) => self.send(outgoing),
            Command::SendOffsets(positions) => self.send_offsets(positions),
            Command::Commit => self.commit(),
            Command::Offer(partition) => self.offer(partition, left),
            Command::Trim { partition, before } => {
                // One that finds no room is made good by the next.
                let _ = self.side.trims.try_send((partition, before));
            }
            Command::Stop { partition, reason } => {
                (self.observer)(News::Stopped(partition, &reason));
            }
            Command::Resumed(partition) => {
                if let Some(counts) = self.flow.counts(partition) {
                    (self.observer)(News::Resumed(counts));
                }
            }
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

    fn restore(&mut self, partition: i32, attempt: u64) {
        let question = (partition, attempt, self.to_me.clone());
        if self.side.restores.try_send(question).is_ok() {
            self.restores += 1;
        } else {
            let why = "too many take-overs wait".to_owned();
            self.step(Happened::looked(partition, attempt, Err(why)));
        }
    }

    fn read(&mut self, partition: i32, offset: i64) {
        // Start offsets are in the list that is assigned, so no seek can race.
        self.answered(self.consumer.stop(&[partition]));
        self.answered(self.consumer.start(&[(partition, offset)]));
        self.reading.started(partition, offset);
    }

    fn forget(&mut self, partitions: &[i32]) {
        for partition in partitions {
            self.reading.stopped(*partition);
        }
    }

    /// The group's answers fail only on a client that is dead, which the next poll tells in full.
    fn answered(&self, answer: Result<(), Error>) {
        if let Err(error) = answer {
            tracing::warn!(%error, worker = %self.name, "answering the group");
        }
    }

    /// What is left of the present batch, if the partition is still read as it was.
    fn offer(&mut self, partition: i32, left: &[Run<'_>]) {
        let run = left.iter().find(|run| run.partition == partition);
        let (Some(run), Some(from)) = (run, self.flow.position(partition)) else {
            return;
        };
        let Some(records) = self.reading.rest(partition, run.records, from) else {
            return;
        };
        self.step(Happened::Polled {
            partition,
            from,
            records,
        });
    }
}

/// The records of one partition in the present batch.
#[derive(Clone, Copy)]
struct Run<'b> {
    partition: i32,
    records: &'b [RawRef<'b>],
}
