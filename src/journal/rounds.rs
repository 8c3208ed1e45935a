//! How far the sweep has come, and which part of the log it has made superfluous.
//!
//! A round visits every row once, in order, a slice a record. All that is true at the end of a
//! complete round stands in the records from its first one on: a row that the round visited is in a
//! slice, one that was made later in the changes of its record, and a removal always comes after
//! what it removes. So once the round's last slice is committed, the log before its first record is
//! dead.

use crate::charging::RowKey;

use super::body::Slice;

/// The round under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rounds {
    /// Its number, from 1.
    pub round: u64,
    /// The last row visited; none where the round is yet to begin.
    pub after: Option<RowKey>,
    /// The offset of the message it began with, if that is still in the log.
    begun_at: Option<i64>,
    /// Where the last complete round began; 0 before there is one.
    pub dead_before: i64,
    /// Whether the records seen suffice: the genesis, or a complete round.
    pub whole: bool,
}

impl Rounds {
    /// After a genesis: all of the state is nothing, and that has been seen.
    pub(super) fn after_genesis() -> Self {
        Rounds {
            round: 1,
            after: None,
            begun_at: None,
            dead_before: 0,
            whole: true,
        }
    }

    /// Before the first record of a log that has been trimmed.
    pub(super) fn before(slice: &Slice, dead_before: i64) -> Self {
        Rounds {
            round: slice.round,
            after: slice.after,
            begun_at: None,
            dead_before,
            whole: false,
        }
    }

    /// Whether a slice goes on where the one before ended.
    pub(super) fn is_next(&self, slice: &Slice) -> bool {
        (slice.round, slice.after) == (self.round, self.after)
    }

    /// Moves on past a committed slice of a record that begins at `offset`.
    pub(super) fn advance(&mut self, slice: &Slice, offset: i64) {
        if slice.after.is_none() {
            self.begun_at = Some(offset);
        }
        if !slice.last {
            self.after = slice.to;
            return;
        }
        if let Some(begun_at) = self.begun_at.take() {
            self.dead_before = begun_at;
            self.whole = true;
        }
        self.round += 1;
        self.after = None;
    }
}
