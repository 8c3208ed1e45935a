//! How far the worker's transaction has come.

use super::Counts;

/// The producer and its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No producer; a new one is asked for at this moment, or is being made.
    NoProducer {
        /// When to ask; none while one is being made.
        retry_at: Option<u64>,
    },
    /// Nothing open.
    Idle,
    /// Partitions have something for a commit.
    Open {
        /// Whether some of it is sent: then all of it is in one transaction.
        begun: bool,
    },
    /// The last records and the journal are being sent: before the offsets if others were sent already,
    /// after them if these are all.
    Sending(Ending),
    /// The input positions are being put in.
    PlacingOffsets(Ending),
    /// The commit was asked for.
    Committing(Ending),
}

/// A transaction that is to be committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ending {
    /// When that was decided.
    pub since: u64,
    /// The partitions in it, in order: name of the journal record, bytes it added.
    pub lanes: Vec<(i32, String, usize)>,
    /// What it does.
    pub counts: Counts,
    /// Whether the input positions are in it.
    pub placed: bool,
}

/// What a commit is to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// All that there is.
    All,
    /// What has waited for the interval, an order or an exhaustion notice, each with its partition, if
    /// nothing is sent yet: the fewer partitions, the sooner they can be read.
    Due,
}

/// Waits that grow from failure to failure, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: u64 = 50;
    const LONGEST: u64 = 5_000;

    /// The wait after one more failure.
    pub(super) fn next(&mut self) -> u64 {
        let wait = (Self::FIRST << self.failures.min(10)).min(Self::LONGEST);
        self.failures += 1;
        wait
    }

    /// Failures in a row.
    pub(super) fn failures(self) -> u32 {
        self.failures
    }

    /// It worked.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}
