//! What a transaction did, in numbers; told once it is committed.

use crate::domain::{Body, Moment, RejectReason, Symbol};

use super::Destination;

/// The kinds of event, as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A start.
    CallStarted,
    /// A tick.
    CallMinuteTick,
    /// An end.
    CallEnded,
    /// A grant.
    CreditGranted,
    /// An adjustment.
    CreditAdjusted,
    /// A failed recharge.
    RechargeFailed,
    /// A configuration.
    TenantConfigured,
    /// Bytes that are no event, or an event that is not looked at.
    Unread,
}

impl EventKind {
    /// All of them, in the order of [`Counts::events`].
    pub const ALL: [EventKind; 8] = [
        EventKind::CallStarted,
        EventKind::CallMinuteTick,
        EventKind::CallEnded,
        EventKind::CreditGranted,
        EventKind::CreditAdjusted,
        EventKind::RechargeFailed,
        EventKind::TenantConfigured,
        EventKind::Unread,
    ];

    pub(super) fn of(body: &Body<'_>) -> Self {
        match body {
            Body::CallStarted(_) => EventKind::CallStarted,
            Body::CallMinuteTick(_) => EventKind::CallMinuteTick,
            Body::CallEnded(_) => EventKind::CallEnded,
            Body::CreditGranted(_) => EventKind::CreditGranted,
            Body::CreditAdjusted(_) => EventKind::CreditAdjusted,
            Body::RechargeFailed(_) => EventKind::RechargeFailed,
            Body::TenantConfigured(_) => EventKind::TenantConfigured,
        }
    }

    /// As a metric's label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            EventKind::CallStarted => "call_started",
            EventKind::CallMinuteTick => "call_minute_tick",
            EventKind::CallEnded => "call_ended",
            EventKind::CreditGranted => "credit_granted",
            EventKind::CreditAdjusted => "credit_adjusted",
            EventKind::RechargeFailed => "recharge_failed",
            EventKind::TenantConfigured => "tenant_configured",
            EventKind::Unread => "unread",
        }
    }
}

/// What became of a record of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its event was applied (parked, ignored and refused ones too).
    Applied(EventKind),
    /// It went to the rejected topic.
    Rejected(EventKind, RejectReason),
    /// It went there because an operator said so.
    Skipped,
    /// It had been applied before.
    Repeated,
}

/// What a transaction did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By [`EventKind`]: applied, rejected.
    pub events: [[u64; 2]; EventKind::ALL.len()],
    /// By reason, in the order of its symbols.
    pub rejected: [u64; RejectReason::ALL.len()],
    /// Records skipped by an operator.
    pub skipped: u64,
    /// Records that had been applied before.
    pub repeated: u64,
    /// By destination: records going out.
    pub published: [u64; Destination::ALL.len()],
    /// Call and tenant orders.
    pub orders: u64,
    /// The timestamp of the oldest record taken.
    pub oldest: Option<Moment>,
    /// The timestamp of the newest.
    pub newest: Option<Moment>,
    /// The partitions touched, as they are now.
    pub lanes: Vec<LaneCounts>,
}

/// A partition after a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneCounts {
    /// Its number.
    pub partition: i32,
    /// The next offset to read.
    pub next_offset: i64,
    /// Partition time.
    pub time: Moment,
    /// Live calls.
    pub live_calls: usize,
    /// Known tenants.
    pub tenants: usize,
    /// Bytes that this transaction added to the journal.
    pub journal_bytes: usize,
}

impl Counts {
    pub(super) fn note(&mut self, fate: Fate) {
        match fate {
            Fate::Applied(kind) => self.events[kind as usize][0] += 1,
            Fate::Rejected(kind, reason) => {
                self.events[kind as usize][1] += 1;
                self.rejected[reason.ordinal()] += 1;
            }
            Fate::Skipped => self.skipped += 1,
            Fate::Repeated => self.repeated += 1,
        }
    }

    pub(super) fn note_time(&mut self, timestamp: Moment) {
        self.oldest = Some(
            self.oldest
                .map_or(timestamp, |oldest| oldest.min(timestamp)),
        );
        self.newest = Some(
            self.newest
                .map_or(timestamp, |newest| newest.max(timestamp)),
        );
    }

    /// Adds what another partition did.
    pub(super) fn add(&mut self, other: &Counts) {
        let Counts {
            events,
            rejected,
            skipped,
            repeated,
            published,
            orders,
            oldest,
            newest,
            lanes,
        } = other;
        let sums = self.events.as_flattened_mut().iter_mut();
        add_each(sums, events.as_flattened());
        add_each(self.rejected.iter_mut(), rejected);
        add_each(self.published.iter_mut(), published);
        self.skipped += skipped;
        self.repeated += repeated;
        self.orders += orders;
        for timestamp in [oldest, newest].into_iter().flatten() {
            self.note_time(*timestamp);
        }
        self.lanes.extend(lanes);
    }

    /// Records of the input that were taken.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.events.iter().flatten().sum::<u64>() + self.skipped + self.repeated
    }
}

fn add_each<'s>(sums: impl Iterator<Item = &'s mut u64>, more: &[u64]) {
    for (sum, more) in sums.zip(more) {
        *sum += more;
    }
}
