//! Events as Avro datums: one struct a record, its texts borrowed, and what it means.

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::framing::read_as;
use super::plain_tick::plain_tick;
use super::rejection::{invalid, undecodable};
use super::schemas::{RecordType, Writer};
use crate::domain::{
    self, Body, Country, Currency, Event, Moment, Money, MoneyError, Rejected, TenantConfig,
};

/// Reads the datum of an event by its writer's schema.
pub(super) fn read_event<'a>(writer: &Writer, datum: &'a [u8]) -> Result<Event<'a>, Rejected> {
    plain_tick(writer, datum).map_or_else(|| read_whatever(writer, datum), Ok)
}

/// The same without the short way of [`plain_tick`].
pub(super) fn read_whatever<'a>(writer: &Writer, datum: &'a [u8]) -> Result<Event<'a>, Rejected> {
    match writer.record {
        RecordType::CallMinuteTick => read::<CallMinuteTick<'a>>(writer, datum),
        RecordType::CallStarted => read::<CallStarted<'a>>(writer, datum),
        RecordType::CallEnded => read::<CallEnded<'a>>(writer, datum),
        RecordType::CreditGranted => read::<CreditGranted<'a>>(writer, datum),
        RecordType::CreditAdjusted => read::<CreditAdjusted<'a>>(writer, datum),
        RecordType::RechargeFailed => read::<RechargeFailed<'a>>(writer, datum),
        RecordType::TenantConfigured => read::<TenantConfigured<'a>>(writer, datum),
        other => Err(undecodable(format!("a {other:?} is no event"))),
    }
}

fn read<'a, T: Meaning<'a>>(writer: &Writer, datum: &'a [u8]) -> Result<Event<'a>, Rejected> {
    read_as::<T>(&writer.schema, datum)
        .map_err(|what| undecodable(format!("{:?}: {what}", writer.record)))?
        .into_event()
}

/// A datum that means an event, if its values make sense.
trait Meaning<'a>: Deserialize<'a> {
    fn into_event(self) -> Result<Event<'a>, Rejected>;
}

#[derive(Deserialize)]
struct CallStarted<'a> {
    event_id: &'a str,
    tenant_id: &'a str,
    occurred_at: i64,
    call_id: &'a str,
    #[serde(default)]
    conference_id: Option<&'a str>,
    answered_at: i64,
    leg: domain::LegKind,
    #[serde(default)]
    bridge_number: Option<&'a str>,
    #[serde(default)]
    remote_number: Option<&'a str>,
    organizer_id: &'a str,
    organizer_country: &'a str,
    license: domain::License,
    #[serde(default)]
    dial_out_policy: Option<domain::DialOutPolicy>,
    #[serde(default)]
    emergency: bool,
}

impl<'a> Meaning<'a> for CallStarted<'a> {
    fn into_event(self) -> Result<Event<'a>, Rejected> {
        let body = Body::CallStarted(domain::CallStarted {
            call_id: self.call_id.into(),
            conference_id: self.conference_id.map(Into::into),
            answered_at: moment("answered_at", self.answered_at)?,
            leg: self.leg,
            bridge_number: self.bridge_number.map(Into::into),
            remote_number: self.remote_number.map(Into::into),
            organizer_id: self.organizer_id.into(),
            organizer_country: country("organizer_country", self.organizer_country)?,
            license: self.license,
            dial_out_policy: self.dial_out_policy,
            emergency: self.emergency,
        });
        event(self.event_id, self.tenant_id, self.occurred_at, body)
    }
}

#[derive(Deserialize)]
struct CallMinuteTick<'a> {
    event_id: &'a str,
    tenant_id: &'a str,
    occurred_at: i64,
    call_id: &'a str,
    minute: i32,
}

impl<'a> Meaning<'a> for CallMinuteTick<'a> {
    fn into_event(self) -> Result<Event<'a>, Rejected> {
        let body = Body::CallMinuteTick(domain::CallMinuteTick {
            call_id: self.call_id.into(),
            minute: self.minute,
        });
        event(self.event_id, self.tenant_id, self.occurred_at, body)
    }
}

#[derive(Deserialize)]
struct CallEnded<'a> {
    event_id: &'a str,
    tenant_id: &'a str,
    occurred_at: i64,
    call_id: &'a str,
    duration_seconds: i32,
    #[serde(default)]
    cause: Option<&'a str>,
}

