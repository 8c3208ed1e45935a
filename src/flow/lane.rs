//! One partition at work: its state, its journal, and the way of a record through it.

use std::hint::black_box;

use smallvec::SmallVec;

use crate::charging::{Facts, Partition, RawRef};
use crate::codec::{EventDecoder, partition_of};
use crate::domain::{Event, Moment, RejectReason, Rejected, RejectedRecord};
use crate::journal::{Restored, Writer};
use crate::rates::RateCards;

use super::counts::{EventKind, Fate};
use super::publish::{Origin, Press};
use super::{FlowSettings, LaneCounts, Outgoing, StopReason};

/// A partition that is ours.
#[derive(Debug)]
pub(super) enum Lane {
    /// Being taken over.
    Restoring {
        /// Since when, milliseconds.
        since: u64,
        /// When to ask (again); none while an answer is awaited.
        due: Option<u64>,
        /// The attempt whose answer is awaited.
        attempt: u64,
    },
    /// Restored, but rate cards that its calls use are not known yet.
    AwaitingCards(Box<Live>),
    /// At work.
    Live(Box<Live>),
    /// Going on no more.
    Stopped {
        /// Why.
        reason: StopReason,
        /// When to ask for an operator's permission.
        ask_at: u64,
        /// How far it has come, if that is known, and when the end of the partition was asked for last: what waits
        /// behind it grows.
        next_offset: Option<i64>,
        asked: Option<u64>,
    },
}

/// A partition at work.
#[derive(Debug)]
pub(super) struct Live {
    pub number: i32,
    pub state: Partition,
    pub writer: Writer,
    /// Whether something happened on it that is not committed.
    pub touched: bool,
    /// Whether records were offered that could not be taken, so that it must be read again.
    pub missed: bool,
    /// Timers up to this moment of the reader's clock are still to fire.
    pub advancing: Option<Moment>,
    /// Takes nothing more; stopped as soon as what it has is committed.
    pub halt: Option<StopReason>,
    /// When the end of the partition was asked for last.
    pub asked: Option<u64>,
    /// The journal is trimmed up to here.
    pub trimmed: i64,
    /// The record that is being applied, for a quarantine; none while timers fire.
    pub applying: Option<i64>,
}

/// Records that are read ahead, so that what they need of the state is fetched together.
const READ_AHEAD: usize = 32;

/// An event, or what is wrong with its record.
type Read<'r> = Result<Event<'r>, Rejected>;

/// How far an offer was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// All of it.
    All,
    /// The transaction is full: commit, then offer the rest.
    Part,
}

/// What a lane works with.
pub(super) struct Bench<'a> {
    pub settings: &'a FlowSettings,
    pub decoder: &'a EventDecoder,
    pub cards: &'a RateCards,
    pub facts: &'a mut Facts,
    pub press: Press<'a>,
    /// Records that other partitions have for the next commit.
    pub others: u64,
    /// The record that an operator wants skipped.
    pub skip: Option<i64>,
    /// The record that is known to trip an assertion, and which.
    pub poison: Option<(i64, &'a str)>,
}

impl Bench<'_> {
    fn is_full(&self) -> bool {
        let settings = self.settings;
        self.press.pending.outgoing.byte_len() >= settings.bytes_per_transaction
            || self.others + self.press.pending.counts.records()
                >= u64::try_from(settings.records_per_transaction).unwrap_or(u64::MAX)
    }
}

impl Live {
    pub(super) fn new(number: i32, restored: Restored) -> Self {
        Live {
            number,
            state: restored.partition,
            writer: restored.writer,
            touched: false,
            missed: false,
            advancing: None,
            halt: None,
            asked: None,
            trimmed: 0,
            applying: None,
        }
    }

