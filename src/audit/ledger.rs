//! A tenant's entries: numbered without a gap, each balance explained by the one before, each leg's
//! records adding up.

use crate::codec::UsageKind;
use crate::domain::{Cause, Moment, Money};

use super::carried::{Closed, EntryPast};
use super::partition::PartitionAudit;
use super::{Entry, EntryOf, Stream, Wrong};

/// A tenant that was closed with a balance of zero for so long is forgotten.
const FORGOTTEN_AFTER_S: i64 = 400 * 24 * 60 * 60;

impl PartitionAudit<'_> {
    pub(super) fn entry(&mut self, offset: i64, source: i64, entry: &Entry) {
        self.counts.entries += 1;
        self.carried.pass(entry.at);
        self.carried.first_entry.get_or_insert(entry.at);
        self.check_chain(offset, entry);
        match &entry.of {
            EntryOf::Credit { record_id } => self.answers.entry(source, record_id),
            EntryOf::Usage {
                call,
                kind,
                cause,
                total,
            } => {
                self.check_leg(offset, entry, call, *kind, *total);
                self.note_closing(entry, call, *kind, *cause);
            }
        }
    }

    fn check_chain(&mut self, offset: i64, entry: &Entry) {
        let whole = self.carried.is_whole(Stream::Ledger);
        let (sequence, past) = (entry.sequence, self.carried.tenant(&entry.tenant));
        let expected = match past.entry.filter(|last| !starts_anew(last, entry)) {
            Some(last) => Some((last.sequence + 1, last.balance)),
            None if whole || sequence == 1 => Some((1, Money::ZERO)),
            None => None,
        };
        past.whole |= sequence == 1;
        let (balance, at) = (entry.after, entry.at);
        past.entry = Some(EntryPast {
            offset,
            sequence,
            balance,
            at,
        });
        let tenant = || entry.tenant.clone();
        if let Some((expected, _)) = expected.filter(|(expected, _)| *expected != sequence) {
            let (tenant, found) = (tenant(), sequence);
            self.report_entry(
                offset,
                Wrong::EntrySequence {
                    tenant,
                    expected,
                    found,
                },
            );
        } else if let Some((_, expected)) = expected.filter(|(_, before)| *before != entry.before) {
            let (tenant, found) = (tenant(), entry.before);
            self.report_entry(
                offset,
                Wrong::BalanceBefore {
                    tenant,
                    sequence,
                    expected,
                    found,
                },
            );
        }
        let expected = entry.before + entry.change;
        if expected != entry.after {
            let (tenant, found) = (tenant(), entry.after);
            self.report_entry(
                offset,
                Wrong::BalanceAfter {
                    tenant,
                    sequence,
                    expected,
                    found,
                },
            );
        }
    }

    fn check_leg(&mut self, offset: i64, entry: &Entry, call: &str, kind: UsageKind, found: Money) {
        let whole = self.carried.tenant(&entry.tenant).whole;
        let leg = self.carried.leg(&entry.tenant, call);
        let forgotten = leg
            .closed
            .is_some_and(|closed| closed.forgotten_at <= entry.at);
        let anew = forgotten && kind != UsageKind::Adjustment;
        if anew {
            leg.renew();
        }
        let expected = match leg.last {
            Some((_, total)) => Some(total - entry.change),
            None => (whole || anew).then_some(-entry.change),
        };
        leg.last = Some((offset, found));
        let out_of_order = match (kind, leg.closed.is_some()) {
            (UsageKind::Minute, true) => Some("a MINUTE record after its FINAL"),
            (UsageKind::Final, true) => Some("a second FINAL"),
            (UsageKind::Adjustment, false) if whole => Some("an ADJUSTMENT without a FINAL"),
            _ => None,
        };
        let ids = || (entry.tenant.clone(), call.to_owned());
        if let Some(what) = out_of_order {
            let (tenant, call) = ids();
            self.report_entry(offset, Wrong::LegOrder { tenant, call, what });
        }
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            let (tenant, call) = ids();
            self.report_entry(
                offset,
                Wrong::LegSum {
                    tenant,
                    call,
                    expected,
                    found,
                },
            );
        }
    }

    fn report_entry(&mut self, offset: i64, wrong: Wrong) {
        self.report(Stream::Ledger, Some(offset), wrong);
    }

    /// A closed leg answers its start and ends, and is forgotten after a while.
    fn note_closing(&mut self, entry: &Entry, call: &str, kind: UsageKind, cause: Cause) {
        if kind == UsageKind::Minute {
            return;
        }
        self.counts.finals += u64::from(kind == UsageKind::Final);
        let forgotten_at = self.scope.forgotten_at(entry.at);
        let leg = self.carried.leg(&entry.tenant, call);
        let reopened = cause == Cause::Reopened || leg.closed.is_some_and(|closed| closed.reopened);
        let closed = Closed {
            forgotten_at,
            reopened,
        };
        leg.closed = Some(closed);
        leg.started_at = None;
        for end in std::mem::take(&mut leg.ends) {
            self.carried.waiting.remove(&end);
        }
        let (kept_until, queue) = (closed.kept_until(), &mut self.carried.forget);
        let place = queue.partition_point(|(at, ..)| *at <= kept_until);
        queue.insert(place, (kept_until, entry.tenant.clone(), call.to_owned()));
    }
}

/// A tenant that was forgotten and comes again begins at 1.
fn starts_anew(last: &EntryPast, entry: &Entry) -> bool {
    entry.sequence == 1 && is_forgotten(last, entry.at)
}

/// Whether the journal may have forgotten the tenant of this last entry.
pub(super) fn is_forgotten(last: &EntryPast, now: Moment) -> bool {
    last.balance.is_zero() && last.at.plus_seconds(FORGOTTEN_AFTER_S) <= now
}
