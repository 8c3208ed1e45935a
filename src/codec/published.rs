//! What an audit needs of a published record.

use crate::domain::symbols;
use crate::domain::{CallOrderKind, Cause, Currency, EntryKind, Moment, Money, NoticeKind, Source};

/// Bytes that are no record of ours. The message says what is wrong with them.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RecordError(pub String);

/// The input record that a published one names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The input topic.
    pub topic: String,
    /// Partition and offset in it.
    pub source: Source,
}

/// What an audit needs of a published record.
#[derive(Clone, Debug, PartialEq)]
pub enum DecodedRecord {
    /// Use of a leg.
    RatedUsage(Box<UsageEntry>),
    /// Credit in, corrected, expired.
    WalletEntry(Box<CreditEntry>),
    /// A notice.
    BalanceNotice(Box<NoticeEntry>),
    /// An order about a leg or a tenant.
    Order(Box<OrderEntry>),
    /// A balance; it has no source.
    TenantBalance {
        /// Whose.
        tenant_id: String,
        /// Lots less debt.
        balance: Money,
        /// Of the last ledger record.
        entry_sequence: i64,
    },
}

symbols! {
    /// Which of a leg's records it is.
    UsageKind {
        /// Proved by a tick.
        Minute = "MINUTE",
        /// The leg's one closing record.
        Final = "FINAL",
        /// A correction after it.
        Adjustment = "ADJUSTMENT",
    }
}

/// A RatedUsage.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageEntry {
    /// Unique within the tenant.
    pub record_id: String,
    /// Who pays.
    pub tenant_id: String,
    /// Shared with wallet entries, gap-free from 1.
    pub entry_sequence: i64,
    /// Which of the leg's records it is.
    pub kind: UsageKind,
    /// The leg.
    pub call_id: String,
    /// What led to it.
    pub cause: Cause,
    /// Signed.
    pub amount: Money,
    /// Of the leg, so far.
    pub call_total: Money,
    /// The wallet's.
    pub currency: Currency,
    /// Before this record.
    pub balance_before: Money,
    /// After it.
    pub balance_after: Money,
    /// When the event happened.
    pub occurred_at: Moment,
    /// The input record.
    pub origin: Origin,
}

/// A WalletEntry.
#[derive(Clone, Debug, PartialEq)]
pub struct CreditEntry {
    /// Unique within the tenant.
    pub record_id: String,
    /// Whose.
    pub tenant_id: String,
    /// Shared with rated usage, gap-free from 1.
    pub entry_sequence: i64,
    /// What it is.
    pub kind: EntryKind,
    /// Signed.
    pub amount: Money,
    /// Of a positive amount, what paid debt.
    pub debt_paid: Money,
    /// The wallet's.
    pub currency: Currency,
    /// Before this entry.
    pub balance_before: Money,
    /// After it.
    pub balance_after: Money,
    /// When the event happened.
    pub occurred_at: Moment,
    /// The input record.
    pub origin: Origin,
}

/// A BalanceNotice.
#[derive(Clone, Debug, PartialEq)]
pub struct NoticeEntry {
    /// Whose.
    pub tenant_id: String,
    /// Gap-free from 1.
    pub notice_sequence: i64,
    /// What it tells.
    pub kind: NoticeKind,
    /// The input record.
    pub origin: Origin,
}

/// A CallOrder, or, without a call, a TenantOrder.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderEntry {
    /// Whose.
    pub tenant_id: String,
    /// The leg and what to do with it.
    pub call: Option<(String, CallOrderKind)>,
    /// Rising within the leg or the tenant.
    pub order_sequence: i64,
    /// The input record.
    pub origin: Origin,
}
