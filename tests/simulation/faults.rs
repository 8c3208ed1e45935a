//! Faults come, each kind at the rate that the seed gave it.

use std::rc::Rc;

use tollkeeper::journal::PositionMark;

use super::broker::journal;
use super::group::Offset;
use super::log::Message;
use super::plan::{Damage, Fault};
use super::worker::Stop;
use super::world::{Damaged, Event, World};

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
            Fault::Leave => self.stop(id, Stop::Leave),
            Fault::Restart => self.stop(id, Stop::Stay),
            Fault::Outage => self.network.outage(until),
            Fault::LostRequests => self.network.lose_requests(id, until),
            Fault::LostReplies => self.network.lose_replies(id, until),
            Fault::SlowRequests => {
                let by = self.dice.between(10, 4_000);
                self.network.slow_requests(id, until, by);
            }
            Fault::SlowReplies => {
                let by = self.dice.between(10, 4_000);
                self.network.slow_replies(id, until, by);
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
            // Three in a row stop a partition for good, as they should. It is counted where it happens.
            Fault::RefusedSend => {
                let before = self.faults.get(&kind).copied().unwrap_or_default();
                self.refuse_sends = before < 2;
                return false;
            }
            _ => unreachable!("the others do not come by themselves"),
        }
        true
    }

    /// A worker knows that it has come to the end of a partition: the worst moment for brokers to go.
    pub fn end_reached(&mut self) {
        if self.busy && self.dice.chance(self.plan.outage_at_end) {
            let until = self.now + self.dice.between(50, 2 * self.plan.session);
            self.network.outage(until);
            self.note(|| format!("FAULT {:?}", Fault::OutageAtEnd));
            self.count(Fault::OutageAtEnd, 1);
        }
    }

    fn pause(&mut self, id: usize, until: u64) {
        self.paused.insert(id, until);
        self.alarm(id, until);
    }

    fn stop(&mut self, id: usize, stop: Stop) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.stop.get_or_insert(stop);
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
            self.checks.office.starts.insert((partition, before));
        }
        lost
    }

    /// A journal is damaged while nobody is at work.
    pub fn damage(&mut self) {
        let Some(damage) = self.plan.damage else {
            return;
        };
        let partition = self.some_partition();
        let committed = self.group.committed.get(&partition);
        let named = committed.is_some_and(|at| PositionMark::parse(&at.metadata).is_some());
        let log = self.broker.log(journal(partition));
        let records: Vec<i64> = log
            .committed(log.start(), log.end())
            .map(|(offset, _)| offset)
            .collect();
        let (end, some) = (log.end(), *self.dice.pick(&records));
        let log = self.broker.log_mut(journal(partition));
        let fault = match damage {
            Damage::Emptied => {
                log.delete_before(end);
                Fault::EmptyJournal
            }
            Damage::FrontCut => {
                log.delete_before(some);
                Fault::CutJournal
            }
            // Nothing but the group's offset knows of what is lost.
            Damage::EndCut if !named => return,
            Damage::EndCut => {
                log.lose_from(some);
                Fault::ShortJournal
            }
            Damage::Changed => {
                let bit = self.dice.below(1_000_000);
                log.change(some, bit);
                Fault::ChangedJournal
            }
        };
        self.damaged = Some(Damaged {
            partition,
            position: self.checks.position(partition),
            is_refused: false,
        });
        self.note(|| format!("journal {partition}: {damage:?} at {some}"));
        self.count(fault, 1);
    }

    /// Whether the journal that was damaged may be of use all the same: it begins later, but a whole round is left.
    pub fn may_be_restored(&self) -> bool {
        self.plan.damage == Some(Damage::FrontCut)
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
