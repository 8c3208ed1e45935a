//! A call after its end: what a late end or tick may still need, and no personal data but the number.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::call::{Call, CallFixed, CallState, Phase};
use super::leg::{Leg, Meter};
use super::{END_TOLERANCE_SECONDS, Occasion, Outcome};
use crate::domain::{CallDescription, Country, LegKind, License, Moment, Money, PhoneNumber};
use crate::rates::Increments;
use crate::wallet::Tenant;

/// A call that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of one call"
)]
pub struct Packed {
    /// Slot of its tenant.
    pub tenant: u32,
    /// Hash of tenant and call id.
    pub key: u128,
    /// Hash of the start's content.
    pub content: u64,
    /// When it was last closed.
    pub closed_at: Moment,
    durations: SmallVec<[i32; 1]>,
    answered_at: Moment,
    leg: LegKind,
    license: License,
    number: Option<PhoneNumber>,
    card: Option<Arc<str>>,
    prefix: Option<Arc<str>>,
    country: Option<Country>,
    fee: Option<Money>,
    increments: Increments,
    charged: bool,
    pool_first: bool,
    emergency: bool,
    unrated: bool,
    refused_once: bool,
    proved: u32,
    order_sequence: i32,
    adjustments: u32,
    meter: Meter,
}

impl Packed {
    /// Packs a call that has just ended after so many seconds.
    #[must_use]
    pub fn new(call: Call, key: u128, duration_s: i32) -> Self {
        let CallFixed {
            tenant,
            content,
            leg,
        } = call.fixed;
        let description = &leg.description;
        Packed {
            tenant,
            key,
            content,
            closed_at: call.state.closed_at,
            durations: SmallVec::from_slice(&[duration_s]),
            answered_at: leg.answered_at,
            leg: description.leg,
            license: description.license,
            number: leg.number,
            card: description.rate_card.clone(),
            prefix: description.prefix.clone(),
            country: description.country,
            fee: description.connection_fee,
            increments: leg.increments,
            charged: leg.charged,
            pool_first: leg.pool_first,
            emergency: leg.emergency,
            unrated: description.unrated,
            refused_once: call.state.refused_once,
            proved: call.state.proved,
            order_sequence: call.state.order_sequence,
            adjustments: call.state.adjustments,
            meter: call.state.meter,
        }
    }

    /// Debited so far.
    #[must_use]
    pub fn total(&self) -> Money {
        self.meter.total
    }

    /// Another end. One with a duration already seen changes nothing; false then.
    pub fn end(
        &mut self,
        call_id: &str,
        duration_s: i32,
        tenant: &mut Tenant,
        on: &Occasion<'_>,
        out: &mut Outcome,
    ) -> bool {
        if self.durations.contains(&duration_s) {
            return false;
        }
        let mut call = self.unpack(call_id);
        call.end(duration_s, tenant, on, out);
        self.durations.push(duration_s);
        self.closed_at = call.state.closed_at;
        self.adjustments = call.state.adjustments;
        self.meter = call.state.meter;
        true
    }

    /// A tick after the end: worth a word, once for each higher minute, if it proves more.
    pub fn tick(&mut self, call_id: &Arc<str>, minute: u32, out: &mut Outcome) -> bool {
        if minute <= self.proved {
            return false;
        }
        let proved_s = i64::from(minute) * 60;
        let duration_s = self.durations.last().copied().unwrap_or(0);
        if proved_s - i64::from(duration_s) <= i64::from(END_TOLERANCE_SECONDS) {
            return false;
        }
        self.proved = minute;
        out.discrepancy(
            call_id,
            "TICK_AFTER_END",
            "a tick proves more than the end says",
        );
        true
    }

    /// The call as it was, with its descriptive fields gone.
    fn unpack(&self, call_id: &str) -> Call {
        let description = CallDescription {
            call_id: call_id.into(),
            conference_id: None,
            organizer_id: None,
            leg: self.leg,
            license: self.license,
            bridge_number: None,
            remote_number: None,
            rate_card: self.card.clone(),
            prefix: self.prefix.clone(),
            destination: None,
            country: self.country,
            connection_fee: self.fee,
            unrated: self.unrated,
        };
        let leg = Leg {
            description: Arc::new(description),
            answered_at: self.answered_at,
            // A call that ended has the price of minute 1 among its runs.
            first_price: None,
            number: self.number,
            increments: self.increments,
            charged: self.charged,
            pool_first: self.pool_first,
            emergency: self.emergency,
        };
        let fixed = CallFixed {
            tenant: self.tenant,
            content: self.content,
            leg,
        };
        let state = CallState {
            phase: Phase::Silent,
            proved: self.proved,
            covered_s: self.meter.settled_s,
            held: Money::ZERO,
            meter: self.meter.clone(),
            order_sequence: self.order_sequence,
            cut: None,
            refusal: None,
            refused_once: self.refused_once,
            final_published: true,
            adjustments: self.adjustments,
            closed_at: self.closed_at,
            burn: Money::ZERO,
        };
        Call::from_parts(fixed, state)
    }
}
