//! What an audit reports: violations with their place, and how much was checked.

use std::fmt;
use std::ops::AddAssign;

use super::Wrong;

/// Violations that are kept for printing; the others are counted.
const KEPT: usize = 1_000;

/// The topics that an audit reads, in the order in which records of one input position are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Records at fault.
    Rejected,
    /// Rated usage and wallet entries.
    Ledger,
    /// Notices.
    Notices,
    /// Orders.
    Orders,
    /// The input: an event is judged after what it led to.
    Events,
    /// The journal.
    Journal,
}

impl Stream {
    /// Those that are read side by side once the journal has been.
    pub const BESIDE: [Stream; 5] = [
        Stream::Rejected,
        Stream::Ledger,
        Stream::Notices,
        Stream::Orders,
        Stream::Events,
    ];

    /// The configuration key of its topic.
    #[must_use]
    pub const fn config_key(self) -> &'static str {
        match self {
            Stream::Rejected => "rejected",
            Stream::Ledger => "rated_usage",
            Stream::Notices => "balance_notices",
            Stream::Orders => "call_control",
            Stream::Events => "events",
            Stream::Journal => "state",
        }
    }
}

/// Something that is not as promised.
#[derive(Debug)]
pub struct Violation {
    /// In which topic.
    pub stream: Stream,
    /// In which partition.
    pub partition: i32,
    /// At which record; none where it is about what is not there.
    pub offset: Option<i64>,
    /// What is wrong.
    pub wrong: Wrong,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} partition {}",
            self.stream.config_key(),
            self.partition
        )?;
        match self.offset {
            Some(offset) => write!(f, " offset {offset}: {}", self.wrong),
            None => write!(f, ": {}", self.wrong),
        }
    }
}

/// The violations of a partition, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Violation>,
    more: u64,
}

impl Findings {
    /// Adds one; beyond the first thousand they are only counted.
    pub fn add(&mut self, violation: Violation) {
        if self.kept.len() < KEPT {
            self.kept.push(violation);
        } else {
            self.more += 1;
        }
    }

    /// Those that were kept.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.kept
    }

    /// How many were only counted.
    #[must_use]
    pub fn more(&self) -> u64 {
        self.more
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

/// How much was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records of the journal.
    pub journal_records: u64,
    /// Their bytes.
    pub journal_bytes: u64,
    /// Input positions that those records cover.
    pub positions: u64,
    /// Tenants in the journal.
    pub tenants: u64,
    /// Live legs in the journal.
    pub live_legs: u64,
    /// Rated usage and wallet entries.
    pub entries: u64,
    /// Legs whose FINAL was seen.
    pub finals: u64,
    /// Notices.
    pub notices: u64,
    /// Orders.
    pub orders: u64,
    /// Rejected records.
    pub rejected: u64,
    /// Events that were held against what they led to.
    pub events: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.journal_records += other.journal_records;
        self.journal_bytes += other.journal_bytes;
        self.positions += other.positions;
        self.tenants += other.tenants;
        self.live_legs += other.live_legs;
        self.entries += other.entries;
        self.finals += other.finals;
        self.notices += other.notices;
        self.orders += other.orders;
        self.rejected += other.rejected;
        self.events += other.events;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} journal records ({} bytes) over {} input positions, {} tenants, {} live legs, \
             {} ledger entries with {} closed legs, {} notices, {} orders, {} rejected records, \
             {} events answered",
            self.journal_records,
            self.journal_bytes,
            self.positions,
            self.tenants,
            self.live_legs,
            self.entries,
            self.finals,
            self.notices,
            self.orders,
            self.rejected,
            self.events,
        )
    }
}
