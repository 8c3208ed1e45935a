//! The end of a transaction: sent, offsets placed, committed; or failed, and what then.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::lane::Lane;
use super::partitions::restoring;
use super::pending::Pending;
use super::publish::Press;
use super::transaction::{Ending, Phase, Which};
use super::{
    Command, ExitReason, Failure, Flow, InputPosition, Now, Outgoing, StopReason, Warning,
};

/// Refusals of a partition's records in a row that stop it.
const REFUSALS_AT_MOST: u32 = 3;
/// New producers in a row that were needed without a commit between, before fencing ends the worker.
const FENCES_AT_MOST: u32 = 5;
/// Producers that a worker leaves behind in its life; each keeps its connections and threads.
const ABANDONED_AT_MOST: u32 = 8;

impl Flow {
    /// Adds the journal of every partition that it takes and sends what there is.
    pub(super) fn end_transaction(&mut self, now: Now, which: Which, out: &mut Vec<Command>) {
        let Phase::Open { begun } = self.phase else {
            unreachable!("only an open transaction is ended")
        };
        let all = begun || which == Which::All;
        let interval = self.commit_interval(now);
        let is_due = |pending: &Pending| pending.due(interval) <= now.millis;
        let mut ending = Ending {
            since: now.millis,
            ..Ending::default()
        };
        let mut filled = Vec::new();
        let mut broken = None;
        for mut pending in self.pendings.take(|pending| all || is_due(pending)) {
            if let Some(Lane::Live(live)) = self.lanes.get_mut(&pending.partition)
                && live.touched
            {
                let mut press = Press {
                    settings: &self.settings,
                    encoder: &self.encoder,
                    pending: &mut pending,
                };
                let written = catch_unwind(AssertUnwindSafe(|| {
                    live.publish_balances(&mut press);
                    live.write_journal(1, &mut press.pending.outgoing)
                }));
                match written {
                    Ok((mark, bytes)) => ending.lanes.push((live.number, mark, bytes)),
                    Err(_) => broken = Some((live.number, live.state.next_offset())),
                }
            }
            ending.counts.add(&pending.counts);
            if pending.outgoing.is_empty() {
                self.pendings.recycle(pending.outgoing);
            } else {
                filled.push(pending.outgoing);
            }
        }
        if let Some((partition, offset)) = broken {
            let what = "the journal cannot be written".to_owned();
            self.abort(now, format!("partition `{partition}`: {what}"), out);
            let reason = StopReason::Broken { offset, what };
            return self.stop_lane(now, partition, reason, out);
        }
        if ending.lanes.is_empty() {
            assert!(!begun, "what was sent is of partitions that are still ours");
            self.phase = self.between();
            return out.push(Command::Report(Box::new(ending.counts)));
        }
        if begun {
            self.phase = Phase::Sending(ending);
            return self.send_each(filled, out);
        }
        // Nothing is sent yet, so the positions go first. Right after a commit the broker takes nothing new
        // while it writes that one's markers: librdkafka asks again about offsets after `retry.backoff.ms`,
        // about partitions only after 20 ms.
        self.last = filled;
        let positions = self.positions(&ending);
        self.phase = Phase::PlacingOffsets(ending);
        out.extend([Command::Begin, Command::SendOffsets(positions)]);
    }

    pub(super) fn sent(&mut self, outgoing: Outgoing, out: &mut Vec<Command>) {
        self.pendings.recycle(outgoing);
        self.sending = self.sending.saturating_sub(1);
        if self.sending == 0
            && let Phase::Sending(ending) = &mut self.phase
        {
            let ending = std::mem::take(ending);
            if ending.placed {
                self.phase = Phase::Committing(ending);
                return out.push(Command::Commit);
            }
            let positions = self.positions(&ending);
            self.phase = Phase::PlacingOffsets(ending);
            out.push(Command::SendOffsets(positions));
        }
    }

    /// Every partition touched, moved or not: only these are fenced by the group's generation.
    fn positions(&self, ending: &Ending) -> Vec<InputPosition> {
        let position = |(partition, mark, _): &(i32, String, usize)| {
            Some(InputPosition {
                partition: *partition,
                next_offset: self.position(*partition)?,
                metadata: mark.clone(),
            })
        };
        ending.lanes.iter().filter_map(position).collect()
    }

    pub(super) fn offsets_sent(&mut self, out: &mut Vec<Command>) {
        let Phase::PlacingOffsets(ending) = &mut self.phase else {
            return;
        };
        let mut ending = std::mem::take(ending);
        ending.placed = true;
        if self.last.is_empty() {
            self.phase = Phase::Committing(ending);
            return out.push(Command::Commit);
        }
        self.phase = Phase::Sending(ending);
        let last = std::mem::take(&mut self.last);
        self.send_each(last, out);
    }

    pub(super) fn committed(&mut self, now: Now, journal: &[(i32, i64)], out: &mut Vec<Command>) {
        let Phase::Committing(ending) = &mut self.phase else {
            return;
        };
        let ending = std::mem::take(ending);
        let mut counts = ending.counts;
        for (partition, _, bytes) in &ending.lanes {
            let Some(Lane::Live(live)) = self.lanes.get_mut(partition) else {
                continue;
            };
            let (_, offset) = journal
                .iter()
                .find(|(delivered, _)| delivered == partition)
                .expect("all delivery reports are in when a commit returned");
            live.writer.committed(*offset);
            live.touched = false;
            self.refusals.remove(partition);
            counts.lanes.push(live.counts(*bytes));
            if let Some(before) = live.writer.trim_before()
                && before > live.trimmed
            {
                live.trimmed = before;
                out.push(Command::Trim {
                    partition: *partition,
                    before,
                });
            }
        }
        self.builds.reset();
        self.aborts.reset();
        out.push(Command::Report(Box::new(counts)));
        self.phase = self.between();
        if self.phase != Phase::Idle && self.is_parting() {
            self.end_transaction(now, Which::All, out);
        }
    }