impl<'a> Meaning<'a> for CallEnded<'a> {
    fn into_event(self) -> Result<Event<'a>, Rejected> {
        let body = Body::CallEnded(domain::CallEnded {
            call_id: self.call_id.into(),
            duration_seconds: self.duration_seconds,
            cause: self.cause.map(Into::into),
        });
        event(self.event_id, self.tenant_id, self.occurred_at, body)
    }
}

#[derive(Deserialize)]
struct CreditGranted<'a> {
    event_id: &'a str,
    tenant_id: &'a str,
    occurred_at: i64,
    payment_id: &'a str,
    amount: Amount,
    currency: &'a str,
    kind: domain::LotKind,
    #[serde(default)]
    expires_at: Option<i64>,
    #[serde(default)]
    request_id: Option<&'a str>,
}

impl<'a> Meaning<'a> for CreditGranted<'a> {
    fn into_event(self) -> Result<Event<'a>, Rejected> {
        let expires_at = self.expires_at.map(|at| moment("expires_at", at));
        let body = Body::CreditGranted(domain::CreditGranted {
            payment_id: self.payment_id.into(),
            amount: self.amount.checked("amount")?,
            currency: currency(self.currency)?,
            kind: self.kind,
            expires_at: expires_at.transpose()?,
            request_id: self.request_id.map(Into::into),
        });
        event(self.event_id, self.tenant_id, self.occurred_at, body)
    }
}

#[derive(Deserialize)]
struct CreditAdjusted<'a> {
    event_id: &'a str,
    tenant_id: &'a str,
    occurred_at: i64,
    adjustment_id: &'a str,
    amount: Amount,
    currency: &'a str,
    reason: domain::AdjustmentReason,
}

impl<'a> Meaning<'a> for CreditAdjusted<'a> {
    fn into_event(self) -> Result<Event<'a>, Rejected> {
        let body = Body::CreditAdjusted(domain::CreditAdjusted {
            adjustment_id: self.adjustment_id.into(),
            amount: self.amount.checked("amount")?,
            currency: currency(self.currency)?,
            reason: self.reason,
        });
        event(self.event_id, self.tenant_id, self.occurred_at, body)
    }
}

#[derive(Deserialize)]
struct RechargeFailed<'a> {
    event_id: &'a str,
    tenant_id: &'a str,
    occurred_at: i64,
    request_id: &'a str,
    #[serde(default)]
    reason: Option<&'a str>,
}

impl<'a> Meaning<'a> for RechargeFailed<'a> {
    fn into_event(self) -> Result<Event<'a>, Rejected> {
        let body = Body::RechargeFailed(domain::RechargeFailed {
            request_id: self.request_id.into(),
            reason: self.reason.map(Into::into),
        });
        event(self.event_id, self.tenant_id, self.occurred_at, body)
    }
}

#[derive(Deserialize)]
struct TenantConfigured<'a> {
    event_id: &'a str,
    tenant_id: &'a str,
    occurred_at: i64,
    version: i64,
    status: domain::TenantStatus,
    currency: &'a str,
    country: &'a str,
    rate_card: &'a str,
    billing_mode: domain::BillingMode,
    #[serde(default)]
    overdraft_limit: Amount,
    #[serde(default)]
    subscription_licenses: i32,
    #[serde(default = "any_policy")]
    dial_out_policy: domain::DialOutPolicy,
    #[serde(default, borrow)]
    zone_a: Option<Vec<&'a str>>,
    #[serde(default = "all_chargeable")]
    cut_scope: domain::CutScope,
    #[serde(default = "one")]
    hold_ahead_minutes: i32,
    #[serde(default)]
    low_credit: Vec<Threshold>,
    #[serde(default)]
    auto_recharge: Option<AutoRecharge>,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    mask_digits: Option<i32>,
}

#[derive(Deserialize)]
struct Threshold {
    kind: domain::ThresholdKind,
    value: Amount,
}

#[derive(Deserialize)]
struct AutoRecharge {
    trigger: Amount,
    amount: Amount,
    daily_cap: Amount,
}

#[derive(Default, Deserialize)]
struct Limits {
    #[serde(default)]
    spend_per_day: Option<Amount>,
    #[serde(default)]
    live_calls: Option<i32>,
    #[serde(default)]
    call_minutes: Option<i32>,
    #[serde(default)]
    debt: Option<Amount>,
}

