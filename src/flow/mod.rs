//! What a worker decides: when to begin, commit, abort, restore, read, trim, stop. A value that is told
//! what happened and answers with commands; it never talks to Kafka, reads a clock, logs or waits.
//!
//! [`Flow::step`] takes one [`Happened`] and appends [`Command`]s. Whoever carries them out reports what
//! became of each, one at a time and in order. A partition's state lives in its lane here and nowhere
//! else; losing the partition drops the lane.

mod command;
mod counts;
mod ending;
mod happened;
mod lane;
mod machine;
mod outgoing;
mod partitions;
mod pending;
mod publish;
mod reading;
mod rejoin;
mod standing;
mod takeover;
#[cfg(test)]
mod tests;
mod transaction;
mod work;

pub use command::{Command, ExitReason, InputPosition, StopReason};
pub use counts::{Counts, EventKind, LaneCounts};
pub use happened::{CommittedOffset, EndOfPartition, Failure, Found, Happened, Now, Permit};
pub use machine::Flow;
pub use outgoing::{Destination, OutRecord, Outgoing};
pub use reading::Reading;
pub use rejoin::{Ends, GroupMember, Next, Ownerless};
pub use standing::{LaneView, Standing};
pub use takeover::Warning;

use crate::codec::{Partitioner, SchemaSet};

/// What the operator sets, and the bounds of a worker. All times are milliseconds.
#[derive(Clone, Debug)]
pub struct FlowSettings {
    /// The input topic's name, which every record names as its source.
    pub input_topic: String,
    /// Writers' schemas that may come in.
    pub schemas: SchemaSet,
    /// How producers choose a partition.
    pub partitioner: Partitioner,
    /// P.
    pub partitions: i32,
    /// The longest a record waits for its commit, orders apart.
    pub commit_interval: u64,
    /// After this the broker aborts a transaction on its own; also the longest that a take-over waits
    /// for one to be decided.
    pub transaction_timeout: u64,
    /// Timers that fire before a commit.
    pub timers_per_transaction: usize,
    /// Records taken in one transaction.
    pub records_per_transaction: usize,
    /// Bytes going out in one transaction, the journal apart.
    pub bytes_per_transaction: usize,
    /// Bytes going out that are held back until a commit: while there are fewer, an order is committed
    /// with its own partition alone.
    pub held_bytes: usize,
    /// The largest record that goes out: key, value and headers.
    pub record_bytes: usize,
    /// Whether the balance of each tenant that a transaction changed goes out with it.
    pub balances: bool,
    /// A test's hook: the event with this id trips an assertion. No configuration sets it.
    pub trip_on_event: Option<String>,
}

impl FlowSettings {
    /// The defaults of everything that need not be told.
    #[must_use]
    pub fn new(input_topic: &str, partitions: i32) -> Self {
        FlowSettings {
            input_topic: input_topic.to_owned(),
            schemas: SchemaSet::builtin(),
            partitioner: Partitioner::Murmur2,
            partitions,
            commit_interval: 50,
            transaction_timeout: 9_000,
            timers_per_transaction: 1_000,
            records_per_transaction: 50_000,
            bytes_per_transaction: 32 * 1024 * 1024,
            held_bytes: 256 * 1024,
            record_bytes: 1_000_000,
            balances: false,
            trip_on_event: None,
        }
    }
}
