//! What a partition's take-over reads, question by question, as the process's side thread does: the group's
//! stable offset, permissions, the journal's undecided end, the journal itself, then the input's bounds.

use tollkeeper::flow::{CommittedOffset, EndOfPartition, Found};
use tollkeeper::journal::{JournalError, PositionMark, Restored, Restorer};

use tollkeeper::domain::Moment;

use super::broker::journal;
use super::plan::Fault;
use super::worker::{Answer, Worker};
use super::world::{Event, World};

/// How long each question may take.
const TIMEOUT: u64 = 5_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Committed,
    Permit,
    Undecided,
    Bounds,
    Journal { at: i64, stable_end: i64 },
    Input,
}

/// A take-over under way.
#[derive(Debug)]
pub struct Finding {
    worker: usize,
    partition: i32,
    attempt: u64,
    question: Question,
    since: u64,
    committed: Option<CommittedOffset>,
    input: (i64, i64),
    permit: Option<tollkeeper::flow::Permit>,
    everything: i64,
    restorer: Option<Restorer>,
    /// The journal as it was read, and its stable end.
    journal: Option<(Result<Restored, JournalError>, i64)>,
}

impl Finding {
    pub fn new(now: u64, worker: usize, partition: i32, attempt: u64) -> Self {
        Finding {
            worker,
            partition,
            attempt,
            question: Question::Committed,
            since: now,
            committed: None,
            input: (0, 0),
            permit: None,
            everything: 0,
            restorer: None,
            journal: None,
        }
    }
}

impl Worker {
    /// Begins with the next take-over, unless one is being read.
    pub fn find_next(&mut self, world: &mut World) {
        if !self.finding
            && let Some(mut finding) = self.finds.pop_front()
        {
            self.finding = true;
            finding.since = world.now;
            let at = world.now + world.dice.between(0, 5);
            world.queue.put(at, Event::Find(finding));
        }
    }
}

impl World {
    /// Asks the next question, or the same one again, or gives up.
    pub fn find(&mut self, mut finding: Box<Finding>) {
        let Finding { worker, since, .. } = *finding;
        if !self.workers.contains_key(&worker) {
            return;
        }
        if self.is_paused(worker) {
            self.queue.put(self.now + 50, Event::Find(finding));
            return;
        }
        let waits = finding.question == Question::Committed
            && self.broker.offsets_pending(finding.partition);
        if waits || !self.network.is_up(self.now, worker) {
            if self.now - since > TIMEOUT {
                return self.not_found(&finding);
            }
            self.queue.put(self.now + 40, Event::Find(finding));
            return;
        }
        let done = self.ask(&mut finding);
        if let Some((journal, stable_end)) = done {
            return self.read(&finding, journal, stable_end);
        }
        finding.since = self.now;
        // A journal may be long, and others may wait to be read before it.
        let after = if self.busy && self.dice.chance(self.plan.slow_finds) {
            self.count(Fault::SlowFinds, 1);
            self.dice.between(100, TIMEOUT)
        } else {
            self.dice.between(0, 4)
        };
        self.queue.put(self.now + after, Event::Find(finding));
    }

