//! Processes start, die, stop and start again.

use tollkeeper::flow::{ExitReason, Next, Permit, StopReason};

use super::plan::Fault;
use super::worker::{Process, Stop, Worker};
use super::world::{Event, World};

/// How often each process looks who has which partition.
const LOOK: u64 = 5_000;

impl World {
    /// A process dies.
    pub fn crashed(&mut self, worker: &Worker) {
        self.count(Fault::Crash, 1);
        self.died(worker);
    }

    fn died(&mut self, worker: &Worker) {
        self.note(|| format!("worker {} dies at its step {}", worker.id, worker.steps));
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
        let stopping = worker.stop.is_some_and(|stop| stop != Stop::Rejoin);
        match worker.process.ends.next(reason, self.now, stopping) {
            Next::Join => {
                let id = self.spawn(worker.name, worker.process.clone());
                self.note(|| format!("worker {id} joins again"));
            }
            Next::End => self.restart(worker.name),
        }
    }

    /// Every process looks for partitions that nobody has.
    pub fn look_for_owners(&mut self) {
        self.queue.put(self.now + LOOK, Event::Looks);
        let described = self.group.described();
        let ids: Vec<usize> = self.workers.keys().copied().collect();
        for id in ids {
            let seen = !self.is_paused(id) && self.network.is_up(self.now, id);
            let members = if seen { &described[..] } else { &[] };
            let partitions = self.plan.partitions;
            let Some(worker) = self.workers.get_mut(&id) else {
                continue;
            };
            let asked = worker.process.ownerless.look(members, partitions);
            if let Some((first, lost)) = asked
                && first == worker.name.to_string()
                && worker.stop.is_none()
            {
                worker.stop = Some(Stop::Rejoin);
                self.note(|| format!("nobody has {lost:?}: worker {id} is to join again"));
                self.count(Fault::Ownerless, 1);
            }
        }
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
        let id = self.spawn(name, Process::default());
        self.note(|| format!("worker {id} starts as name {name}"));
    }

    /// A worker begins, in a new process or in one that goes on.
    fn spawn(&mut self, name: usize, process: Process) -> usize {
        self.next_worker += 1;
        let id = self.next_worker;
        let before = self.started.insert(name, id);
        self.network.connect(id);
        let mut worker = Box::new(Worker::new(self, id, name));
        worker.first_of_its_name = before.is_none();
        worker.process = process;
        self.workers.insert(id, worker);
        self.alarm(id, self.now);
        id
    }

    /// A partition stopped: for what an operator can lift, or time; anything else must not be.
    pub fn stopped(&mut self, partition: i32, reason: &StopReason) {
        self.note(|| format!("partition {partition} stopped: {reason}"));
        if matches!(
            reason,
            StopReason::Journal(_) | StopReason::JournalBehind(_)
        ) && let Some(damaged) = &mut self.damaged
            && damaged.partition == partition
        {
            damaged.is_refused = true;
            return;
        }
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

    /// All processes die, and begin again. As that ends every run, it is counted as no fault.
    pub fn restart_all(&mut self) {
        for (_, worker) in std::mem::take(&mut self.workers) {
            self.died(&worker);
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
