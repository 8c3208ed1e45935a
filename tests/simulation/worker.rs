//! A process with one worker: the thread's loop and the carrying out of what its flow wants, as `src/kafka`
//! does it, cut into steps between which anything may happen, and after any of which it may die.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use tollkeeper::domain::Moment;
use tollkeeper::flow::{
    Command, EndOfPartition, Ends, ExitReason, Flow, Found, Happened, LaneView, Now, Ownerless,
    Permit, Reading, StopReason,
};

use super::carrying::{Blocked, shown};
use super::client::Client;
use super::consumer::{Consumer, GroupEvent, Polled};
use super::script::Script;
use super::takeover::Finding;
use super::world::{Event, World};

/// An answer of a side thread.
#[derive(Debug)]
pub enum Answer {
    Found {
        partition: i32,
        attempt: u64,
        found: Result<Box<Found>, String>,
    },
    End(EndOfPartition),
    Permitted(i32, Permit),
}

/// Where the loop stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Answers,
    Cards,
    Poll,
    Waiting,
    Take,
    Group,
    Time,
}

/// What a worker is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Its process ends, and the group is told so.
    Leave,
    /// Its process ends, to be back soon.
    Stay,
    /// It leaves the group and joins again, in the same process.
    Rejoin,
}

/// What a process keeps beyond the end of a worker.
#[derive(Clone, Debug, Default)]
pub struct Process {
    pub ends: Ends,
    pub ownerless: Ownerless,
}

#[derive(Debug)]
pub struct Worker {
    pub id: usize,
    pub name: usize,
    pub first_of_its_name: bool,
    pub(super) flow: Flow,
    pub(super) commands: VecDeque<Command>,
    pub(super) fresh: Vec<Command>,
    pub(super) reading: Reading,
    pub consumer: Consumer,
    pub client: Option<Client>,
    pub(super) builds: u32,
    pub(super) blocked: Option<Blocked>,
    pub(super) stage: Stage,
    pub(super) batch: Vec<Polled>,
    pub(super) runs: VecDeque<(i32, Range<usize>)>,
    /// The run being taken, which may be offered again.
    pub(super) left: Option<(i32, Range<usize>)>,
    pub answers: VecDeque<Answer>,
    /// Take-overs that wait for the one that is read; the process reads one at a time.
    pub finds: VecDeque<Box<Finding>>,
    pub finding: bool,
    pub(super) restores: usize,
    /// The cards that its flow was told of, and those that its process has read.
    pub(super) cards_seen: usize,
    pub cards_known: usize,
    /// The versions of cards that what it restored uses, by partition.
    pub uses: BTreeMap<i32, Vec<(String, i64)>>,
    pub(super) started: u64,
    pub skew: i64,
    pub alarm: Option<u64>,
    pub(super) scripts: BTreeMap<i32, Script>,
    /// When the end of a partition was asked for, with the end as it was then.
    pub(super) asked: VecDeque<(i32, Moment, i64)>,
    pub steps: u64,
    /// Steps, commands carried out and waits for an answer begun: where it may be made to die.
    pub deeds: u64,
    pub stop: Option<Stop>,
    pub process: Process,
    stop_told: bool,
    pub(super) exit: Option<ExitReason>,
}

impl Worker {
    pub fn new(world: &World, id: usize, name: usize) -> Self {
        // It has read the topic to its end before.
        let cards_seen = world.checks.office.cards.len() - 1;
        let cards = Arc::clone(&world.checks.office.cards[cards_seen]);
        Worker {
            id,
            name,
            first_of_its_name: true,
            flow: Flow::new(world.plan.flow.clone(), cards),
            commands: VecDeque::new(),
            fresh: Vec::new(),
            reading: Reading::default(),
            consumer: Consumer::new(),
            client: None,
            builds: 0,
            blocked: None,
            stage: Stage::Time,
            batch: Vec::new(),
            runs: VecDeque::new(),
            left: None,
            answers: VecDeque::new(),
            finds: VecDeque::new(),
            finding: false,
            restores: 0,
            cards_seen,
            cards_known: cards_seen,
            uses: BTreeMap::new(),
            started: world.now,
            skew: 0,
            alarm: None,
            scripts: BTreeMap::new(),
            asked: VecDeque::new(),
            steps: 0,
            deeds: 0,
            stop: None,
            process: Process::default(),
            stop_told: false,
            exit: None,
        }
    }

