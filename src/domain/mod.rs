//! The nouns of the trade: money, time, identities, telephone numbers, events in, records out.
//! Values only; nothing here decides, reads a clock or knows where bytes come from.

mod config;
mod event;
mod moment;
mod money;
mod phone;
mod reason;
mod record;
mod symbol;
mod text;

pub use config::{
    AutoRecharge, BillingMode, CutScope, Limits, TenantConfig, TenantStatus, Threshold,
    ThresholdKind,
};
pub use event::{
    AdjustmentReason, Body, CallEnded, CallMinuteTick, CallStarted, CreditAdjusted, CreditGranted,
    DialOutPolicy, Event, LegKind, License, LotKind, RawRecord, RechargeFailed, Text,
};
pub use moment::{MILLIS_PER_DAY, MILLIS_PER_MINUTE, Moment, MomentError};
pub use money::{Money, MoneyError};
pub use phone::{NumberError, PhoneNumber, country_of, default_mask_digits, is_default_zone_a};
pub use reason::{OrderReason, RejectReason, Rejected, RejectedRecord, Stage};
pub use record::{
    BalanceNotice, CallDescription, CallOrder, CallOrderKind, Cause, EntryKind, LotUse, LotUses,
    NoticeKind, RateCardPart, RatedUsage, RatedUsageKind, Record, Source, TenantBalance,
    TenantOrder, TenantOrderKind, WalletEntry,
};
pub use symbol::Symbol;
pub(crate) use symbol::symbols;
pub use text::{Country, Currency};
