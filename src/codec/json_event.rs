//! Events in the JSON form: one object, `type` names the record; fields that are not ours are ignored.

use serde_json::Value;

use super::json_fields::Fields;
use super::rejection::undecodable;
use super::schemas::RecordType;
use crate::domain::{
    AutoRecharge, Body, CallEnded, CallMinuteTick, CallStarted, CreditAdjusted, CreditGranted,
    CutScope, DialOutPolicy, Event, Limits, Moment, Money, RechargeFailed, Rejected, TenantConfig,
    Threshold,
};

/// A line in the JSON form.
#[derive(Debug)]
pub struct Line {
    /// The Kafka timestamp it asks for: `at`, else `occurred_at`; there even where the event is rejected,
    /// if it can be read.
    pub timestamp: Option<Moment>,
    /// The event, or why it is none.
    pub event: Result<Event<'static>, Rejected>,
}

/// Reads a line in the JSON form.
#[must_use]
pub fn parse_line(line: &str) -> Line {
    let value: Value = match serde_json::from_str(line) {
        Ok(value) => value,
        Err(error) => return Line::unreadable(not_json(&error)),
    };
    let Some(map) = value.as_object() else {
        return Line::unreadable(undecodable("expected a JSON object"));
    };
    let fields = Fields::new(map);
    let at = fields.optional::<Moment>("at");
    let occurred_at = fields.optional::<Moment>("occurred_at");
    let timestamp = match (&at, &occurred_at) {
        (Ok(Some(moment)), _) | (Ok(None), Ok(Some(moment))) => Some(*moment),
        _ => None,
    };
    Line {
        timestamp,
        event: at.and_then(|_| event(&fields)),
    }
}

impl Line {
    fn unreadable(rejected: Rejected) -> Self {
        Line {
            timestamp: None,
            event: Err(rejected),
        }
    }
}

/// Reads the payload of a record; its `at` is ignored, the record has a timestamp of its own.
pub(super) fn read_json(payload: &[u8]) -> Result<Event<'static>, Rejected> {
    let value: Value = serde_json::from_slice(payload).map_err(|error| not_json(&error))?;
    let map = value
        .as_object()
        .ok_or_else(|| undecodable("expected a JSON object"))?;
    event(&Fields::new(map))
}

/// Where the syntax is wrong; the parser's own words could repeat a value.
fn not_json(error: &serde_json::Error) -> Rejected {
    let (line, column) = (error.line(), error.column());
    undecodable(format!("not JSON: at line {line}, column {column}"))
}

