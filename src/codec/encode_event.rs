//! Events and rate-card parts to bytes: the fields of each record in the order of its schema.

use super::datum::Datum;
use super::framing::CONFLUENT;
use super::schemas::{RecordType, builtin};
use crate::domain::{
    Body, CallEnded, CallStarted, CreditAdjusted, CreditGranted, Event, RateCardPart,
    RechargeFailed, TenantConfig,
};

/// Appends an event in Avro single-object encoding.
pub fn encode_event(event: &Event<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&builtin(record_type(&event.body)).header());
    write_event(event, &mut Datum(out));
}

/// Appends an event in Confluent framing with this schema id, which must stand for the built-in schema of
/// the event's record.
pub fn encode_event_confluent(event: &Event<'_>, schema_id: u32, out: &mut Vec<u8>) {
    out.push(CONFLUENT);
    out.extend_from_slice(&schema_id.to_be_bytes());
    write_event(event, &mut Datum(out));
}

/// Appends a part of a rate card in Avro single-object encoding.
pub fn encode_card_part(part: &RateCardPart, out: &mut Vec<u8>) {
    out.extend_from_slice(&builtin(RecordType::RateCardPart).header());
    let datum = &mut Datum(out);
    datum.text(&part.card_id);
    datum.long(part.version);
    datum.text(part.currency.as_str());
    datum.int(part.part);
    datum.int(part.parts);
    datum.int(part.row_count);
    datum.bytes(&part.sha256);
    datum.bytes(&part.rows);
}

fn record_type(body: &Body<'_>) -> RecordType {
    match body {
        Body::CallStarted(_) => RecordType::CallStarted,
        Body::CallMinuteTick(_) => RecordType::CallMinuteTick,
        Body::CallEnded(_) => RecordType::CallEnded,
        Body::CreditGranted(_) => RecordType::CreditGranted,
        Body::CreditAdjusted(_) => RecordType::CreditAdjusted,
        Body::RechargeFailed(_) => RecordType::RechargeFailed,
        Body::TenantConfigured(_) => RecordType::TenantConfigured,
    }
}

fn write_event(event: &Event<'_>, datum: &mut Datum<'_>) {
    datum.text(&event.event_id);
    datum.text(&event.tenant_id);
    datum.moment(event.occurred_at);
    match &event.body {
        Body::CallStarted(start) => call_started(start, datum),
        Body::CallMinuteTick(tick) => {
            datum.text(&tick.call_id);
            datum.int(tick.minute);
        }
        Body::CallEnded(end) => call_ended(end, datum),
        Body::CreditGranted(grant) => credit_granted(grant, datum),
        Body::CreditAdjusted(adjustment) => credit_adjusted(adjustment, datum),
        Body::RechargeFailed(failure) => recharge_failed(failure, datum),
        Body::TenantConfigured(config) => tenant_configured(config, datum),
    }
}

fn call_started(start: &CallStarted<'_>, datum: &mut Datum<'_>) {
    datum.text(&start.call_id);
    datum.optional(start.conference_id.as_deref(), Datum::text);
    datum.moment(start.answered_at);
    datum.symbol(start.leg);
    datum.optional(start.bridge_number.as_deref(), Datum::text);
    datum.optional(start.remote_number.as_deref(), Datum::text);
    datum.text(&start.organizer_id);
    datum.text(start.organizer_country.as_str());
    datum.symbol(start.license);
    datum.optional(start.dial_out_policy, Datum::symbol);
    datum.boolean(start.emergency);
}

fn call_ended(end: &CallEnded<'_>, datum: &mut Datum<'_>) {
    datum.text(&end.call_id);
    datum.int(end.duration_seconds);
    datum.optional(end.cause.as_deref(), Datum::text);
}

fn credit_granted(grant: &CreditGranted<'_>, datum: &mut Datum<'_>) {
    datum.text(&grant.payment_id);
    datum.money(grant.amount);
    datum.text(grant.currency.as_str());
    datum.symbol(grant.kind);
    datum.optional(grant.expires_at, Datum::moment);
    datum.optional(grant.request_id.as_deref(), Datum::text);
}

fn credit_adjusted(adjustment: &CreditAdjusted<'_>, datum: &mut Datum<'_>) {
    datum.text(&adjustment.adjustment_id);
    datum.money(adjustment.amount);
    datum.text(adjustment.currency.as_str());
    datum.symbol(adjustment.reason);
}

fn recharge_failed(failure: &RechargeFailed<'_>, datum: &mut Datum<'_>) {
    datum.text(&failure.request_id);
    datum.optional(failure.reason.as_deref(), Datum::text);
}

fn tenant_configured(config: &TenantConfig, datum: &mut Datum<'_>) {
    datum.long(config.version);
    datum.symbol(config.status);
    datum.text(config.currency.as_str());
    datum.text(config.country.as_str());
    datum.text(&config.rate_card);
    datum.symbol(config.billing_mode);
    datum.money(config.overdraft_limit);
    datum.int(config.subscription_licenses);
    datum.symbol(config.dial_out_policy);
    datum.optional(config.zone_a.as_ref(), |datum, codes| {
        datum.array(codes, |datum, code| datum.text(code.as_str()));
    });
    datum.symbol(config.cut_scope);
    datum.int(config.hold_ahead_minutes);
    datum.array(&config.low_credit, |datum, threshold| {
        datum.symbol(threshold.kind);
        datum.money(threshold.value);
    });
    datum.optional(config.auto_recharge, |datum, recharge| {
        datum.money(recharge.trigger);
        datum.money(recharge.amount);
        datum.money(recharge.daily_cap);
    });
    datum.optional(config.limits.spend_per_day, Datum::money);
    datum.optional(config.limits.live_calls, Datum::int);
    datum.optional(config.limits.call_minutes, Datum::int);
    datum.optional(config.limits.debt, Datum::money);
    datum.optional(config.mask_digits, Datum::int);
}
