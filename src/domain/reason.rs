//! Why a call is refused or cut, and why a record is rejected.

use super::RawRecord;
use super::symbol::symbols;

symbols! {
    /// Why a call is refused or cut.
    OrderReason {
        /// The organizer has no licence.
        License = "LICENSE",
        /// The dial-out policy forbids it.
        Policy = "POLICY",
        /// The destination is barred.
        Barred = "BARRED",
        /// The tenant is suspended.
        Suspended = "SUSPENDED",
        /// The tenant is closed.
        Closed = "CLOSED",
        /// Nobody knows the tenant.
        UnknownTenant = "UNKNOWN_TENANT",
        /// It cannot be rated.
        RatingFailed = "RATING_FAILED",
        /// Not enough credit.
        Credit = "CREDIT",
        /// The day's spend limit.
        LimitSpend = "LIMIT_SPEND",
        /// The limit of live legs.
        LimitLiveCalls = "LIMIT_LIVE_CALLS",
        /// The limit of a leg's length.
        LimitCallMinutes = "LIMIT_CALL_MINUTES",
        /// The limit of debt.
        LimitDebt = "LIMIT_DEBT",
        /// The longest call there is.
        MaxDuration = "MAX_DURATION",
        /// The operator's bound of live calls.
        Capacity = "CAPACITY",
    }
}

impl OrderReason {
    /// The Diameter result code of the reason (RFC 6733, RFC 8506).
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            OrderReason::Capacity => 3004,
            OrderReason::License
            | OrderReason::Policy
            | OrderReason::Barred
            | OrderReason::Suspended
            | OrderReason::Closed => 4010,
            OrderReason::Credit
            | OrderReason::LimitSpend
            | OrderReason::LimitLiveCalls
            | OrderReason::LimitCallMinutes
            | OrderReason::LimitDebt
            | OrderReason::MaxDuration => 4012,
            OrderReason::UnknownTenant => 5030,
            OrderReason::RatingFailed => 5031,
        }
    }

    /// True where money or an eased limit can lift it.
    #[must_use]
    pub const fn can_be_lifted(self) -> bool {
        self.code() == 4012
    }
}

symbols! {
    /// How far a rejected record came.
    Stage {
        /// Bytes to event.
        Decode = "DECODE",
        /// The event by itself, and against what is known.
        Validate = "VALIDATE",
        /// Finding its price.
        Rate = "RATE",
        /// The wallet.
        Wallet = "WALLET",
    }
}

symbols! {
    /// Why a record is rejected.
    RejectReason {
        /// Not bytes of any schema we know.
        Undecodable = "UNDECODABLE",
        /// A value that makes no sense.
        Invalid = "INVALID",
        /// Not on the partition its tenant belongs to.
        Misrouted = "MISROUTED",
        /// Nobody knows the tenant.
        UnknownTenant = "UNKNOWN_TENANT",
        /// Its call never started.
        Orphan = "ORPHAN",
        /// Known already, with other content.
        Conflict = "CONFLICT",
        /// What it needs is forgotten.
        TooLate = "TOO_LATE",
        /// Not the wallet's currency.
        CurrencyMismatch = "CURRENCY_MISMATCH",
        /// It would take the balance too low.
        InsufficientCredit = "INSUFFICIENT_CREDIT",
        /// What is kept of its kind is at its bound.
        Capacity = "CAPACITY",
    }
}

impl RejectReason {
    /// The stage at which this reason is found.
    #[must_use]
    pub const fn stage(self) -> Stage {
        match self {
            RejectReason::Undecodable => Stage::Decode,
            RejectReason::CurrencyMismatch
            | RejectReason::InsufficientCredit
            | RejectReason::Capacity => Stage::Wallet,
            RejectReason::Invalid
            | RejectReason::Misrouted
            | RejectReason::UnknownTenant
            | RejectReason::Orphan
            | RejectReason::Conflict
            | RejectReason::TooLate => Stage::Validate,
        }
    }
}

/// Which record is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RejectedRecord {
    /// The one being applied.
    Current,
    /// One that was parked before.
    Parked(Box<RawRecord>),
}

/// A record at fault. The message names fields and what is wrong with them, never a number or a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Which record.
    pub record: RejectedRecord,
    /// Why; the stage follows from it.
    pub reason: RejectReason,
    /// For a person.
    pub message: String,
}
