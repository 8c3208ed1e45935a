//! The audit of one partition: records in, findings out.

use super::answers::Answers;
use super::{Books, Carried, Counts, Findings, Seen, SeenKind, Stream, Violation, Wrong};
use crate::domain::{Moment, RejectReason};

/// Which partition it is, and how long the core remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The partition.
    pub partition: i32,
    /// Seconds of partition time that a closed leg is remembered by the core.
    pub remembered_s: i64,
}

impl Scope {
    /// For a core that takes events late by so many minutes (closed calls are remembered
    /// for five more).
    #[must_use]
    pub fn new(partition: i32, late_by_minutes: i32) -> Self {
        Scope {
            partition,
            remembered_s: (i64::from(late_by_minutes) + 5) * 60,
        }
    }

    /// When a leg that was closed now may begin anew under its id.
    pub(super) fn forgotten_at(self, closed: Moment) -> Moment {
        closed.plus_seconds(self.remembered_s)
    }
}

/// What became of a record that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was checked.
    Checked,
    /// It was written after the journal's end: this topic is done until the next audit.
    Beyond,
}

/// The audit of a partition's topics against its books.
#[derive(Debug)]
pub struct PartitionAudit<'a> {
    pub(super) books: &'a Books,
    pub(super) scope: Scope,
    pub(super) carried: Carried,
    pub(super) answers: Answers,
    pub(super) counts: Counts,
    findings: Findings,
}

impl<'a> PartitionAudit<'a> {
    /// Goes on from `carried` towards what the journal has, and adds to what was found so far.
    #[must_use]
    pub fn new(books: &'a Books, scope: Scope, carried: Carried, findings: Findings) -> Self {
        let counts = Counts {
            tenants: count(books.tenants.len()),
            live_legs: books
                .tenants
                .values()
                .map(|tenant| u64::from(tenant.live_calls.unsigned_abs()))
                .sum(),
            ..Counts::default()
        };
        let answers = Answers::default();
        PartitionAudit {
            books,
            scope,
            carried,
            answers,
            counts,
            findings,
        }
    }

    /// Takes the next record of a topic other than the journal, in the order of [`super::next_of`].
    pub fn take(&mut self, stream: Stream, seen: Seen) -> Taken {
        let Seen { offset, source, .. } = seen;
        if self.is_beyond(&seen) {
            return Taken::Beyond;
        }
        if let Some(next) = &mut self.carried.next {
            next[stream as usize] = offset + 1;
        }
        if seen.kind.stream().is_some_and(|its| its != stream) {
            self.report(stream, Some(offset), Wrong::Misplaced);
            return Taken::Checked;
        }
        self.check_source(stream, &seen);
        match seen.kind {
            SeenKind::Entry(entry) => self.entry(offset, source, &entry),
            SeenKind::Notice { tenant, sequence } => self.notice(offset, &tenant, sequence),
            SeenKind::Order(order) => {
                let answers = (order.call.is_some() && !seen.timer).then_some(source);
                self.order(offset, answers, &order);
            }
            SeenKind::Rejected { reason } => self.rejected(offset, source, reason),
            SeenKind::Event { at, asked } => self.event(offset, at, &asked),
            SeenKind::Wrong(wrong) => self.report(stream, Some(offset), wrong),
        }
        Taken::Checked
    }

    /// Everything was handed in: compares it with the journal.
    #[must_use]
    pub fn finish(mut self) -> (Carried, Findings, Counts) {
        self.settle();
        (self.carried, self.findings, self.counts)
    }

    pub(super) fn report(&mut self, stream: Stream, offset: Option<i64>, wrong: Wrong) {
        let partition = self.scope.partition;
        self.findings.add(Violation {
            stream,
            partition,
            offset,
            wrong,
        });
    }

    /// Whether a record was written after what the journal holds, so that it is for the next audit.
    fn is_beyond(&self, seen: &Seen) -> bool {
        let books = self.books;
        let newer = seen.source >= books.next_offset;
        let standing = |tenant: &str| books.tenants.get(tenant);
        match &seen.kind {
            SeenKind::Entry(entry) => {
                standing(&entry.tenant).map_or(newer, |known| entry.sequence > known.entry_sequence)
            }
            SeenKind::Notice { tenant, sequence } => {
                standing(tenant).map_or(newer, |known| *sequence > known.notice_sequence)
            }
            SeenKind::Order(order) => match &order.call {
                None => standing(&order.tenant)
                    .map_or(newer, |known| order.sequence > known.order_sequence),
                // Nothing has been applied since; what a timer ordered may be newer all the same.
                Some(call) if seen.timer && seen.source == books.last_applied => books
                    .leg(&order.tenant, call)
                    .is_some_and(|known| order.sequence > known.order_sequence),
                Some(_) => newer,
            },
            // An event's rejection is looked at with the event.
            SeenKind::Event { .. } | SeenKind::Rejected { .. } => newer,
            SeenKind::Wrong(_) => false,
        }
    }

    fn check_source(&mut self, stream: Stream, seen: &Seen) {
        let parked = matches!(
            seen.kind,
            SeenKind::Rejected {
                reason: RejectReason::Orphan
            }
        );
        if parked || matches!(seen.kind, SeenKind::Wrong(_)) {
            return;
        }
        let last = &mut self.carried.sources[stream as usize];
        match *last {
            Some(last) if seen.source < last => {
                let wrong = Wrong::SourceFell {
                    last,
                    found: seen.source,
                };
                self.report(stream, Some(seen.offset), wrong);
            }
            _ => *last = Some(seen.source),
        }
    }

    fn rejected(&mut self, offset: i64, source: i64, reason: RejectReason) {
        self.counts.rejected += 1;
        if reason != RejectReason::Orphan {
            self.carried.first_rejected.get_or_insert(source);
        }
        let judged = self
            .carried
            .next
            .is_some_and(|next| source < next[Stream::Events as usize]);
        if reason == RejectReason::Orphan && judged {
            // It was parked.
            self.carried.orphaned(source);
        } else if self.answers.rejected(source) {
            self.report(
                Stream::Rejected,
                Some(offset),
                Wrong::RejectedTwice {
                    source_offset: source,
                },
            );
        }
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).expect("a length fits into 64 bits")
}
