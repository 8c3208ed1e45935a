//! Faults come, each kind at the rate that the seed gave it.

use std::rc::Rc;

use super::group::Offset;
use super::log::Message;
use super::plan::Fault;
use super::world::{Event, World};

impl World {
    /// Each kind has its chance.
    pub fn throw(&mut self) {
        if !self.busy {
            return;
        }
        for (kind, rate) in Fault::ALL.into_iter().zip(self.plan.rates) {
            if self.dice.chance(rate) && self.strike(kind) {
                self.note(|| format!("FAULT {kind:?}"));
                self.count(kind, 1);
            }
        }
        self.queue
            .put(self.now + self.plan.throw_every, Event::Throw);
    }

    fn anybody(&mut self) -> Option<usize> {
        let ids: Vec<usize> = self.workers.keys().copied().collect();
        (!ids.is_empty()).then(|| *self.dice.pick(&ids))
    }

    fn some_partition(&mut self) -> i32 {
        let below = u64::try_from(self.plan.partitions).expect("some partitions");
        i32::try_from(self.dice.below(below)).expect("a partition")
    }

    /// One fault; false if there is nothing that it could befall.
    fn strike(&mut self, kind: Fault) -> bool {
        let Some(id) = self.anybody() else {
            return false;
        };
        let until = self.now + self.dice.between(50, 2 * self.plan.session);
        match kind {
            Fault::Crash => {
                let worker = self.workers.remove(&id).expect("it was just there");
                self.crashed(&worker);
                // It is counted where it happens.
                return false;
            }
            Fault::Pause => self.pause(id, until),
            Fault::Double => {
                self.pause(id, until);
                let name = self.workers[&id].name;
                self.queue.put(self.now + 10, Event::Start(name));
            }
            Fault::Eviction => {
                let names = self.group.names();
                if names.is_empty() {
                    return false;
                }
                let name = *self.dice.pick(&names);
                self.group.evict(self.now, name);
            }
            Fault::Leave => self.stop(id, true),
            Fault::Restart => self.stop(id, false),
            Fault::Outage => self.network.outage(until),
            Fault::LostRequests => self.network.lose_requests(id, until),
            Fault::LostReplies => self.network.lose_replies(id, until),
            Fault::SlowRequests => {
                let by = self.dice.between(10, 4_000);
                self.network.slow_down(id, until, by);
            }
            Fault::SlowMarkers => self.slow_markers_until = until,
            Fault::LostOffsets => self.group.committed.clear(),
            Fault::ForeignOffsets => self.set_foreign_offset(),
            Fault::TrimmedInput => return self.trim_input(),
            Fault::ClockForward => {
                let by = self.dice.signed(1, 40 * 60_000);
                self.jump(by);
            }
            Fault::ClockBack => {
                let by = self.dice.signed(1, 60_000);
                self.jump(-by);
            }
            Fault::SkewedClock => {
                let skew = self.dice.signed(-20_000, 20_000);
                if let Some(worker) = self.workers.get_mut(&id) {
                    worker.skew = skew;
                }
            }
            // Three in a row stop a partition for good, as they should.
            Fault::RefusedSend => {
                let before = self.faults.get(&kind).copied().unwrap_or_default();
                self.refuse_sends = u32::from(before < 2);
                return before < 2;
            }
            _ => unreachable!("the others do not come by themselves"),
        }
        true
    }

    fn pause(&mut self, id: usize, until: u64) {
        self.paused.insert(id, until);
        self.alarm(id, until);
    }

    fn stop(&mut self, id: usize, leave: bool) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.stop.get_or_insert(leave);
        }
    }

    /// An operator sets the group's offset.
    fn set_foreign_offset(&mut self) {
        let partition = self.some_partition();
        let end = u64::try_from(self.broker.input(partition).end()).expect("not negative");
        let next_offset = i64::try_from(self.dice.below(end + 1)).expect("an offset");
        let offset = Offset {
            next_offset,
            metadata: String::new(),
        };
        self.group.committed.insert(partition, offset);
    }

    /// Retention deletes input that may not have been read.
    fn trim_input(&mut self) -> bool {
        let partition = self.some_partition();
        let before = self.dice.signed(0, 3) + self.checks.position(partition);
        let input = self.broker.input_mut(partition);
        let lost = before > input.start() && before < input.stable_end();
        if lost {
            input.delete_before(before);
        }
        lost
    }

    /// A record of which nothing is known but its bytes.
    pub fn append_plain(&mut self, partition: i32) {
        let message = Message {
            at: Some(self.clock()),
            key: Some(b"nobody".to_vec()),
            payload: Some(b"the last one".to_vec()),
            headers: Vec::new(),
        };
        self.broker.input_mut(partition).append(Rc::new(message));
    }
}