fn event(fields: &Fields<'_>) -> Result<Event<'static>, Rejected> {
    let body: fn(&Fields<'_>) -> Result<Body<'static>, Rejected> = match fields.required("type")? {
        RecordType::CallStarted => call_started,
        RecordType::CallMinuteTick => call_minute_tick,
        RecordType::CallEnded => call_ended,
        RecordType::CreditGranted => credit_granted,
        RecordType::CreditAdjusted => credit_adjusted,
        RecordType::RechargeFailed => recharge_failed,
        RecordType::TenantConfigured => tenant_configured,
        other => return Err(undecodable(format!("a {other:?} is no event"))),
    };
    Ok(Event {
        event_id: fields.required::<String>("event_id")?.into(),
        tenant_id: fields.required::<String>("tenant_id")?.into(),
        occurred_at: fields.required("occurred_at")?,
        body: body(fields)?,
    })
}

fn call_started(fields: &Fields<'_>) -> Result<Body<'static>, Rejected> {
    Ok(Body::CallStarted(CallStarted {
        call_id: fields.required::<String>("call_id")?.into(),
        conference_id: fields.optional::<String>("conference_id")?.map(Into::into),
        answered_at: fields.required("answered_at")?,
        leg: fields.required("leg")?,
        bridge_number: fields.optional::<String>("bridge_number")?.map(Into::into),
        remote_number: fields.optional::<String>("remote_number")?.map(Into::into),
        organizer_id: fields.required::<String>("organizer_id")?.into(),
        organizer_country: fields.required("organizer_country")?,
        license: fields.required("license")?,
        dial_out_policy: fields.optional("dial_out_policy")?,
        emergency: fields.optional("emergency")?.unwrap_or(false),
    }))
}

fn call_minute_tick(fields: &Fields<'_>) -> Result<Body<'static>, Rejected> {
    Ok(Body::CallMinuteTick(CallMinuteTick {
        call_id: fields.required::<String>("call_id")?.into(),
        minute: fields.required("minute")?,
    }))
}

fn call_ended(fields: &Fields<'_>) -> Result<Body<'static>, Rejected> {
    Ok(Body::CallEnded(CallEnded {
        call_id: fields.required::<String>("call_id")?.into(),
        duration_seconds: fields.required("duration_seconds")?,
        cause: fields.optional::<String>("cause")?.map(Into::into),
    }))
}

fn credit_granted(fields: &Fields<'_>) -> Result<Body<'static>, Rejected> {
    Ok(Body::CreditGranted(CreditGranted {
        payment_id: fields.required::<String>("payment_id")?.into(),
        amount: fields.required("amount")?,
        currency: fields.required("currency")?,
        kind: fields.required("kind")?,
        expires_at: fields.optional("expires_at")?,
        request_id: fields.optional::<String>("request_id")?.map(Into::into),
    }))
}

fn credit_adjusted(fields: &Fields<'_>) -> Result<Body<'static>, Rejected> {
    Ok(Body::CreditAdjusted(CreditAdjusted {
        adjustment_id: fields.required::<String>("adjustment_id")?.into(),
        amount: fields.required("amount")?,
        currency: fields.required("currency")?,
        reason: fields.required("reason")?,
    }))
}

fn recharge_failed(fields: &Fields<'_>) -> Result<Body<'static>, Rejected> {
    Ok(Body::RechargeFailed(RechargeFailed {
        request_id: fields.required::<String>("request_id")?.into(),
        reason: fields.optional::<String>("reason")?.map(Into::into),
    }))
}

fn tenant_configured(fields: &Fields<'_>) -> Result<Body<'static>, Rejected> {
    let zone_a = fields.items("zone_a")?.map(|codes| {
        let codes = codes.iter().map(|code| fields.read("zone_a", code));
        codes.collect::<Result<Vec<_>, _>>()
    });
    let low_credit = fields.items("low_credit")?.unwrap_or_default();
    let auto_recharge = fields.value("auto_recharge").map(auto_recharge);
    let limits = fields.value("limits").map(limits);
    Ok(Body::TenantConfigured(Box::new(TenantConfig {
        version: fields.required("version")?,
        status: fields.required("status")?,
        currency: fields.required("currency")?,
        country: fields.required("country")?,
        rate_card: fields.required("rate_card")?,
        billing_mode: fields.required("billing_mode")?,
        overdraft_limit: fields.optional("overdraft_limit")?.unwrap_or(Money::ZERO),
        subscription_licenses: fields.optional("subscription_licenses")?.unwrap_or(0),
        dial_out_policy: fields
            .optional("dial_out_policy")?
            .unwrap_or(DialOutPolicy::Any),
        zone_a: zone_a.transpose()?,
        cut_scope: fields
            .optional("cut_scope")?
            .unwrap_or(CutScope::AllChargeable),
        hold_ahead_minutes: fields.optional("hold_ahead_minutes")?.unwrap_or(1),
        low_credit: low_credit.iter().map(threshold).collect::<Result<_, _>>()?,
        auto_recharge: auto_recharge.transpose()?,
        limits: limits.transpose()?.unwrap_or_default(),
        mask_digits: fields.optional("mask_digits")?,
    })))
}

fn threshold(value: &Value) -> Result<Threshold, Rejected> {
    let fields = Fields::within(value, "low_credit.")?;
    Ok(Threshold {
        kind: fields.required("kind")?,
        value: fields.required("value")?,
    })
}

fn auto_recharge(value: &Value) -> Result<AutoRecharge, Rejected> {
    let fields = Fields::within(value, "auto_recharge.")?;
    Ok(AutoRecharge {
        trigger: fields.required("trigger")?,
        amount: fields.required("amount")?,
        daily_cap: fields.required("daily_cap")?,
    })
}

fn limits(value: &Value) -> Result<Limits, Rejected> {
    let fields = Fields::within(value, "limits.")?;
    Ok(Limits {
        spend_per_day: fields.optional("spend_per_day")?,
        live_calls: fields.optional("live_calls")?,
        call_minutes: fields.optional("call_minutes")?,
        debt: fields.optional("debt")?,
    })
}
