//! Whether the books balance, judged from committed records alone: the journal of a partition first, then
//! what went out up to there, then what came in. It never reads a topic itself and never repairs anything.
//!
//! [`JournalAudit`] takes the journal and gives the [`Books`] at its end. [`PartitionAudit`] takes everything
//! else as [`Seen`], in the order that [`next_of`] chooses, and gives [`Findings`], [`Counts`] and what the next
//! audit goes on from ([`Carried`], kept in a [`Checkpoint`]). Memory is bounded by what is live.

mod answers;
mod books;
mod carried;
mod checkpoint;
mod findings;
mod journal;
mod ledger;
mod merge;
mod orders;
mod partition;
mod seen;
mod settle;
#[cfg(test)]
mod tests;
mod wrong;

pub use books::{Books, LegStanding, TenantStanding};
pub use carried::Carried;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use findings::{Counts, Findings, Stream, Violation};
pub use journal::{GroupPosition, JournalAudit, JournalRead};
pub use merge::next_of;
pub use partition::{PartitionAudit, Scope, Taken};
pub use seen::{Asked, Entry, EntryOf, InputPartition, Order, Seen, SeenKind};
pub use wrong::Wrong;
