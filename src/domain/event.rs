//! What comes in. Texts are borrowed from the record's bytes where they can be.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::symbol::symbols;
use super::{Country, Currency, Moment, Money, TenantConfig};

/// A text of an event: borrowed from its bytes, or owned where it had to be unescaped.
pub type Text<'a> = Cow<'a, str>;

/// One event: who, when, and what happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// For tracing only; never what makes an event idempotent.
    pub event_id: Text<'a>,
    /// The organisation that pays.
    pub tenant_id: Text<'a>,
    /// When it happened, by the producer's clock.
    pub occurred_at: Moment,
    /// What happened.
    pub body: Body<'a>,
}

/// The kinds of event.
#[derive(Clone, Debug, PartialEq)]
pub enum Body<'a> {
    /// A leg was answered.
    CallStarted(CallStarted<'a>),
    /// A leg has lasted so many full minutes.
    CallMinuteTick(CallMinuteTick<'a>),
    /// A leg ended.
    CallEnded(CallEnded<'a>),
    /// Credit was bought or given.
    CreditGranted(CreditGranted<'a>),
    /// Credit was corrected, up or down.
    CreditAdjusted(CreditAdjusted<'a>),
    /// An automatic recharge could not be collected.
    RechargeFailed(RechargeFailed<'a>),
    /// The whole configuration of a tenant, replacing the one before.
    TenantConfigured(Box<TenantConfig>),
}

impl Body<'_> {
    /// The record's name in the contract.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Body::CallStarted(_) => "CallStarted",
            Body::CallMinuteTick(_) => "CallMinuteTick",
            Body::CallEnded(_) => "CallEnded",
            Body::CreditGranted(_) => "CreditGranted",
            Body::CreditAdjusted(_) => "CreditAdjusted",
            Body::RechargeFailed(_) => "RechargeFailed",
            Body::TenantConfigured(_) => "TenantConfigured",
        }
    }
}

symbols! {
    /// How a leg connects.
    LegKind {
        /// Dialled in on a toll number.
        DialInToll = "DIAL_IN_TOLL",
        /// Dialled in on a toll-free number.
        DialInTollFree = "DIAL_IN_TOLL_FREE",
        /// Dialled out to a telephone.
        DialOut = "DIAL_OUT",
    }
}

symbols! {
    /// The organizer's licence.
    License {
        /// No telephone legs at all.
        None = "NONE",
        /// Every leg from credit.
        PayPerMinute = "PAY_PER_MINUTE",
        /// Toll dial-in included, Zone A dial-out from the minute pool.
        Subscription = "SUBSCRIPTION",
    }
}

symbols! {
    /// Where an organizer's meetings may dial out to.
    DialOutPolicy {
        /// Anywhere.
        Any = "ANY",
        /// Only to the organizer's own country.
        SameCountry = "SAME_COUNTRY",
        /// Only to countries of Zone A.
        ZoneA = "ZONE_A",
        /// Nowhere.
        None = "NONE",
    }
}

symbols! {
    /// What a lot of credit came from.
    LotKind {
        /// Bought.
        Purchase = "PURCHASE",
        /// Bought automatically.
        Recharge = "RECHARGE",
        /// Given.
        Promotion = "PROMOTION",
        /// Given back.
        Refund = "REFUND",
    }
}

symbols! {
    /// Why credit was corrected.
    AdjustmentReason {
        /// Money given back.
        Refund = "REFUND",
        /// A courtesy.
        Goodwill = "GOODWILL",
        /// The payer's bank took the money back.
        Chargeback = "CHARGEBACK",
        /// A mistake put right.
        Correction = "CORRECTION",
    }
}

/// A leg was answered. Numbers are as they came; [`super::PhoneNumber::parse`] judges them.
#[derive(Clone, PartialEq)]
pub struct CallStarted<'a> {
    /// The leg.
    pub call_id: Text<'a>,
    /// The meeting it belongs to.
    pub conference_id: Option<Text<'a>>,
    /// When it was answered: minute 1 begins here.
    pub answered_at: Moment,
    /// How it connects.
    pub leg: LegKind,
    /// Our number.
    pub bridge_number: Option<Text<'a>>,
    /// Their number.
    pub remote_number: Option<Text<'a>>,
    /// The user whose meeting it is.
    pub organizer_id: Text<'a>,
    /// The organizer's country.
    pub organizer_country: Country,
    /// The organizer's licence.
    pub license: License,
    /// The organizer's own policy, before the tenant's.
    pub dial_out_policy: Option<DialOutPolicy>,
    /// Never charged, never refused, never cut.
    pub emergency: bool,
}

impl std::fmt::Debug for CallStarted<'_> {
    /// Without the numbers: they are personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallStarted")
            .field("call_id", &self.call_id)
            .field("answered_at", &self.answered_at)
            .field("leg", &self.leg)
            .field("license", &self.license)
            .field("emergency", &self.emergency)
            .finish_non_exhaustive()
    }
}

/// `minute` full minutes have passed since the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct CallMinuteTick<'a> {
    /// The leg.
    pub call_id: Text<'a>,
    /// Full minutes since the answer, absolute.
    pub minute: i32,
}

/// A leg ended.
#[derive(Clone, Debug, PartialEq)]
pub struct CallEnded<'a> {
    /// The leg.
    pub call_id: Text<'a>,
    /// Whole seconds connected, rounded up.
    pub duration_seconds: i32,
    /// Why, in the platform's words.
    pub cause: Option<Text<'a>>,
}

/// Credit was bought or given.
#[derive(Clone, Debug, PartialEq)]
pub struct CreditGranted<'a> {
    /// What makes it idempotent.
    pub payment_id: Text<'a>,
    /// How much; above zero.
    pub amount: Money,
    /// Of which currency.
    pub currency: Currency,
    /// What it came from.
    pub kind: LotKind,
    /// When it expires; 12 calendar months after the grant if absent.
    pub expires_at: Option<Moment>,
    /// The recharge it answers.
    pub request_id: Option<Text<'a>>,
}

/// Credit was corrected.
#[derive(Clone, Debug, PartialEq)]
pub struct CreditAdjusted<'a> {
    /// What makes it idempotent.
    pub adjustment_id: Text<'a>,
    /// How much, signed; not zero.
    pub amount: Money,
    /// Of which currency.
    pub currency: Currency,
    /// Why.
    pub reason: AdjustmentReason,
}

/// A requested recharge could not be collected.
#[derive(Clone, Debug, PartialEq)]
pub struct RechargeFailed<'a> {
    /// The request.
    pub request_id: Text<'a>,
    /// Why, in the payment system's words.
    pub reason: Option<Text<'a>>,
}

/// A record of the input as it came, kept while its event is parked and handed back if it is rejected.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawRecord {
    /// Its offset in the input partition.
    pub offset: i64,
    /// Its Kafka timestamp.
    pub timestamp: Moment,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub payload: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl RawRecord {
    /// The bytes of its key, value and headers.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| name.len() + length(value))
            .sum();
        length(&self.key) + length(&self.payload) + headers
    }
}

impl std::fmt::Debug for RawRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RawRecord {{ offset: {} }}", self.offset)
    }
}