    /// The partitions it has at work.
    pub fn at_work(&self) -> impl Iterator<Item = i32> + '_ {
        let lanes = self.flow.lanes();
        lanes
            .filter(|(_, lane)| *lane == LaneView::Live)
            .map(|(partition, _)| partition)
    }

    /// Why a partition is stopped.
    pub fn stopped_for(&self, partition: i32) -> Option<StopReason> {
        let mut lanes = self.flow.lanes();
        lanes.find_map(|(of, lane)| match lane {
            LaneView::Stopped(reason) if of == partition => Some(reason.clone()),
            _ => None,
        })
    }

    /// The partition time of a partition at work.
    pub fn time(&self, partition: i32) -> Option<Moment> {
        Some(self.flow.standing(partition)?.time)
    }

    pub(super) fn now(&self, world: &World) -> Now {
        Now {
            millis: world.now - self.started,
            clock: world.clock().plus_millis(self.skew),
        }
    }

    /// Goes on until it waits for something; false once the process is gone.
    pub fn go_on(&mut self, world: &mut World) -> bool {
        while world.broken.is_none() {
            if let Some(blocked) = self.blocked {
                if let Some(happened) = self.finish(world, blocked) {
                    self.blocked = None;
                    self.step(world, happened);
                } else {
                    self.deeds += 1;
                    if self.dies_as_planned(world) {
                        return false;
                    }
                    return self.sleep(world, blocked.until());
                }
            } else if let Some(reason) = self.exit.take() {
                world.exited(self, &reason);
                return false;
            } else if let Some(command) = self.commands.pop_front() {
                world.note(|| format!("worker {}: {}", self.id, shown(&command)));
                self.carry_out(world, command);
                self.deeds += 1;
            } else if self.loop_on(world) {
                return true;
            }
            if self.dies(world) {
                return false;
            }
        }
        true
    }

    fn dies(&mut self, world: &mut World) -> bool {
        let struck = world.busy && world.dice.chance(world.plan.crash);
        if struck {
            world.crashed(self);
        }
        struck || self.dies_as_planned(world)
    }

    /// One step or command may be several deeds: the first moment after the planned one counts.
    fn dies_as_planned(&mut self, world: &mut World) -> bool {
        let planned = world.plan.crash_at;
        let due = planned.is_some_and(|(name, deeds)| name == self.name && deeds <= self.deeds);
        if !due || !self.first_of_its_name || world.crashed_as_planned {
            return false;
        }
        world.crashed_as_planned = true;
        world.crashed(self);
        true
    }

    fn sleep(&mut self, world: &mut World, until: u64) -> bool {
        self.alarm = Some(until);
        world.queue.put(until, Event::Wake(self.id));
        true
    }

    /// One turn of the loop; true if it waits now.
    fn loop_on(&mut self, world: &mut World) -> bool {
        match self.stage {
            Stage::Answers => match self.answers.pop_front() {
                Some(answer) => self.hear(world, answer),
                None => self.stage = Stage::Cards,
            },
            Stage::Cards => {
                self.stage = Stage::Poll;
                if self.cards_seen < self.cards_known {
                    self.cards_seen = self.cards_known;
                    let cards = Arc::clone(&world.checks.office.cards[self.cards_seen]);
                    self.step(world, Happened::Cards(cards));
                }
            }
            Stage::Poll => {
                self.reading.begin_batch();
                self.poll(world);
                if self.batch.is_empty() && self.commands.is_empty() {
                    self.stage = Stage::Waiting;
                    let mut wait = self.flow.idle_for(self.now(world)).max(1);
                    if self.restores > 0 {
                        wait = wait.min(5);
                    }
                    return self.sleep(world, world.now + wait);
                }
                self.stage = Stage::Take;
            }
            Stage::Waiting => {
                self.poll(world);
                self.stage = Stage::Take;
            }
            Stage::Take => self.take(world),
            Stage::Group => match self.consumer.events.pop_front() {
                Some(event) => {
                    self.tell_member(world);
                    let happened = match event {
                        GroupEvent::Assigned(partitions) => Happened::Assigned(partitions),
                        GroupEvent::Revoked(partitions) => Happened::Revoked(partitions),
                        GroupEvent::Lost(partitions) => Happened::Lost(partitions),
                    };
                    self.step(world, happened);
                }
                None => self.stage = Stage::Time,
            },
            Stage::Time => {
                self.stage = Stage::Answers;
                if let Some(stop) = self.stop
                    && !std::mem::replace(&mut self.stop_told, true)
                {
                    self.stage = Stage::Time;
                    let leave = stop != Stop::Stay;
                    self.step(world, Happened::Stop { leave });
                } else {
                    self.step(world, Happened::Time);
                    self.check_waiting(world);
                }
            }
        }
        false
    }

    fn tell_member(&mut self, world: &mut World) {
        if let Some(member) = self.consumer.member_id() {
            self.step(world, Happened::Member(member));
        }
    }

    fn hear(&mut self, world: &mut World, answer: Answer) {
        match answer {
            Answer::Found {
                partition,
                attempt,
                found,
            } => {
                self.restores = self.restores.saturating_sub(1);
                self.tell_member(world);
                self.step(world, Happened::looked(partition, attempt, found));
            }
            Answer::End(end) => {
                let polled = self.consumer.position(world, end.partition);
                if let Some(end) = self.flow.ended(end, polled) {
                    self.step(world, Happened::End(end));
                    if end.position >= end.end {
                        world.end_reached();
                    }
                }
            }
            Answer::Permitted(partition, permit) => {
                self.step(world, Happened::Permitted(partition, permit));
            }
        }
    }
}
