//! A partition's state as records: what changed, a sweep through everything else, a chain that shows
//! what is missing, and the way back.
//!
//! It never talks to Kafka, never decides when to commit or trim, and never guesses at a broken record.
//!
//! One transaction writes one *record*, cut into as many *messages* (parts) as its size asks for.
//! docs/JOURNAL.md has the bytes.

mod body;
mod chain;
mod describe;
mod error;
mod frame;
mod mark;
mod restorer;
mod rounds;
#[cfg(test)]
mod tests;
mod wire;
mod writer;

pub use body::{Body, Entries, Entry, EntryKind, GenesisRef, Slice};
pub use chain::{Chain, JournalRecord};
pub use describe::{Description, describe};
pub use error::{Fault, JournalError};
pub use mark::PositionMark;
pub use restorer::{Restored, Restorer};
pub use writer::{Writer, Written, encode_genesis};

use std::ops::RangeInclusive;

use crate::charging::Layout;

/// The formats this program reads. It refuses newer ones.
pub const READABLE_FORMATS: RangeInclusive<u8> = 1..=2;
/// The version of the rules that made a record; for reading only, nothing is decided by it.
pub const LOGIC_VERSION: u16 = 1;
/// The longest message that is written unless configured otherwise, in bytes.
pub const DEFAULT_MESSAGE_BYTES: usize = 900 * 1024;
/// The most that one record's sweep adds, in bytes; a single row may go beyond.
pub const SWEEP_BYTES_AT_MOST: usize = 256 * 1024;
/// The least that one record's sweep adds while there are rows left, in bytes, so that rounds end.
pub const SWEEP_BYTES_AT_LEAST: usize = 1024;

/// How the rows of a record of this format, one of [`READABLE_FORMATS`], are laid out.
fn layout_of(format: u8) -> Layout {
    if format == 1 {
        Layout::One
    } else {
        Layout::Two
    }
}

/// What a journal belongs to. A journal of anything else is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Kafka's id of the cluster.
    pub cluster_id: String,
    /// Kafka's id of the input topic (a UUID's text).
    pub input_topic_id: String,
    /// Partitions of the input, the journal and the outputs.
    pub partitions: i32,
}

/// What the operator sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// The format that is written: one of [`READABLE_FORMATS`].
    pub write_format: u8,
    /// The longest message that is written, in bytes.
    pub message_bytes: usize,
}

impl Default for JournalSettings {
    fn default() -> Self {
        JournalSettings {
            write_format: *READABLE_FORMATS.end(),
            message_bytes: DEFAULT_MESSAGE_BYTES,
        }
    }
}
