//! What workers tell whoever counts, logs and answers questions about them.

use std::sync::Arc;
use std::time::Duration;

use crate::flow::{Counts, EndOfPartition, LaneCounts, StopReason, Warning};

/// Hears the news of all workers, from several threads; must be quick.
pub type Observer = Arc<dyn Fn(News<'_>) + Send + Sync>;

/// One piece of news.
#[derive(Debug)]
pub enum News<'a> {
    /// A worker has its producer: it can work.
    Ready,
    /// A worker has no producer until [`News::Ready`].
    NotReady,
    /// These partitions are ours now and being restored.
    Assigned(&'a [i32]),
    /// These are ours no more.
    GivenUp(&'a [i32]),
    /// A journal was read.
    JournalRead {
        /// The partition.
        partition: i32,
        /// How many bytes.
        bytes: u64,
        /// How long it took with all that is asked beside it.
        took: Duration,
    },
    /// A partition is at work, with what it has.
    Resumed(LaneCounts),
    /// A partition goes on no more.
    Stopped(i32, &'a StopReason),
    /// Where a partition ends, and how far it was read.
    End(EndOfPartition),
    /// A transaction is committed.
    Committed {
        /// What it did.
        counts: &'a Counts,
        /// How long its end took, from the offsets on.
        took: Duration,
    },
    /// Something unexpected was handled.
    Warned(&'a Warning),
}
