//! Everything that can be wrong with the books.

use crate::domain::Money;
use crate::journal::JournalError;

/// What is wrong, without its place.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// The journal cannot be read, so nothing else of its partition was checked.
    #[error("{0}; nothing else of this partition was checked")]
    Journal(#[from] JournalError),
    /// The group's offset is another than the journal's position at the record it names.
    #[error(
        "the group's offset is `{group}`, but record `{sequence}` of the journal, which it names, ends at input position `{journal}`"
    )]
    GroupOffset {
        /// The group's.
        group: i64,
        /// The record that its metadata names.
        sequence: u64,
        /// The journal's.
        journal: i64,
    },
    /// The group's offset was set by somebody else.
    #[error(
        "the group's offset `{group}` was not committed by a worker: its metadata names no record of the journal"
    )]
    GroupMetadata {
        /// The group's.
        group: i64,
    },
    /// The journal is not the one that the last audit saw.
    #[error("record `{sequence}` of the journal is not the one that the last audit saw")]
    OtherJournal {
        /// The record.
        sequence: u64,
    },
    /// The journal has lost its end since the last audit.
    #[error("the journal ends with record `{ends_with}`, but the last audit saw record `{seen}`")]
    JournalBehind {
        /// Its last record.
        ends_with: u64,
        /// The last audit's.
        seen: u64,
    },
    /// Retention was faster than the audits.
    #[error(
        "records up to `{start}` are gone before they were checked; the last audit ended at `{next}`"
    )]
    Unchecked {
        /// Where the last audit ended.
        next: i64,
        /// The first offset retained.
        start: i64,
    },
    /// A record that cannot be read.
    #[error("unreadable: {0}")]
    Unreadable(String),
    /// A record that names another source than its partition of the input.
    #[error("its source is `{topic}` partition `{partition}`, not this partition of the input")]
    Source {
        /// The topic that it names.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// A record of another topic.
    #[error("a record that does not belong in this topic")]
    Misplaced,
    /// Sources must never fall.
    #[error("its source offset `{found}` lies before that of a record before it, `{last}`")]
    SourceFell {
        /// Of a record before.
        last: i64,
        /// Its.
        found: i64,
    },
    /// A gap or repeat among a tenant's entries.
    #[error("tenant `{tenant}`: entry_sequence `{found}` where `{expected}` must be")]
    EntrySequence {
        /// Whose.
        tenant: String,
        /// What must be.
        expected: i64,
        /// What is.
        found: i64,
    },
    /// A balance that does not go on from the one before.
    #[error(
        "tenant `{tenant}`, entry `{sequence}`: balance_before is `{found}`, but the entry before left `{expected}`"
    )]
    BalanceBefore {
        /// Whose.
        tenant: String,
        /// Of the entry.
        sequence: i64,
        /// What the entry before left.
        expected: Money,
        /// What it says.
        found: Money,
    },
    /// A balance that the amount does not explain.
    #[error(
        "tenant `{tenant}`, entry `{sequence}`: balance_after is `{found}`, but its amount leads to `{expected}`"
    )]
    BalanceAfter {
        /// Whose.
        tenant: String,
        /// Of the entry.
        sequence: i64,
        /// What the amount leads to.
        expected: Money,
        /// What it says.
        found: Money,
    },
    /// The ledger's balance is not the journal's.
    #[error(
        "tenant `{tenant}`, entry `{sequence}`: balance_after is `{ledger}`, but the journal has `{journal}`"
    )]
    BalanceInJournal {
        /// Whose.
        tenant: String,
        /// The last entry that the journal knows.
        sequence: i64,
        /// The ledger's.
        ledger: Money,
        /// The journal's.
        journal: Money,
    },
    /// Entries that the journal knows are not there.
    #[error(
        "tenant `{tenant}`: the journal knows `{journal}` entries, but the last one here is `{ledger}`"
    )]
    EntriesMissing {
        /// Whose.
        tenant: String,
        /// The last one here.
        ledger: i64,
        /// The journal's.
        journal: i64,
    },
    /// Entries of a tenant that the journal does not know.
    #[error("tenant `{tenant}` has entries, but the journal does not know it")]
    UnknownTenant {
        /// Whose.
        tenant: String,
    },
    /// The sum of a leg's records.
    #[error(
        "tenant `{tenant}`, call `{call}`: call_total is `{found}`, but its records add up to `{expected}`"
    )]
    LegSum {
        /// Whose.
        tenant: String,
        /// The leg.
        call: String,
        /// The sum.
        expected: Money,
        /// What it says.
        found: Money,
    },
    /// One FINAL per leg, ever; MINUTE records before it, ADJUSTMENT records after it.
    #[error("tenant `{tenant}`, call `{call}`: {what}")]
    LegOrder {
        /// Whose.
        tenant: String,
        /// The leg.
        call: String,
        /// What is out of order.
        what: &'static str,
    },
    /// A leg's total in the ledger is not the journal's.
    #[error(
        "tenant `{tenant}`, call `{call}`: the ledger adds up to `{ledger}`, but the journal has `{journal}`"
    )]
    LegInJournal {
        /// Whose.
        tenant: String,
        /// The leg.
        call: String,
        /// The ledger's.
        ledger: Money,
        /// The journal's.
        journal: Money,
    },
    /// A leg that has begun, has no FINAL and is not in the journal.
    #[error("tenant `{tenant}`, call `{call}`: neither closed by a FINAL nor live in the journal")]
    LegLost {
        /// Whose.
        tenant: String,
        /// The leg.
        call: String,
    },
    /// What is held is not what its calls hold.
    #[error(
        "tenant `{tenant}`: holds are `{holds}`, but its `{live_calls}` live calls hold `{held_by_calls}`"
    )]
    Holds {
        /// Whose.
        tenant: String,
        /// The wallet's.
        holds: Money,
        /// Its calls'.
        held_by_calls: Money,
        /// How many there are.
        live_calls: i32,
    },
    /// A gap or repeat among a tenant's notices.
    #[error("tenant `{tenant}`: notice_sequence `{found}` where `{expected}` must be")]
    NoticeSequence {
        /// Whose.
        tenant: String,
        /// What must be.
        expected: i64,
        /// What is.
        found: i64,
    },
    /// A gap or repeat among the orders about a leg or tenant.
    #[error("tenant `{tenant}`, {about}: order_sequence `{found}` where `{expected}` must be")]
    OrderSequence {
        /// Whose.
        tenant: String,
        /// About what.
        about: String,
        /// What must be.
        expected: i64,
        /// What is.
        found: i64,
    },
    /// Notices or orders that the journal knows are not there.
    #[error(
        "tenant `{tenant}`, {about}: the journal knows `{journal}`, but the last one here is `{last}`"
    )]
    SequenceMissing {
        /// Whose.
        tenant: String,
        /// About what.
        about: String,
        /// The last one here.
        last: i64,
        /// The journal's.
        journal: i64,
    },
    /// An input record is rejected once at most.
    #[error("the input record at `{source_offset}` is rejected twice")]
    RejectedTwice {
        /// Its offset.
        source_offset: i64,
    },
    /// An event without a consequence.
    #[error("{what} led to nothing: no record, no live call, no rejection, and it is no repeat")]
    Unanswered {
        /// Which event.
        what: String,
    },
}
