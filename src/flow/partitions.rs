//! Coming and going of partitions: assigned, revoked, lost, found, permitted.

use std::sync::Arc;

use crate::rates::RateCards;

use super::lane::{Lane, Live};
use super::takeover::{Verdict, judge};
use super::transaction::{Phase, Which};
use super::{Command, Flow, Found, Now, Permit, StopReason, Warning};

/// How soon an undecided take-over is looked at again, in milliseconds.
const LOOK_AGAIN: u64 = 50;
/// How soon a partition is looked at again that was stopped for what may yet be decided, in milliseconds.
const LOOK_AT_STOPPED: u64 = 2_000;
/// How soon after Kafka did not answer, in milliseconds.
const ASK_AGAIN: u64 = 500;

impl Flow {
    pub(super) fn assigned(&mut self, now: Now, partitions: &[i32], out: &mut Vec<Command>) {
        out.push(Command::Accept);
        // None of them is ours, unless the loss of it was never told.
        self.drop_lanes(now, partitions, out);
        for partition in partitions {
            self.lanes.insert(*partition, restoring(now, 0));
        }
        self.group_moved(now, out);
    }

    pub(super) fn revoked(&mut self, now: Now, partitions: Vec<i32>, out: &mut Vec<Command>) {
        self.giving_up.push(partitions);
        if matches!(self.phase, Phase::Open { .. }) {
            self.end_transaction(now, Which::All, out);
        }
        self.group_moved(now, out);
    }

    pub(super) fn lost(&mut self, now: Now, partitions: Vec<i32>, out: &mut Vec<Command>) {
        self.drop_lanes(now, &partitions, out);
        out.push(Command::GiveUp(partitions));
        self.group_moved(now, out);
    }

    fn drop_lanes(&mut self, now: Now, partitions: &[i32], out: &mut Vec<Command>) {
        if partitions.iter().any(|partition| self.is_bound(*partition)) {
            self.abort(now, "its partitions were lost".to_owned(), out);
        }
        for partition in partitions {
            self.forget(*partition);
        }
    }

    /// Whether a transaction that can still be aborted has something of a partition. A commit that was
    /// asked for cannot be taken back; its answer finds the lanes gone.
    fn is_bound(&self, partition: i32) -> bool {
        match &self.phase {
            Phase::Open { begun: true } => self
                .live()
                .any(|live| live.touched && live.number == partition),
            Phase::Sending(ending) | Phase::PlacingOffsets(ending) => {
                ending.lanes.iter().any(|(bound, ..)| *bound == partition)
            }
            _ => false,
        }
    }

    /// The group has moved on: what was held goes on, and partitions are looked at at once.
    fn group_moved(&mut self, now: Now, out: &mut Vec<Command>) {
        if self.held_until.is_none() {
            return;
        }
        for lane in self.lanes.values_mut() {
            if let Lane::Restoring { due: Some(due), .. } = lane {
                *due = now.millis;
            }
        }
        self.release(out);
    }

    pub(super) fn release(&mut self, out: &mut Vec<Command>) {
        self.held_until = None;
        self.read_missed(out);
    }

    /// Reads again what was offered while it could not be taken.
    pub(super) fn read_missed(&mut self, out: &mut Vec<Command>) {
        for live in self.live_mut().filter(|live| live.missed) {
            live.missed = false;
            out.push(Command::Read {
                partition: live.number,
                offset: live.state.next_offset(),
            });
        }
    }

