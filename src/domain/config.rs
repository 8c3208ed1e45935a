//! A tenant's configuration, as a `TenantConfigured` event carries it.

use serde::{Deserialize, Serialize};

use super::symbol::symbols;
use super::{Country, Currency, DialOutPolicy, Money};

symbols! {
    /// Whether a tenant may call.
    TenantStatus {
        /// It may.
        Active = "ACTIVE",
        /// New calls are refused, live ones run on.
        Suspended = "SUSPENDED",
        /// New calls are refused, live ones cut.
        Closed = "CLOSED",
    }
}

symbols! {
    /// Whether credit limits calls.
    BillingMode {
        /// Nothing beyond credit and overdraft.
        Prepaid = "PREPAID",
        /// Lots first, then arrears.
        PrepaidThenPostpaid = "PREPAID_THEN_POSTPAID",
        /// Arrears.
        Postpaid = "POSTPAID",
    }
}

symbols! {
    /// Which legs are refused or cut for credit.
    CutScope {
        /// Every chargeable leg.
        AllChargeable = "ALL_CHARGEABLE",
        /// Dial-out only; dial-in makes debt.
        DialOutOnly = "DIAL_OUT_ONLY",
    }
}

symbols! {
    /// What a low-credit threshold is measured in.
    ThresholdKind {
        /// An amount of money.
        Amount = "AMOUNT",
        /// Percent of the last grant.
        Percent = "PERCENT",
        /// Minutes that available lasts at the present burn.
        Runway = "RUNWAY",
    }
}

/// A low-credit threshold: `value` is money, percent or minutes, with six decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Threshold {
    /// What `value` is.
    pub kind: ThresholdKind,
    /// Money, percent or minutes.
    pub value: Money,
}

/// Ask for a recharge when `balance − holds` falls below `trigger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AutoRecharge {
    /// Strictly below this.
    pub trigger: Money,
    /// How much to ask for.
    pub amount: Money,
    /// At most this much asked for in a UTC day.
    pub daily_cap: Money,
}

/// Optional limits of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Debits plus holds in a UTC day of the minute's start.
    pub spend_per_day: Option<Money>,
    /// Live legs at once.
    pub live_calls: Option<i32>,
    /// Minutes a leg may last.
    pub call_minutes: Option<i32>,
    /// How deep `balance − holds` may go in the arrears modes.
    pub debt: Option<Money>,
}

/// Everything that can be configured for a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TenantConfig {
    /// Rising; an older one is ignored.
    pub version: i64,
    /// Whether it may call.
    pub status: TenantStatus,
    /// Of the wallet; never changes after its first entry.
    pub currency: Currency,
    /// Of the organisation; decides masking.
    pub country: Country,
    /// The id of its rate card.
    pub rate_card: String,
    /// Whether credit limits calls.
    pub billing_mode: BillingMode,
    /// How far below zero admission and holds may go.
    pub overdraft_limit: Money,
    /// Each brings 60 pool minutes a month.
    pub subscription_licenses: i32,
    /// Where its organizers may dial out to, unless the event says.
    pub dial_out_policy: DialOutPolicy,
    /// Its own Zone A, instead of the default.
    pub zone_a: Option<Vec<Country>>,
    /// Which legs are cut for credit.
    pub cut_scope: CutScope,
    /// Minutes held ahead, 1–60.
    pub hold_ahead_minutes: i32,
    /// When to warn.
    pub low_credit: Vec<Threshold>,
    /// When to ask for a recharge.
    pub auto_recharge: Option<AutoRecharge>,
    /// Optional limits.
    pub limits: Limits,
    /// Digits of numbers to mask, instead of the country's.
    pub mask_digits: Option<i32>,
}
