//! Processes start, die, stop and start again.

use tollkeeper::flow::{ExitReason, Permit, StopReason};

use super::plan::Fault;
use super::worker::Worker;
use super::world::{Event, World};

impl World {
    /// A process dies.
    pub fn crashed(&mut self, worker: &Worker) {
        self.note(|| format!("worker {} dies at its step {}", worker.id, worker.steps));
        self.count(Fault::Crash, 1);
        self.restart(worker.name);
    }

    /// A process ended by itself.
    pub fn exited(&mut self, worker: &mut Worker, reason: &ExitReason) {
        self.note(|| format!("worker {} exits: {reason:?}", worker.id));
        match reason {
            ExitReason::InputDead(why) => self.fail(format!("worker {}: {why}", worker.id)),
            ExitReason::Stopped { leave: true } => {
                if let Some(member) = worker.consumer.member {
                    self.group.leave(self.now, worker.name, member);
                }
            }
            _ => {}
        }
        self.restart(worker.name);
    }

    fn restart(&mut self, name: usize) {
        let most = if self.busy {
            2 * self.plan.session
        } else {
            100
        };
        let after = self.dice.between(1, most);
        self.queue.put(self.now + after, Event::Start(name));
    }

    pub fn trim(&mut self, partition: i32, before: i64) {
        let after = if self.busy && self.dice.chance(self.plan.slow_trims) {
            self.count(Fault::SlowTrims, 1);
            self.dice.between(1, 4_000)
        } else {
            self.dice.between(1, 4)
        };
        self.queue
            .put(self.now + after, Event::Trim(partition, before));
    }

    /// A process with a name starts; one that is paused under it may still be there.
    pub fn start(&mut self, name: usize) {
        let here = self
            .workers
            .iter()
            .any(|(id, worker)| worker.name == name && !self.is_paused(*id));
        if here {
            return;
        }
        self.next_worker += 1;
        let id = self.next_worker;
        let before = self.started.insert(name, id);
        self.note(|| format!("worker {id} starts as name {name}"));
        self.network.connect(id);
        let mut worker = Box::new(Worker::new(self, id, name));
        worker.first_of_its_name = before.is_none();
        self.workers.insert(id, worker);
        self.alarm(id, self.now);
    }

    /// A partition stopped: for what an operator can lift, or time; anything else must not be.
    pub fn stopped(&mut self, partition: i32, reason: &StopReason) {
        self.note(|| format!("partition {partition} stopped: {reason}"));
        let fault = match reason {
            StopReason::Quarantined { .. } if self.plan.trips > 0 => Fault::Poison,
            StopReason::Gap { .. } if self.faults.contains_key(&Fault::TrimmedInput) => {
                Fault::LostInput
            }
            reason if reason.may_pass() => return,
            _ => return self.fail(format!("partition {partition} stopped: {reason}")),
        };
        self.count(fault, 1);
    }

    /// A partition asks for a permission: after a while an operator sees why, and gives it.
    pub fn wish(&mut self, partition: i32, reason: &StopReason) {
        let permit = match reason {
            StopReason::Quarantined { offset, .. } => Permit::SkipRecord(*offset),
            StopReason::Gap { position, .. } => Permit::AcceptGap(*position),
            _ => return,
        };
        if self.permits.get(&partition) != Some(&permit) {
            self.wanted.insert(partition, permit);
            let after = self.dice.between(10, 1_500);
            self.queue
                .put(self.now + after, Event::Permit(partition, permit));
        }
    }

    /// All processes die, and begin again.
    pub fn restart_all(&mut self) {
        for (_, worker) in std::mem::take(&mut self.workers) {
            self.crashed(&worker);
        }
    }

    pub fn wake(&mut self, id: usize) {
        let due = self
            .workers
            .get(&id)
            .is_some_and(|worker| worker.alarm == Some(self.now));
        if !due {
            return;
        }
        if let Some(until) = self.paused.get(&id).copied() {
            if until > self.now {
                self.alarm(id, until);
                return;
            }
            self.paused.remove(&id);
        }
        let Some(mut worker) = self.workers.remove(&id) else {
            return;
        };
        worker.alarm = None;
        if worker.go_on(self) {
            self.workers.insert(id, worker);
        }
    }

    /// Wakes a worker at a moment, or earlier if it is to be woken earlier.
    pub fn alarm(&mut self, id: usize, at: u64) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.alarm = Some(at);
            self.queue.put(at, Event::Wake(id));
        }
    }

    /// Something came for a worker.
    pub fn nudge(&mut self, id: usize) {
        let now = self.now;
        let alarm = self.workers.get(&id).map(|worker| worker.alarm);
        if alarm.is_some_and(|alarm| alarm.is_none_or(|at| at > now)) {
            self.alarm(id, now);
        }
    }

    pub fn is_paused(&self, worker: usize) -> bool {
        self.paused
            .get(&worker)
            .is_some_and(|until| *until > self.now)
    }
}
