//! What can be wrong with a journal, and where.

use std::ops::RangeInclusive;

use crate::charging::RowError;

/// A journal that is not read on; it names the place.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A message is at fault.
    #[error("reading the journal at offset `{offset}`: {fault}")]
    At {
        /// The message's offset in the journal.
        offset: i64,
        /// What is wrong with it.
        #[source]
        fault: Fault,
    },
    /// There is no message at all, not even a genesis.
    #[error(
        "reading the journal: it is empty, not even a genesis (was it made by `topics create`?)"
    )]
    Empty,
    /// It ended before the record that the group's offset names.
    #[error(
        "reading the journal: it ends with record `{ends_with}`, but the group's offset was committed with record `{expected}`"
    )]
    Behind {
        /// Its last record.
        ends_with: u64,
        /// The group's.
        expected: u64,
    },
}

impl JournalError {
    /// Whether the log may only have been read too early: more records could put it right.
    #[must_use]
    pub fn ends_early(&self) -> bool {
        match self {
            JournalError::Empty | JournalError::Behind { .. } => true,
            JournalError::At { fault, .. } => {
                matches!(fault, Fault::NoWholeRound | Fault::Parts { .. })
            }
        }
    }
}

/// What is wrong with a message of a journal.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Not written by this program.
    #[error("not a journal record")]
    Foreign,
    /// Written by a newer (or withdrawn) version.
    #[error("format `{found}`, but this version reads formats `{}` to `{}`", readable.start(), readable.end())]
    Format {
        /// Its format.
        found: u8,
        /// Those that are read.
        readable: RangeInclusive<u8>,
    },
    /// Bytes have changed.
    #[error("the checksum of record `{sequence}` does not agree with its bytes")]
    Checksum {
        /// What it calls itself.
        sequence: u64,
    },
    /// A record is missing, repeated or out of order.
    #[error(
        "record `{found}`, part `{found_part}`, where record `{expected}`, part `{expected_part}`, must be"
    )]
    Sequence {
        /// The record that must come.
        expected: u64,
        /// And its part.
        expected_part: u16,
        /// The one that came.
        found: u64,
        /// And its part.
        found_part: u16,
    },
    /// The log begins or ends in the middle of a record, or its parts do not agree.
    #[error("record `{sequence}` is not whole: {what}")]
    Parts {
        /// The record.
        sequence: u64,
        /// What is wrong with its parts.
        what: &'static str,
    },
    /// Its predecessor is another one than it was written after.
    #[error("record `{sequence}` was written after another record than the one before it")]
    Chain {
        /// The record.
        sequence: u64,
    },
    /// It belongs to another cluster, topic or partition.
    #[error("written for {what} `{found}`, but this is `{expected}`")]
    Origin {
        /// Which part of the genesis.
        what: &'static str,
        /// Ours.
        expected: String,
        /// Its.
        found: String,
    },
    /// Its input positions or its time do not go on from the record before.
    #[error(
        "record `{sequence}` begins at input position `{found}`, but the one before ended at `{expected}`"
    )]
    Positions {
        /// The record.
        sequence: u64,
        /// Where it must begin.
        expected: i64,
        /// Where it begins.
        found: i64,
    },
    /// Its bytes are whole but say something that is never written.
    #[error("record `{sequence}` cannot be understood: {what}")]
    Malformed {
        /// The record.
        sequence: u64,
        /// What cannot be.
        what: &'static str,
    },
    /// The group's offset names this record with another hash.
    #[error("record `{sequence}` is another one than the group's offset was committed with")]
    Mark {
        /// The record.
        sequence: u64,
    },
    /// The log was cut so far that rows are missing.
    #[error("neither a genesis nor a complete sweep is left up to here, so rows may be missing")]
    NoWholeRound,
    /// A row of the state cannot be read.
    #[error(transparent)]
    Row(#[from] RowError),
}

impl Fault {
    pub(super) fn at(self, offset: i64) -> JournalError {
        JournalError::At {
            offset,
            fault: self,
        }
    }
}