    pub(super) fn found(
        &mut self,
        now: Now,
        partition: i32,
        attempt: u64,
        found: Found,
        out: &mut Vec<Command>,
    ) {
        let Some(since) = self.awaited(partition, attempt) else {
            return;
        };
        if let Some(permit) = found.permit {
            self.permits.insert(partition, permit);
        }
        let waited = now.millis - since >= self.settings.transaction_timeout;
        let committed = found.committed.map(|committed| committed.next_offset);
        match judge(partition, found, waited) {
            Verdict::Go(restored, warnings) => {
                out.extend(warnings.into_iter().map(Command::Warn));
                self.restored(Live::new(partition, *restored), out);
            }
            Verdict::Wait => self.look_again(partition, since, now.millis + LOOK_AGAIN),
            Verdict::Stop(reason) => {
                let wait = if reason.may_pass() {
                    LOOK_AT_STOPPED
                } else {
                    0
                };
                self.lanes.insert(
                    partition,
                    Lane::Stopped {
                        next_offset: reason.position().or(committed),
                        reason: reason.clone(),
                        ask_at: now.millis + wait,
                        asked: None,
                    },
                );
                out.push(Command::Stop { partition, reason });
            }
        }
    }

    pub(super) fn not_found(
        &mut self,
        now: Now,
        partition: i32,
        attempt: u64,
        why: String,
        out: &mut Vec<Command>,
    ) {
        if let Some(since) = self.awaited(partition, attempt) {
            self.look_again(partition, since, now.millis + ASK_AGAIN);
            out.push(Command::Warn(Warning::NotFound { partition, why }));
        }
    }

    /// Since when an answer to this attempt is awaited; none if nobody waits for it any more.
    fn awaited(&self, partition: i32, attempt: u64) -> Option<u64> {
        match self.lanes.get(&partition) {
            Some(Lane::Restoring {
                since,
                due: None,
                attempt: awaited,
            }) if *awaited == attempt => Some(*since),
            _ => None,
        }
    }

    fn look_again(&mut self, partition: i32, since: u64, due: u64) {
        self.lanes.insert(
            partition,
            Lane::Restoring {
                since,
                due: Some(due),
                attempt: 0,
            },
        );
    }

    fn restored(&mut self, live: Live, out: &mut Vec<Command>) {
        let number = live.number;
        let lane = if self.cards_suffice(&live) {
            out.push(Command::Resumed(number));
            out.push(Command::Read {
                partition: number,
                offset: live.state.next_offset(),
            });
            Lane::Live(Box::new(live))
        } else {
            Lane::AwaitingCards(Box::new(live))
        };
        self.lanes.insert(number, lane);
    }

    fn cards_suffice(&self, live: &Live) -> bool {
        live.state
            .card_versions()
            .iter()
            .all(|(card, version)| self.cards.version(card, *version).is_some())
    }

    pub(super) fn know_cards(&mut self, cards: Arc<RateCards>, out: &mut Vec<Command>) {
        self.cards = cards;
        let waiting: Vec<i32> = self
            .lanes
            .iter()
            .filter(|(_, lane)| matches!(lane, Lane::AwaitingCards(_)))
            .map(|(number, _)| *number)
            .collect();
        for number in waiting {
            if let Some(Lane::AwaitingCards(live)) = self.lanes.remove(&number) {
                self.restored(*live, out);
            }
        }
    }

    /// A stopped partition that waits for just this goes on.
    pub(super) fn permitted(&mut self, now: Now, partition: i32, permit: Permit) {
        self.permits.insert(partition, permit);
        let Some(Lane::Stopped { reason, .. }) = self.lanes.get(&partition) else {
            return;
        };
        let lifted = match (reason, permit) {
            (StopReason::Quarantined { offset, .. }, Permit::SkipRecord(permitted)) => {
                *offset == permitted
            }
            (StopReason::Gap { position, .. }, Permit::AcceptGap(permitted)) => {
                *position == permitted
            }
            _ => false,
        };
        if lifted {
            self.lanes.insert(partition, restoring(now, 0));
        }
    }
}

/// A lane to be restored after so many milliseconds.
pub(super) fn restoring(now: Now, after: u64) -> Lane {
    Lane::Restoring {
        since: now.millis,
        due: Some(now.millis + after),
        attempt: 0,
    }
}
