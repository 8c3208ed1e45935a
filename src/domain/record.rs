//! What goes out. Long-lived texts are shared, so that a record costs no copy of them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::symbol::symbols;
use super::{
    Country, Currency, LegKind, License, Moment, Money, OrderReason, PhoneNumber, Threshold,
};

/// The input record that led to an output; for a timer the last one applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The input partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
}

/// One record that is published.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// To the ledger: use of a leg.
    RatedUsage(Box<RatedUsage>),
    /// To the ledger: credit in, corrected, expired.
    WalletEntry(Box<WalletEntry>),
    /// To the alerting system.
    BalanceNotice(Box<BalanceNotice>),
    /// To the telephony platform: about a leg.
    CallOrder(Box<CallOrder>),
    /// To the telephony platform: about a tenant.
    TenantOrder(Box<TenantOrder>),
    /// The latest of a tenant, for whoever needs a table.
    TenantBalance(Box<TenantBalance>),
}

symbols! {
    /// Which of a leg's records it is.
    EntryKind {
        /// Credit came in.
        Funding = "FUNDING",
        /// Credit was corrected.
        Adjustment = "ADJUSTMENT",
        /// Credit expired.
        Expiry = "EXPIRY",
    }
}

/// Which of a leg's records it is; with its number, its record_id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatedUsageKind {
    /// Proved by the tick of this minute.
    Minute(u32),
    /// The leg's one closing record.
    Final,
    /// The n-th correction after it.
    Adjustment(u32),
}

impl RatedUsageKind {
    /// `call_id/MINUTE/k`, `call_id/FINAL` or `call_id/ADJUSTMENT/n`.
    #[must_use]
    pub fn record_id(self, call_id: &str) -> String {
        match self {
            RatedUsageKind::Minute(minute) => format!("{call_id}/MINUTE/{minute}"),
            RatedUsageKind::Final => format!("{call_id}/FINAL"),
            RatedUsageKind::Adjustment(number) => format!("{call_id}/ADJUSTMENT/{number}"),
        }
    }
}

symbols! {
    /// What led to a usage record.
    Cause {
        /// A tick.
        Tick = "TICK",
        /// The end.
        Ended = "ENDED",
        /// Silence.
        Stale = "STALE",
        /// A refusal that was obeyed.
        Refused = "REFUSED",
        /// A cut or refusal that was not.
        CutIgnored = "CUT_IGNORED",
        /// An end after the closing record.
        LateEnd = "LATE_END",
        /// A tick after silence.
        Reopened = "REOPENED",
    }
}

/// What is known of a leg from its start and never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallDescription {
    /// The leg.
    pub call_id: Arc<str>,
    /// The meeting.
    pub conference_id: Option<Box<str>>,
    /// The user whose meeting it is; forgotten once the call is packed.
    pub organizer_id: Option<Box<str>>,
    /// How it connects.
    pub leg: LegKind,
    /// The organizer's licence.
    pub license: License,
    /// Our number.
    pub bridge_number: Option<PhoneNumber>,
    /// Their number.
    pub remote_number: Option<PhoneNumber>,
    /// The card it is rated by; absent where it is never charged or has no row.
    pub rate_card: Option<Arc<str>>,
    /// Minute 1's row.
    pub prefix: Option<Arc<str>>,
    /// Minute 1's row.
    pub destination: Option<Arc<str>>,
    /// Minute 1's row.
    pub country: Option<Country>,
    /// Minute 1's row.
    pub connection_fee: Option<Money>,
    /// A dial-in without a row: zero-rated.
    pub unrated: bool,
}

/// An amount taken from (or, negative, given back to) a lot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LotUse {
    /// The lot.
    pub lot_id: Arc<str>,
    /// How much.
    pub amount: Money,
}

/// Mostly one lot.
pub type LotUses = smallvec::SmallVec<[LotUse; 1]>;

