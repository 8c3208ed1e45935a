//! The orders about a call: refused, to be cut, not to be cut after all.

use super::call::{Call, Cut, Phase};
use super::{CUT_REPEATS, Occasion, Outcome};
use crate::domain::{CallOrder, CallOrderKind, Moment, OrderReason, Record};
use crate::wallet::Tenant;

impl Call {
    /// The orders that follow from how far the call could be covered.
    pub(super) fn judge(
        &mut self,
        shortage: Option<OrderReason>,
        ignored: bool,
        tenant: &Tenant,
        on: &Occasion<'_>,
        out: &mut Outcome,
    ) {
        let Some(reason) = shortage else {
            self.state.refusal = None;
            if let Some(cut) = self.state.cut.take() {
                self.order(
                    CallOrderKind::CutOffCancelled,
                    None,
                    cut.reason,
                    tenant,
                    on,
                    out,
                );
            }
            return;
        };
        let reason = self.state.refusal.unwrap_or(reason);
        let coverage = self.coverage();
        let beyond_proof = coverage > self.fixed.leg.minute_start(self.state.proved + 1)
            && reason != OrderReason::Closed;
        match self.state.cut {
            Some(cut) if ignored && !beyond_proof => self.repeat_cut(cut, reason, tenant, on, out),
            Some(cut) if !ignored && coverage <= cut.at => {}
            before => {
                let repeats = before.map_or(0, |cut| cut.repeats);
                let reported = before.is_some_and(|cut| cut.reported);
                let cut = Cut {
                    at: coverage,
                    reason,
                    repeats,
                    reported,
                };
                self.cut_off(cut, tenant, on, out);
            }
        }
    }

    fn repeat_cut(
        &mut self,
        cut: Cut,
        reason: OrderReason,
        tenant: &Tenant,
        on: &Occasion<'_>,
        out: &mut Outcome,
    ) {
        if cut.repeats < CUT_REPEATS {
            let cut = Cut {
                at: on.now,
                reason,
                repeats: cut.repeats + 1,
                ..cut
            };
            self.cut_off(cut, tenant, on, out);
        } else if !cut.reported {
            self.state.cut = Some(Cut {
                reported: true,
                ..cut
            });
            out.discrepancy(
                self.id(),
                "CUT_IGNORED",
                "the leg goes on after its cut was repeated",
            );
        }
    }

    /// Orders the call cut and remembers it.
    pub(super) fn cut_off(
        &mut self,
        cut: Cut,
        tenant: &Tenant,
        on: &Occasion<'_>,
        out: &mut Outcome,
    ) {
        self.state.cut = Some(cut);
        self.order(
            CallOrderKind::CutOff,
            Some(cut.at),
            cut.reason,
            tenant,
            on,
            out,
        );
    }

    /// Cuts a live call now because its tenant was closed; emergency legs are never cut.
    pub fn cut_for_closing(&mut self, tenant: &Tenant, on: &Occasion<'_>, out: &mut Outcome) {
        if self.fixed.leg.emergency || self.state.refusal.is_some() {
            return;
        }
        // A cut does not cover: what was repeated since the call was last covered still counts.
        let before = self.state.cut;
        let repeats = before.map_or(0, |cut| cut.repeats);
        let reported = before.is_some_and(|cut| cut.reported);
        let cut = Cut {
            at: on.now,
            reason: OrderReason::Closed,
            repeats,
            reported,
        };
        self.cut_off(cut, tenant, on, out);
    }

    /// Refuses it: the platform is to hang up now.
    pub(super) fn refuse(
        &mut self,
        reason: OrderReason,
        tenant: &Tenant,
        on: &Occasion<'_>,
        out: &mut Outcome,
    ) {
        self.state.phase = Phase::Refused;
        self.state.refusal = Some(reason);
        self.state.refused_once = true;
        self.state.cut = Some(Cut {
            at: on.now,
            reason,
            repeats: 0,
            reported: false,
        });
        self.order(CallOrderKind::CallRefused, None, reason, tenant, on, out);
    }

    fn order(
        &mut self,
        kind: CallOrderKind,
        cut_at: Option<Moment>,
        reason: OrderReason,
        tenant: &Tenant,
        on: &Occasion<'_>,
        out: &mut Outcome,
    ) {
        self.state.order_sequence += 1;
        let description = &self.fixed.leg.description;
        out.orders.push(Record::CallOrder(Box::new(CallOrder {
            tenant_id: tenant.id.clone(),
            call_id: description.call_id.clone(),
            conference_id: description.conference_id.clone(),
            organizer_id: description.organizer_id.clone(),
            leg: Some(description.leg),
            order_sequence: self.state.order_sequence,
            kind,
            cut_at,
            reason,
            occurred_at: on.occurred_at,
            issued_at: on.now,
            source: on.source,
        })));
    }
}
