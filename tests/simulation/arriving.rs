//! What comes in while a run goes on: records of the input, and versions of the rate cards.

use std::rc::Rc;
use std::sync::Arc;

use tollkeeper::codec::{Partitioner, partition_of};
use tollkeeper::flow::Permit;

use super::log::Message;
use super::plan::Fault;
use super::rates;
use super::traffic::TRIP;
use super::world::{Event, World};

impl World {
    pub(super) fn input(&mut self) {
        if self.records_left == 0 || !self.busy {
            while let Some(produced) = self.traffic.left() {
                self.append(produced.partition, produced.message);
            }
            return;
        }
        self.records_left -= 1;
        let clock = self.clock();
        let produced = self.traffic.next(clock);
        self.append(produced.partition, produced.message);
        let gap = self.dice.between(0, self.plan.gap);
        self.queue.put(self.now + gap, Event::Input);
    }

    /// Some producers of the input use transactions: their markers and aborted records take offsets.
    pub(super) fn append(&mut self, partition: i32, mut message: Message) {
        // It is shown a little after it was dated.
        let dated = self.clock().plus_millis(-self.dice.signed(0, 900));
        message.at = Some(dated);
        let input = self.broker.input(partition);
        let open = input.stable_end() < input.end();
        if !open && self.dice.chance(self.plan.aborted_input) {
            let commit = self.dice.chance(600_000);
            if !commit {
                self.count(Fault::AbortedInput, 1);
            }
            self.broker
                .input_mut(partition)
                .append_undecided(usize::MAX, Rc::new(message));
            let after = self.dice.between(1, 400);
            self.queue
                .put(self.now + after, Event::InputMarker(partition, commit));
            return;
        }
        let trips = self.trips(partition, &message);
        let offset = self.broker.input_mut(partition).append(Rc::new(message));
        self.note(|| format!("input {partition}@{offset}"));
        if trips && self.dice.chance(400_000) {
            // An operator may know of it before a worker comes to it.
            let permit = Permit::SkipRecord(offset);
            self.wanted.insert(partition, permit);
            self.queue.put(self.now, Event::Permit(partition, permit));
        }
    }

    /// Whether a record trips an assertion when a partition comes to it.
    fn trips(&self, partition: i32, message: &Message) -> bool {
        if self.plan.trips == 0 {
            return false;
        }
        let decoder = &self.checks.office.decoder;
        let event = decoder.decode(message.payload.as_deref());
        event.is_ok_and(|event| {
            let tenant = event.tenant_id.as_bytes();
            event.event_id == TRIP
                && message.key.as_deref() == Some(tenant)
                && partition_of(Partitioner::Murmur2, tenant, self.plan.partitions) == partition
        })
    }

    pub(super) fn publish_card(&mut self, version: usize) {
        let at = self.clock();
        let latest = self
            .checks
            .office
            .cards
            .last()
            .expect("there is a state of the cards");
        let more = Arc::new(rates::publish(latest, version, at));
        self.checks.office.cards.push(more);
        self.note(|| format!("card version {} published", version + 1));
        let seen = self.checks.office.cards.len() - 1;
        let workers: Vec<usize> = self.workers.keys().copied().collect();
        for worker in workers {
            let slow = self.dice.chance(self.plan.slow_cards);
            let after = if slow {
                self.count(Fault::SlowCards, 1);
                self.dice.between(100, self.plan.slow_cards_by)
            } else {
                self.dice.between(1, 20)
            };
            self.queue
                .put(self.now + after, Event::CardSeen(worker, seen));
        }
    }
}