/// A priced part of a leg.
#[derive(Clone, Debug, PartialEq)]
pub struct RatedUsage {
    /// Who pays.
    pub tenant_id: Arc<str>,
    /// Shared by RatedUsage and WalletEntry, gap-free from 1.
    pub entry_sequence: i64,
    /// With the call id, the record_id.
    pub kind: RatedUsageKind,
    /// The leg.
    pub call: Arc<CallDescription>,
    /// Digits to mask in both numbers.
    pub mask_digits: u8,
    /// What led to it.
    pub cause: Cause,
    /// The part of the leg that it settles: after this second,
    pub from_second: i32,
    /// up to this one.
    pub to_second: i32,
    /// Connected so far.
    pub connected_seconds: i32,
    /// Billed so far.
    pub billed_seconds: i32,
    /// The card version of the last minute.
    pub rate_card_version: Option<i64>,
    /// The last minute's.
    pub rate_per_minute: Option<Money>,
    /// Signed.
    pub amount: Money,
    /// Of the leg, so far.
    pub call_total: Money,
    /// The wallet's.
    pub currency: Currency,
    /// Pool minutes used (or, negative, given back).
    pub pool_minutes: i32,
    /// Of the amount, what neither a hold nor credit covered.
    pub uncovered: Money,
    /// Where the amount came from, debt apart.
    pub lots: LotUses,
    /// Before this record.
    pub balance_before: Money,
    /// After it.
    pub balance_after: Money,
    /// When the event happened; for a timer, its due moment.
    pub occurred_at: Moment,
    /// Partition time of the decision.
    pub rated_at: Moment,
    /// The input record.
    pub source: Source,
}

/// Credit in, corrected, expired.
#[derive(Clone, Debug, PartialEq)]
pub struct WalletEntry {
    /// `payment/…`, `adjustment/…`, `expiry/lot_id/n`.
    pub record_id: Arc<str>,
    /// Whose.
    pub tenant_id: Arc<str>,
    /// Shared with RatedUsage, gap-free from 1.
    pub entry_sequence: i64,
    /// What it is.
    pub kind: EntryKind,
    /// The lot it made or took from.
    pub lot_id: Option<Arc<str>>,
    /// Signed.
    pub amount: Money,
    /// Of a positive amount, what paid debt.
    pub debt_paid: Money,
    /// The wallet's.
    pub currency: Currency,
    /// An adjustment's.
    pub reason: Option<&'static str>,
    /// Of the lot it made.
    pub expires_at: Option<Moment>,
    /// Before this entry.
    pub balance_before: Money,
    /// After it.
    pub balance_after: Money,
    /// When the event happened; for a timer, its due moment.
    pub occurred_at: Moment,
    /// Partition time of the decision.
    pub recorded_at: Moment,
    /// The input record.
    pub source: Source,
}

symbols! {
    /// What a notice tells.
    NoticeKind {
        /// A threshold was crossed.
        CreditLow = "CREDIT_LOW",
        /// Nothing new can be admitted.
        CreditExhausted = "CREDIT_EXHAUSTED",
        /// It can again.
        CreditRestored = "CREDIT_RESTORED",
        /// A recharge is asked for.
        RechargeRequested = "RECHARGE_REQUESTED",
        /// 80 % of the month's pool is used.
        PoolLow = "POOL_LOW",
        /// All of it.
        PoolExhausted = "POOL_EXHAUSTED",
        /// A lot expires soon.
        CreditExpiring = "CREDIT_EXPIRING",
        /// Events contradict each other or our orders.
        Discrepancy = "DISCREPANCY",
    }
}

/// A notice about a tenant's credit.
#[derive(Clone, Debug, PartialEq)]
pub struct BalanceNotice {
    /// Whose.
    pub tenant_id: Arc<str>,
    /// Gap-free from 1; notice_id is `notice/n`.
    pub notice_sequence: i64,
    /// What it tells.
    pub kind: NoticeKind,
    /// The threshold crossed.
    pub threshold: Option<Threshold>,
    /// The recharge asked for.
    pub request_id: Option<String>,
    /// The money asked for, or about to expire.
    pub amount: Option<Money>,
    /// The leg of a discrepancy.
    pub call_id: Option<Arc<str>>,
    /// Begins with the discrepancy's name, the lot's id or the month.
    pub detail: Option<String>,
    /// Lots less debt.
    pub balance: Money,
    /// Balance less holds plus overdraft.
    pub available: Money,
    /// Set aside for live legs.
    pub holds: Money,
    /// The wallet's.
    pub currency: Currency,
    /// Live legs.
    pub live_calls: i32,
    /// What they cost a minute.
    pub burn_per_minute: Money,
    /// How long available lasts; absent while nothing burns.
    pub runway_seconds: Option<i64>,
    /// When the event happened; for a timer, its due moment.
    pub occurred_at: Moment,
    /// The input record.
    pub source: Source,
}

