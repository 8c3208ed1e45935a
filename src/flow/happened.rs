//! What is told to a flow.

use std::sync::Arc;

use crate::charging::RawRef;
use crate::domain::Moment;
use crate::journal::{JournalError, PositionMark, Restored};
use crate::rates::RateCards;

use super::Outgoing;

/// The moment of a step, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds on a clock that never goes back: for intervals and time-outs.
    pub millis: u64,
    /// The reader's clock: caps record timestamps and, once the end of the partition was reached, moves
    /// partition time.
    pub clock: Moment,
}

/// One thing that happened.
#[derive(Debug)]
pub enum Happened<'a> {
    /// The producer is ready: older ones of its name are fenced, their transactions decided.
    ProducerReady,
    /// The group assigned partitions, beyond those we have.
    Assigned(Vec<i32>),
    /// The group wants partitions back; they are ours until they are given up.
    Revoked(Vec<i32>),
    /// Partitions are gone and may have another owner already.
    Lost(Vec<i32>),
    /// What there was to find about a partition that is taken over.
    Found {
        /// The partition.
        partition: i32,
        /// The attempt of the command.
        attempt: u64,
        /// What was found.
        found: Box<Found>,
    },
    /// The journal or the group could not be asked (the world, not the journal, is at fault).
    NotFound {
        /// The partition.
        partition: i32,
        /// The attempt of the command.
        attempt: u64,
        /// Why.
        why: String,
    },
    /// All rate cards that are known now.
    Cards(Arc<RateCards>),
    /// Records of a partition, in order.
    Polled {
        /// The partition.
        partition: i32,
        /// The position before the first of them: what lies between is markers and aborted records.
        from: i64,
        /// The records.
        records: &'a [RawRef<'a>],
    },
    /// Some partition's log begins after our position.
    InputTrimmed,
    /// An answer to [`super::Command::AskEnd`].
    End(EndOfPartition),
    /// An answer to [`super::Command::AskPermit`], or found on the way.
    Permitted(i32, Permit),
    /// What was to be sent is handed over; its buffer comes back.
    Sent(Outgoing),
    /// A record for this partition is not taken by the producer.
    SendFailed(Outgoing, i32, String),
    /// The input positions are in the transaction.
    OffsetsSent,
    /// It is committed; the offset of the first journal message of each partition touched.
    Committed(Vec<(i32, i64)>),
    /// The step under way (build, begin, offsets, commit, abort) failed.
    Failed(Failure),
    /// The name under which we are a member of the group, told before what the group says and before
    /// what was found for a take-over. Another one than before means that we were evicted and have joined again.
    Member(String),
    /// Another consumer has our group.instance.id.
    InstanceFenced,
    /// The consumer is dead.
    InputDead(String),
    /// Nothing but time passed.
    Time,
    /// Finish: commit what is open, then exit; `leave` gives the partitions away at once.
    Stop {
        /// For scaling in.
        leave: bool,
    },
}

impl Happened<'_> {
    /// What came of looking for what a take-over needs.
    #[must_use]
    pub fn looked(partition: i32, attempt: u64, found: Result<Box<Found>, String>) -> Self {
        match found {
            Ok(found) => Happened::Found {
                partition,
                attempt,
                found,
            },
            Err(why) => Happened::NotFound {
                partition,
                attempt,
                why,
            },
        }
    }
}

/// How a step of a transaction failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not known yet: the same step again resumes it.
    Retriable(String),
    /// The transaction cannot be committed.
    Abortable(String),
    /// The group has moved on without us.
    StaleGeneration(String),
    /// Another producer has our transactional.id.
    FencedProducer(String),
    /// Another consumer has our group.instance.id.
    FencedInstance(String),
    /// The producer is dead for another reason.
    Fatal(String),
    /// A call was not answered; its producer is left behind as it is.
    Unanswered(String),
}

impl Failure {
    /// In words.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Failure::Retriable(why)
            | Failure::Abortable(why)
            | Failure::StaleGeneration(why)
            | Failure::FencedProducer(why)
            | Failure::FencedInstance(why)
            | Failure::Fatal(why)
            | Failure::Unanswered(why) => why,
        }
    }
}

/// What is known of a partition that is taken over.
#[derive(Debug)]
pub struct Found {
    /// The group's stable position.
    pub committed: Option<CommittedOffset>,
    /// Its journal, read to its stable end.
    pub journal: Result<Restored, JournalError>,
    /// Whether undecided records lay beyond that end.
    pub undecided: bool,
    /// The input's first offset,
    pub input_start: i64,
    /// and its end.
    pub input_end: i64,
    /// What an operator permitted on this partition.
    pub permit: Option<Permit>,
}

/// The group's position on a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub next_offset: i64,
    /// The journal record that was committed with it; none if somebody else set the offset.
    pub mark: Option<PositionMark>,
}

/// What an operator may permit on a partition, by `tollkeeper skip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permit {
    /// Move the record at this offset to the rejected topic, unapplied.
    SkipRecord(i64),
    /// Go on although the records from this position to the log's start are lost.
    AcceptGap(i64),
}

/// Where a partition of the input ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOfPartition {
    /// The partition.
    pub partition: i32,
    /// The reader's clock before the question was sent.
    pub asked_at: Moment,
    /// The consumer's position, past markers and aborted records, when the answer is told.
    pub position: i64,
    /// The first offset of the log.
    pub start: i64,
    /// The offset after its last, undecided ones included.
    pub end: i64,
}