    /// One answer; the journal and its stable end, once it is read.
    fn ask(&mut self, finding: &mut Finding) -> Option<(Result<Restored, JournalError>, i64)> {
        let partition = finding.partition;
        finding.question = match finding.question {
            Question::Committed => {
                let committed = self.group.committed.get(&partition);
                finding.committed = committed.map(|committed| CommittedOffset {
                    next_offset: committed.next_offset,
                    mark: PositionMark::parse(&committed.metadata),
                });
                Question::Permit
            }
            Question::Permit => {
                finding.permit = self.permits.get(&partition).copied();
                Question::Undecided
            }
            Question::Undecided => {
                finding.everything = self.broker.log(journal(partition)).end();
                Question::Bounds
            }
            Question::Bounds => {
                let mark = finding.committed.and_then(|committed| committed.mark);
                let log = self.broker.log(journal(partition));
                finding.restorer = Some(Restorer::new(
                    self.genesis.clone(),
                    partition,
                    self.plan.journal,
                    self.plan.charging,
                    mark,
                ));
                let (at, stable_end) = (log.start(), log.stable_end());
                if at == stable_end {
                    let journal = finding.restorer.take()?.finish();
                    finding.journal = Some((journal, stable_end));
                    finding.question = Question::Input;
                    return None;
                }
                Question::Journal { at, stable_end }
            }
            Question::Journal { at, stable_end } => {
                let log = self.broker.log(journal(partition));
                if at < log.start() {
                    // A trim went on meanwhile: start again from the new start.
                    finding.question = Question::Bounds;
                    return None;
                }
                let some = usize::try_from(self.dice.between(3, 200)).expect("a small number");
                let log = self.broker.log(journal(partition));
                let mut next = log.stable_end();
                let mut restorer = finding.restorer.take()?;
                for (place, (offset, message)) in log.committed(at, next).enumerate() {
                    if place == some {
                        next = offset;
                        break;
                    }
                    let payload = message.payload.as_deref().unwrap_or_default();
                    if let Err(error) = restorer.feed(offset, payload) {
                        finding.journal = Some((Err(error), stable_end));
                        finding.question = Question::Input;
                        return None;
                    }
                }
                if next == log.stable_end() {
                    finding.journal = Some((restorer.finish(), stable_end));
                    finding.question = Question::Input;
                    return None;
                }
                finding.restorer = Some(restorer);
                Question::Journal {
                    at: next,
                    stable_end,
                }
            }
            // Behind the journal, whose position it must not seem to fall short of.
            Question::Input => {
                let input = self.broker.input(partition);
                finding.input = (input.start(), input.end());
                return finding.journal.take();
            }
        };
        None
    }

    fn read(
        &mut self,
        finding: &Finding,
        journal: Result<Restored, JournalError>,
        stable_end: i64,
    ) {
        let partition = finding.partition;
        if let Ok(restored) = &journal {
            if let Err(broken) = self.checks.restored(partition, restored) {
                return self.fail(broken);
            }
            if let Some(worker) = self.workers.get_mut(&finding.worker) {
                let versions = restored.partition.card_versions();
                worker.uses.insert(partition, versions);
            }
        }
        let found = Found {
            committed: finding.committed,
            journal,
            undecided: stable_end < finding.everything,
            input_start: finding.input.0,
            input_end: finding.input.1,
            permit: finding.permit,
        };
        self.answered(finding, Ok(Box::new(found)));
    }

    fn not_found(&mut self, finding: &Finding) {
        self.answered(finding, Err("Kafka did not answer".to_owned()));
    }

    /// The worker gets its answer, and its process begins with the next take-over.
    fn answered(&mut self, finding: &Finding, found: Result<Box<Found>, String>) {
        let Some(mut worker) = self.workers.remove(&finding.worker) else {
            return;
        };
        worker.finding = false;
        worker.find_next(self);
        self.workers.insert(finding.worker, worker);
        let answer = Answer::Found {
            partition: finding.partition,
            attempt: finding.attempt,
            found,
        };
        self.answer(finding.worker, answer);
    }

    /// An answer comes to a worker's queue.
    pub fn answer(&mut self, worker: usize, answer: Answer) {
        if let Some(to) = self.workers.get_mut(&worker) {
            to.answers.push_back(answer);
            self.nudge(worker);
        }
    }

    /// The brokers are asked where a partition ends; the answer may take its time.
    pub fn ask_end(&mut self, worker: usize, partition: i32, asked_at: Moment) {
        if !self.network.is_up(self.now, worker) {
            return;
        }
        let input = self.broker.input(partition);
        let end = EndOfPartition {
            partition,
            asked_at,
            position: 0,
            start: input.start(),
            end: input.end(),
        };
        let after = if self.busy && self.dice.chance(self.plan.slow_ends) {
            self.count(Fault::SlowEnds, 1);
            self.dice.between(1, 3_000)
        } else {
            self.dice.between(1, 4)
        };
        self.queue.put(
            self.now + after,
            Event::Answer(worker, Box::new(Answer::End(end))),
        );
    }
}