symbols! {
    /// What the platform is to do with a leg.
    CallOrderKind {
        /// Hang up now.
        CallRefused = "CALL_REFUSED",
        /// Hang up at cut_at.
        CutOff = "CUT_OFF",
        /// Do not.
        CutOffCancelled = "CUT_OFF_CANCELLED",
    }
}

/// An order about a leg. The highest order_sequence of a leg counts.
#[derive(Clone, Debug, PartialEq)]
pub struct CallOrder {
    /// Who pays.
    pub tenant_id: Arc<str>,
    /// The leg.
    pub call_id: Arc<str>,
    /// The meeting.
    pub conference_id: Option<Box<str>>,
    /// The user whose meeting it is.
    pub organizer_id: Option<Box<str>>,
    /// How it connects.
    pub leg: Option<LegKind>,
    /// Rising from 1; order_id is `call_id/n`.
    pub order_sequence: i32,
    /// What to do.
    pub kind: CallOrderKind,
    /// When to hang up.
    pub cut_at: Option<Moment>,
    /// Why; the code follows from it.
    pub reason: OrderReason,
    /// When the event happened; for a timer, its due moment.
    pub occurred_at: Moment,
    /// Partition time of the decision.
    pub issued_at: Moment,
    /// The input record.
    pub source: Source,
}

symbols! {
    /// What the platform may do about a tenant.
    TenantOrderKind {
        /// Stop offering dial-out.
        DialOutSuspended = "DIAL_OUT_SUSPENDED",
        /// Offer it again.
        DialOutResumed = "DIAL_OUT_RESUMED",
    }
}

/// An order about a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantOrder {
    /// Whose.
    pub tenant_id: Arc<str>,
    /// Gap-free from 1; order_id is `tenant/n`.
    pub order_sequence: i64,
    /// What to do.
    pub kind: TenantOrderKind,
    /// Balance less holds plus overdraft.
    pub available: Money,
    /// When the event happened; for a timer, its due moment.
    pub occurred_at: Moment,
    /// Partition time of the decision.
    pub issued_at: Moment,
    /// The input record.
    pub source: Source,
}

/// The latest of a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantBalance {
    /// Whose.
    pub tenant_id: Arc<str>,
    /// Lots less debt.
    pub balance: Money,
    /// Balance less holds plus overdraft.
    pub available: Money,
    /// Set aside for live legs.
    pub holds: Money,
    /// Owed.
    pub debt: Money,
    /// The wallet's.
    pub currency: Currency,
    /// Left of this month's pool.
    pub pool_minutes_left: i32,
    /// Live legs.
    pub live_calls: i32,
    /// Of the last ledger record.
    pub entry_sequence: i64,
    /// What is left of each lot, in order of use.
    pub lots: Vec<LotUse>,
    /// Partition time.
    pub updated_at: Moment,
}

/// A part of a published version of a rate card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateCardPart {
    /// The card.
    pub card_id: String,
    /// Rising from 1.
    pub version: i64,
    /// Of all its rates and fees.
    pub currency: Currency,
    /// Which part, from 1.
    pub part: i32,
    /// Of how many.
    pub parts: i32,
    /// Rows of the whole version.
    pub row_count: i32,
    /// SHA-256 of the whole version's canonical CSV.
    pub sha256: [u8; 32],
    /// This part's slice of the zstd-compressed canonical CSV.
    pub rows: Vec<u8>,
}
