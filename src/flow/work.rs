//! The work itself: records taken, timers fired, assertions caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::charging::RawRef;

use super::lane::{Bench, Lane, Live, Taken};
use super::pending::Pending;
use super::publish::Press;
use super::transaction::{Phase, Which};
use super::{Command, EndOfPartition, Flow, Now, Outgoing, Permit, StopReason};

/// By how many milliseconds the moment up to which a partition is known to be read lies before the
/// question about its end. A record gets its timestamp a little before readers are shown it, when all
/// replicas in sync have it, and from a broker whose clock may be behind ours.
const SHOWN_WITHIN: i64 = 1_000;

impl Flow {
    pub(super) fn polled(
        &mut self,
        now: Now,
        partition: i32,
        from: i64,
        records: &[RawRef<'_>],
        out: &mut Vec<Command>,
    ) {
        let able = self.is_able() && self.is_between();
        let Some(Lane::Live(live)) = self.lanes.get_mut(&partition) else {
            return;
        };
        let next = live.state.next_offset();
        let all_known = records.last().is_none_or(|last| last.offset < next);
        if all_known || live.halt.is_some() {
            return;
        }
        if !able || live.advancing.is_some() {
            live.missed = true;
            return;
        }
        if from > next {
            // What lies between was polled but not taken.
            let offset = next;
            return out.push(Command::Read { partition, offset });
        }
        self.open(now, partition);
        let clock = now.clock;
        match self.guarded(partition, |live, bench| live.take(records, clock, bench)) {
            Ok(Taken::All) => self.send(out),
            Ok(Taken::Part) => {
                self.offer = Some(partition);
                self.end_transaction(now, Which::All, out);
            }
            Err(what) => self.quarantine(now, partition, what, out),
        }
    }

    /// A partition has something for a commit.
    fn open(&mut self, now: Now, partition: i32) {
        if self.phase == Phase::Idle {
            self.phase = Phase::Open { begun: false };
        }
        self.pendings.open(partition, now.millis);
    }

    /// A gap that was accepted is journaled at once: there may be no record after it for long.
    pub(super) fn journal_gaps(&mut self, now: Now) {
        if !self.is_able() {
            return;
        }
        let mut gaps = Vec::new();
        for live in self.live_mut() {
            if live.writer.has_gap() && live.halt.is_none() {
                live.touched = true;
                gaps.push(live.number);
            }
        }
        for partition in gaps {
            self.open(now, partition);
        }
    }

    /// Hands over what has come together, unless it is so little that it is better held back: until
    /// something is sent, an order can be committed with its own partition alone.
    fn send(&mut self, out: &mut Vec<Command>) {
        let Phase::Open { begun } = &mut self.phase else {
            return;
        };
        if !*begun {
            if self.pendings.held() < self.settings.held_bytes.max(1) {
                return;
            }
            *begun = true;
            out.push(Command::Begin);
        }
        let filled = self.pendings.take_outgoing();
        self.send_each(filled, out);
    }

    pub(super) fn send_each(&mut self, outgoing: Vec<Outgoing>, out: &mut Vec<Command>) {
        self.sending += outgoing.len();
        out.extend(outgoing.into_iter().map(Command::Send));
    }

    /// Works on a partition at work; an assertion that fails there ends here, with its words.
    fn guarded<T>(
        &mut self,
        partition: i32,
        work: impl FnOnce(&mut Live, &mut Bench<'_>) -> T,
    ) -> Result<T, String> {
        let Some(Lane::Live(live)) = self.lanes.get_mut(&partition) else {
            unreachable!("only partitions at work are worked on")
        };
        let skip = match self.permits.get(&partition) {
            Some(Permit::SkipRecord(offset)) => Some(*offset),
            _ => None,
        };
        let mut nothing = Pending::default();
        let all = self.pendings.records();
        let pending = self.pendings.get_mut(partition).unwrap_or(&mut nothing);
        let others = all - pending.counts.records();
        let mut bench = Bench {
            settings: &self.settings,
            decoder: &self.decoder,
            cards: &self.cards,
            facts: &mut self.facts,
            press: Press {
                settings: &self.settings,
                encoder: &self.encoder,
                pending,
            },
            others,
            skip,
            poison: self
                .poisons
                .get(&partition)
                .map(|(offset, what)| (*offset, what.as_str())),
        };
        // What the work leaves half done is dropped with the partition and the transaction.
        let done = catch_unwind(AssertUnwindSafe(|| work(live, &mut bench)));
        done.map_err(|payload| words(&*payload))
    }

    /// A partition tripped an assertion: its part of the transaction cannot be told from the others',
    /// so all of it is done again, this partition only up to the record that did it.
    fn quarantine(&mut self, now: Now, partition: i32, what: String, out: &mut Vec<Command>) {
        let Some(Lane::Live(live)) = self.lanes.get_mut(&partition) else {
            unreachable!("it was worked on")
        };
        live.touched = true;
        let next = live.state.next_offset();
        // Where skipping the record did not help, it is not the record.
        let skipped = self.permits.get(&partition).copied();
        let culprit = live
            .applying
            .filter(|offset| skipped != Some(Permit::SkipRecord(*offset)));
        self.abort(
            now,
            format!("partition `{partition}` tripped an assertion: {what}"),
            out,
        );
        match culprit {
            Some(offset)
                if self.poisons.get(&partition).map(|(known, _)| *known) != Some(offset) =>
            {
                self.poisons.insert(partition, (offset, what));
            }
            Some(offset) => {
                let reason = StopReason::Quarantined { offset, what };
                self.stop_lane(now, partition, reason, out);
            }
            None => {
                let reason = StopReason::Broken { offset: next, what };
                self.stop_lane(now, partition, reason, out);
            }
        }
    }

    /// Where a partition ends: its timers may fire if nothing lies beyond what was applied.
    pub(super) fn reached(&mut self, end: EndOfPartition) {
        let Some(Lane::Live(live)) = self.lanes.get_mut(&end.partition) else {
            return;
        };
        let position = live.state.next_offset();
        // Where the consumer has come past the start, only markers behind what was applied are deleted.
        if position < end.start && (end.position <= position || end.position < end.start) {
            live.halt = Some(StopReason::Gap {
                position,
                start: end.start,
            });
            return;
        }
        let all_read = end.position >= end.end && !live.missed && self.offer.is_none();
        let known_to = end.asked_at.plus_millis(-SHOWN_WITHIN);
        if all_read && live.state.time() < known_to && live.halt.is_none() {
            live.advancing = Some(known_to);
        }
    }

    /// Fires what the reader's clock has made due.
    pub(super) fn advance_lanes(&mut self, now: Now, out: &mut Vec<Command>) {
        if !self.is_able() {
            return;
        }
        let due: Vec<(i32, crate::domain::Moment)> = self
            .live()
            .filter(|live| live.halt.is_none())
            .filter_map(|live| Some((live.number, live.advancing?)))
            .collect();
        for (partition, to) in due {
            let fires = self.live().any(|live| {
                live.number == partition && live.state.next_due().is_some_and(|due| due <= to)
            });
            if fires {
                self.open(now, partition);
            }
            let advanced = self.guarded(partition, |live, bench| {
                live.applying = None;
                live.touched |= fires;
                let done = live.advance(to, bench);
                if done {
                    live.advancing = None;
                }
                done
            });
            match advanced {
                Ok(true) => self.send(out),
                Ok(false) => return self.end_transaction(now, Which::All, out),
                Err(what) => return self.quarantine(now, partition, what, out),
            }
        }
    }

    pub(super) fn ask_all_ends(&mut self, now: Now, out: &mut Vec<Command>) {
        for live in self.live_mut() {
            live.asked = Some(now.millis);
            out.push(Command::AskEnd(live.number));
        }
    }
}

fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}