    /// Takes records in order. Those applied before are dropped; a full transaction ends it early.
    pub(super) fn take(
        &mut self,
        records: &[RawRef<'_>],
        clock: Moment,
        bench: &mut Bench<'_>,
    ) -> Taken {
        // A gap that was accepted is journaled even if the first record after it goes no further: of two
        // permissions on a partition only the latest counts.
        self.touched |= self.writer.has_gap();
        for batch in records.chunks(READ_AHEAD) {
            let read: SmallVec<[Option<Read<'_>>; READ_AHEAD]> =
                batch.iter().map(|raw| self.read(raw, bench)).collect();
            black_box(self.state.foresee(read.iter().flatten().flatten()));
            for (raw, event) in batch.iter().zip(read) {
                if raw.offset < self.state.next_offset() {
                    bench.press.pending.counts.note(Fate::Repeated);
                    continue;
                }
                if self.meets_poison(raw.offset, bench) {
                    return Taken::All;
                }
                self.touched = true;
                self.applying = Some(raw.offset);
                if !self.advance(raw.timestamp.min(clock), bench) {
                    return Taken::Part;
                }
                let fate = self.apply(*raw, event, bench);
                bench.press.pending.counts.note(fate);
                bench.press.pending.counts.note_time(raw.timestamp);
                if bench.is_full() {
                    return Taken::Part;
                }
            }
        }
        Taken::All
    }

    /// The event of a record, unless it was applied before, is to be skipped or trips an assertion.
    fn read<'r>(&mut self, raw: &RawRef<'r>, bench: &Bench<'_>) -> Option<Read<'r>> {
        let passed_over = raw.offset < self.state.next_offset()
            || bench.skip == Some(raw.offset)
            || bench.poison.is_some_and(|(offset, _)| offset == raw.offset);
        if passed_over {
            return None;
        }
        self.applying = Some(raw.offset);
        let event = bench.decoder.decode(raw.payload);
        Some(event.and_then(|event| self.routed(event, raw.key, bench.settings)))
    }

    /// Halts before the record that tripped an assertion, so that those before it are not held up.
    fn meets_poison(&mut self, offset: i64, bench: &Bench<'_>) -> bool {
        match bench.poison {
            Some((poison, what)) if poison == offset && bench.skip != Some(offset) => {
                let what = what.to_owned();
                self.halt = Some(StopReason::Quarantined { offset, what });
                true
            }
            _ => self.halt.is_some(),
        }
    }

    /// Moves partition time and fires due timers; false if there are more than a transaction takes.
    pub(super) fn advance(&mut self, to: Moment, bench: &mut Bench<'_>) -> bool {
        let limit = bench.settings.timers_per_transaction;
        let done = self.state.advance(to, bench.cards, limit, bench.facts);
        bench.press.publish(self.number, bench.facts, Origin::TIMER);
        done
    }

    fn apply(&mut self, raw: RawRef<'_>, event: Option<Read<'_>>, bench: &mut Bench<'_>) -> Fate {
        let Some(event) = event else {
            return self.skip(raw, bench);
        };
        let kind = event
            .as_ref()
            .map_or(EventKind::Unread, |event| EventKind::of(&event.body));
        let cause = event.as_ref().ok().map(|event| event.event_id.clone());
        let cause = cause.as_deref().unwrap_or_default();
        assert!(
            bench.settings.trip_on_event.as_deref() != Some(cause) || cause.is_empty(),
            "tripped by a test"
        );
        self.state.apply(raw, event, bench.cards, bench.facts);
        let rejected = bench
            .facts
            .rejected
            .iter()
            .find(|rejected| rejected.record == RejectedRecord::Current);
        let fate = rejected.map_or(Fate::Applied(kind), |rejected| {
            Fate::Rejected(kind, rejected.reason)
        });
        let origin = Origin {
            cause: cause.as_bytes(),
            traceparent: traceparent(raw),
            raw: Some(raw),
        };
        bench.press.publish(self.number, bench.facts, origin);
        fate
    }

    /// An event that is where its key says, under the key that its tenant says.
    fn routed<'e>(
        &self,
        event: Event<'e>,
        key: Option<&[u8]>,
        settings: &FlowSettings,
    ) -> Result<Event<'e>, Rejected> {
        let misrouted = |message: String| Rejected {
            record: RejectedRecord::Current,
            reason: RejectReason::Misrouted,
            message,
        };
        let Some(key) = key.filter(|key| *key == event.tenant_id.as_bytes()) else {
            return Err(misrouted("the key is not the tenant_id".to_owned()));
        };
        let home = partition_of(settings.partitioner, key, settings.partitions);
        if home == self.number {
            return Ok(event);
        }
        Err(misrouted(format!(
            "on partition `{}`, but its key belongs to `{home}`",
            self.number
        )))
    }

    fn skip(&mut self, raw: RawRef<'_>, bench: &mut Bench<'_>) -> Fate {
        let rejected = Rejected {
            record: RejectedRecord::Current,
            reason: RejectReason::Invalid,
            message: "skipped by an operator".to_owned(),
        };
        bench.press.reject(self.number, &rejected, raw);
        self.state.skip_to(raw.offset + 1);
        Fate::Skipped
    }

    /// The balance of each tenant that this transaction changed, where they are wanted.
    pub(super) fn publish_balances(&self, press: &mut Press<'_>) {
        if press.settings.balances {
            for balance in self.state.changed_balances() {
                press.balance(self.number, balance);
            }
        }
    }

    /// Writes the journal's record of this transaction; `ticket` is for its first message.
    pub(super) fn write_journal(
        &mut self,
        ticket: usize,
        outgoing: &mut Outgoing,
    ) -> (String, usize) {
        let written = self.writer.next(&mut self.state);
        let mut ticket = ticket;
        let mut bytes = 0;
        for message in &written.messages {
            let draft = outgoing.begin(None);
            let to = super::Destination::State;
            outgoing.end_with(draft, to, self.number, Some(message), ticket);
            ticket = 0;
            bytes += message.len();
        }
        (written.mark.encode(), bytes)
    }

    pub(super) fn counts(&self, journal_bytes: usize) -> LaneCounts {
        LaneCounts {
            partition: self.number,
            next_offset: self.state.next_offset(),
            time: self.state.time(),
            live_calls: self.state.live_calls(),
            tenants: self.state.tenants(),
            journal_bytes,
        }
    }
}

/// The longest `traceparent` that is passed on, in bytes; the standard's has 55.
const TRACEPARENT_BYTES: usize = 128;

fn traceparent(raw: RawRef<'_>) -> Option<&[u8]> {
    let header = raw.headers.iter().find(|(name, _)| *name == "traceparent");
    let value = header.and_then(|(_, value)| *value);
    value.filter(|value| value.len() <= TRACEPARENT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_passed_on_unless_it_is_longer_than_any_standard_has_it() {
        let trace = [b'0'; TRACEPARENT_BYTES + 1];
        for (length, passed_on) in [(55, true), (TRACEPARENT_BYTES, true), (129, false)] {
            let headers = [("traceparent", Some(&trace[..length]))];
            let raw = RawRef {
                offset: 0,
                timestamp: Moment::EARLIEST,
                key: None,
                payload: None,
                headers: &headers,
            };
            assert_eq!(traceparent(raw).is_some(), passed_on, "{length} bytes");
        }
    }
}
