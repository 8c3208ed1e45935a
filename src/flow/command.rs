//! What a flow wants done.

use std::fmt;

use super::{Counts, Outgoing, Warning};

/// One thing to do. All but those marked *quiet* are answered by a [`super::Happened`].
#[derive(Debug)]
pub enum Command {
    /// Make a new producer of our name; never use the old one again.
    BuildProducer,
    /// Quiet: take note of an assignment, so that the group is settled while we restore.
    Accept,
    /// Quiet: answer a revocation or loss.
    GiveUp(Vec<i32>),
    /// Read the journal and what else is to be known of a partition.
    Restore {
        /// The partition.
        partition: i32,
        /// To be told back with the answer.
        attempt: u64,
    },
    /// Quiet: read a partition from an offset on, and forget what was read of it before.
    Read {
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// Quiet: read these no more; they stay ours.
    Unread(Vec<i32>),
    /// Ask where a partition of the input ends.
    AskEnd(i32),
    /// Ask what an operator permits on a partition.
    AskPermit(i32),
    /// Begin a transaction. Answered only if it fails.
    Begin,
    /// Send these records.
    Send(Outgoing),
    /// Put these positions into the transaction, with the group's generation as it is now.
    SendOffsets(Vec<InputPosition>),
    /// Commit, or go on committing.
    Commit,
    /// Quiet: offer again what is left of the batch of this partition.
    Offer(i32),
    /// Quiet: the journal before this offset is dead.
    Trim {
        /// The partition.
        partition: i32,
        /// The offset.
        before: i64,
    },
    /// Quiet: a partition goes on no more, and why.
    Stop {
        /// The partition.
        partition: i32,
        /// Why.
        reason: StopReason,
    },
    /// Quiet: a partition goes on; it was restored or is permitted to.
    Resumed(i32),
    /// Quiet: something unexpected that was handled.
    Warn(Warning),
    /// Quiet: what was committed.
    Report(Box<Counts>),
    /// Quiet: end this worker.
    Exit(ExitReason),
}

/// The position of an input partition, to be committed with the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPosition {
    /// The partition.
    pub partition: i32,
    /// The next offset to read.
    pub next_offset: i64,
    /// Names the journal record that is committed with it.
    pub metadata: String,
}

/// Why a partition is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Its journal cannot be used.
    Journal(String),
    /// It ends before the record that the group's offset was committed with.
    JournalBehind(String),
    /// Undecided records stayed beyond the end of its journal.
    Undecided,
    /// Records of the input are lost: the log begins after our position.
    Gap {
        /// Our position.
        position: i64,
        /// The log's start.
        start: i64,
    },
    /// The log of the input ends before our position: it lost records, or is another topic.
    BeyondEnd {
        /// Our position.
        position: i64,
        /// The log's end.
        end: i64,
    },
    /// A record trips an assertion.
    Quarantined {
        /// Its offset.
        offset: i64,
        /// What was asserted.
        what: String,
    },
    /// A timer or the journal's writer trips an assertion.
    Broken {
        /// The next offset.
        offset: i64,
        /// What was asserted.
        what: String,
    },
    /// The producer refuses its records again and again.
    Refused(String),
}

impl StopReason {
    /// Whether time alone may bring it to an end: a coordinator that was away decides late.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, StopReason::Undecided | StopReason::JournalBehind(_))
    }

    /// The next offset of the input, if the reason has it.
    pub(super) fn position(&self) -> Option<i64> {
        match self {
            StopReason::Gap { position, .. } | StopReason::BeyondEnd { position, .. } => {
                Some(*position)
            }
            StopReason::Quarantined { offset, .. } | StopReason::Broken { offset, .. } => {
                Some(*offset)
            }
            StopReason::Journal(_)
            | StopReason::JournalBehind(_)
            | StopReason::Undecided
            | StopReason::Refused(_) => None,
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Journal(what) | StopReason::JournalBehind(what) => f.write_str(what),
            StopReason::Undecided => {
                f.write_str("a transaction on its journal stayed undecided beyond its time-out")
            }
            StopReason::Gap { position, start } => write!(
                f,
                "input from offset `{position}` to `{start}` is lost; `tollkeeper skip --gap` accepts it"
            ),
            StopReason::BeyondEnd { position, end } => write!(
                f,
                "input ends at offset `{end}`, but the journal has `{position}` applied already"
            ),
            StopReason::Quarantined { offset, what } => write!(
                f,
                "the record at offset `{offset}` trips an assertion ({what}); `tollkeeper skip` moves it to the rejected topic"
            ),
            StopReason::Broken { offset, what } => {
                write!(f, "an assertion fails before offset `{offset}`: {what}")
            }
            StopReason::Refused(what) => write!(f, "its records are refused: {what}"),
        }
    }
}

/// Why a worker ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It was told to, and what was open is committed.
    Stopped {
        /// Whether to give the partitions away at once.
        leave: bool,
    },
    /// It was told to, but what was open could not be committed in time; it will be done again.
    StoppedInTheMiddle,
    /// Another process uses our name as a member of the group.
    InstanceFenced,
    /// It was evicted and has joined again as another member without having been told of its loss: what
    /// it has may be another's by now. It must join anew.
    Evicted,
    /// Another process uses our name as a producer, again and again.
    ProducerFenced(String),
    /// Too many producers had to be left behind in the middle of a call.
    ProducersLost(String),
    /// The consumer is dead.
    InputDead(String),
}