    pub(super) fn producer_ready(&mut self, out: &mut Vec<Command>) {
        if matches!(self.phase, Phase::NoProducer { .. }) {
            self.phase = Phase::Idle;
            self.read_missed(out);
        }
    }

    pub(super) fn send_failed(
        &mut self,
        now: Now,
        outgoing: Outgoing,
        partition: i32,
        why: String,
        out: &mut Vec<Command>,
    ) {
        drop(outgoing);
        self.sending = self.sending.saturating_sub(1);
        if !matches!(self.phase, Phase::Open { .. } | Phase::Sending(_)) {
            return;
        }
        let refusals = self.refusals.entry(partition).or_default();
        *refusals += 1;
        let stops = *refusals >= REFUSALS_AT_MOST;
        self.abort(now, why.clone(), out);
        if stops && self.lanes.contains_key(&partition) {
            self.stop_lane(now, partition, StopReason::Refused(why), out);
        }
    }

    pub(super) fn failed(&mut self, now: Now, failure: Failure, out: &mut Vec<Command>) {
        if matches!(failure, Failure::FencedInstance(_)) {
            return self.exit(ExitReason::InstanceFenced, out);
        }
        // What was asked of a producer that has been given up since then.
        if matches!(self.phase, Phase::NoProducer { retry_at: Some(_) }) {
            return;
        }
        let in_time = |since: u64| now.millis - since < self.settings.transaction_timeout;
        match (&self.phase, failure) {
            (Phase::PlacingOffsets(ending), Failure::Retriable(_)) if in_time(ending.since) => {
                let positions = self.positions(ending);
                out.push(Command::SendOffsets(positions));
            }
            (Phase::Committing(ending), Failure::Retriable(_)) if in_time(ending.since) => {
                out.push(Command::Commit);
            }
            (
                Phase::Open { .. }
                | Phase::Sending(_)
                | Phase::PlacingOffsets(_)
                | Phase::Committing(_),
                Failure::Abortable(why),
            )
            | (Phase::PlacingOffsets(_), Failure::Retriable(why)) => self.abort(now, why, out),
            (
                Phase::Open { .. } | Phase::PlacingOffsets(_) | Phase::Committing(_),
                Failure::StaleGeneration(why),
            ) => {
                self.abort(now, why, out);
                self.held_until = Some(now.millis + self.settings.transaction_timeout);
            }
            // What cannot be aborted, and a commit that stayed unknown.
            (_, failure) => self.rebuild(now, &failure, out),
        }
    }

    /// Memory is ahead of the log: what was touched is dropped and restored. The producer is not asked to
    /// abort: a new one of its name has the transaction aborted, under a new epoch. librdkafka numbers
    /// the records after an abort from where those it took back began; a broker that had one of them
    /// takes the next for its repetition, says that it is delivered, and loses it.
    pub(super) fn abort(&mut self, now: Now, why: String, out: &mut Vec<Command>) {
        out.push(Command::Warn(Warning::Aborting(why)));
        self.drop_touched(now, out);
        self.phase = match self.phase {
            Phase::Idle | Phase::Open { begun: false } => Phase::Idle,
            _ => Phase::NoProducer {
                retry_at: Some(now.millis),
            },
        };
    }

    /// The producer is of no use any more, or what became of its transaction is not known.
    fn rebuild(&mut self, now: Now, failure: &Failure, out: &mut Vec<Command>) {
        let wait = self.builds.next();
        if let Failure::FencedProducer(why) = failure
            && self.builds.failures() > FENCES_AT_MOST
        {
            return self.exit(ExitReason::ProducerFenced(why.clone()), out);
        }
        if let Failure::Unanswered(why) = failure {
            self.abandoned += 1;
            if self.abandoned > ABANDONED_AT_MOST {
                return self.exit(ExitReason::ProducersLost(why.clone()), out);
            }
        }
        out.push(Command::Warn(Warning::Rebuilding(failure.why().to_owned())));
        self.drop_touched(now, out);
        self.phase = Phase::NoProducer {
            retry_at: Some(now.millis + wait),
        };
    }

    fn drop_touched(&mut self, now: Now, out: &mut Vec<Command>) {
        let wait = self.aborts.next();
        let touched: Vec<i32> = self
            .live()
            .filter(|live| live.touched)
            .map(|live| live.number)
            .collect();
        for partition in &touched {
            self.lanes.insert(*partition, restoring(now, wait));
        }
        if !touched.is_empty() {
            out.push(Command::Unread(touched));
        }
        self.pendings.clear();
        self.last.clear();
        self.facts.records.clear();
        self.facts.rejected.clear();
        // The rest of a batch of a partition that stays as it is must not seem to have been taken.
        if let Some(partition) = self.offer.take()
            && let Some(offset) = self.position(partition)
        {
            out.push(Command::Read { partition, offset });
        }
    }
}