fn any_policy() -> domain::DialOutPolicy {
    domain::DialOutPolicy::Any
}

fn all_chargeable() -> domain::CutScope {
    domain::CutScope::AllChargeable
}

fn one() -> i32 {
    1
}

impl<'a> Meaning<'a> for TenantConfigured<'a> {
    fn into_event(self) -> Result<Event<'a>, Rejected> {
        let zone_a = self.zone_a.map(|codes| {
            let codes = codes.into_iter().map(|code| country("zone_a", code));
            codes.collect::<Result<Vec<_>, _>>()
        });
        let low_credit = self.low_credit.into_iter().map(Threshold::meaning);
        let config = TenantConfig {
            version: self.version,
            status: self.status,
            currency: currency(self.currency)?,
            country: country("country", self.country)?,
            rate_card: self.rate_card.to_owned(),
            billing_mode: self.billing_mode,
            overdraft_limit: self.overdraft_limit.checked("overdraft_limit")?,
            subscription_licenses: self.subscription_licenses,
            dial_out_policy: self.dial_out_policy,
            zone_a: zone_a.transpose()?,
            cut_scope: self.cut_scope,
            hold_ahead_minutes: self.hold_ahead_minutes,
            low_credit: low_credit.collect::<Result<_, _>>()?,
            auto_recharge: self.auto_recharge.map(AutoRecharge::meaning).transpose()?,
            limits: self.limits.meaning()?,
            mask_digits: self.mask_digits,
        };
        let body = Body::TenantConfigured(Box::new(config));
        event(self.event_id, self.tenant_id, self.occurred_at, body)
    }
}

impl Threshold {
    fn meaning(self) -> Result<domain::Threshold, Rejected> {
        Ok(domain::Threshold {
            kind: self.kind,
            value: self.value.checked("low_credit.value")?,
        })
    }
}

impl AutoRecharge {
    fn meaning(self) -> Result<domain::AutoRecharge, Rejected> {
        Ok(domain::AutoRecharge {
            trigger: self.trigger.checked("auto_recharge.trigger")?,
            amount: self.amount.checked("auto_recharge.amount")?,
            daily_cap: self.daily_cap.checked("auto_recharge.daily_cap")?,
        })
    }
}

impl Limits {
    fn meaning(self) -> Result<domain::Limits, Rejected> {
        let money = |name, amount: Option<Amount>| amount.map(|a| a.checked(name)).transpose();
        Ok(domain::Limits {
            spend_per_day: money("limits.spend_per_day", self.spend_per_day)?,
            live_calls: self.live_calls,
            call_minutes: self.call_minutes,
            debt: money("limits.debt", self.debt)?,
        })
    }
}

fn event<'a>(
    event_id: &'a str,
    tenant_id: &'a str,
    occurred_at: i64,
    body: Body<'a>,
) -> Result<Event<'a>, Rejected> {
    Ok(Event {
        event_id: event_id.into(),
        tenant_id: tenant_id.into(),
        occurred_at: moment("occurred_at", occurred_at)?,
        body,
    })
}

fn moment(field: &str, millis: i64) -> Result<Moment, Rejected> {
    Moment::checked_from_millis(millis).map_err(|why| invalid(format!("field `{field}`: {why}")))
}

fn currency(code: &str) -> Result<Currency, Rejected> {
    Currency::parse(code)
        .ok_or_else(|| invalid("field `currency`: not a code of three capital letters"))
}

fn country(field: &str, code: &str) -> Result<Country, Rejected> {
    Country::parse(code).ok_or_else(|| {
        invalid(format!(
            "field `{field}`: not a code of two capital letters"
        ))
    })
}

/// A decimal of the datum: money, if it fits.
struct Amount(Result<Money, MoneyError>);

impl Amount {
    fn checked(self, field: &str) -> Result<Money, Rejected> {
        self.0
            .map_err(|why| invalid(format!("field `{field}`: {why}")))
    }
}

impl Default for Amount {
    fn default() -> Self {
        Amount(Ok(Money::ZERO))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(DecimalText).map(Amount)
    }
}

/// The reader hands a decimal over as plain text.
pub(super) struct DecimalText;

impl Visitor<'_> for DecimalText {
    type Value = Result<Money, MoneyError>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a decimal")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Money::parse(text))
    }
}
