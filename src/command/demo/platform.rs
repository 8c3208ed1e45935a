//! A telephony platform as a value: it says what it publishes at a moment, and is told what it is
//! ordered to do.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::embedded::Heard;
use super::story::{Habits, Pays, TENANTS, euro, germany};
use crate::domain::{
    Body, CallEnded, CallMinuteTick, CallStarted, CreditGranted, Event, LegKind, License, LotKind,
    Moment, Money,
};

/// What the platform is going to do.
#[derive(Clone, Debug)]
enum Plan {
    Open(usize),
    PlaceCall(usize),
    Tick(String, i32),
    /// Hang up, if this is still what the call is to do.
    HangUp(String, u32),
    TopUp(usize),
}

struct Phone {
    tenant: usize,
    answered_at: Moment,
    /// When its people want to stop.
    wanted_until: Moment,
    /// Rises with every change of mind about when it ends.
    mind: u32,
}

/// The platform, and the payments of its tenants.
pub(super) struct Platform {
    plans: BTreeMap<(Moment, u64), Plan>,
    planned: u64,
    events: u64,
    phones: BTreeMap<String, Phone>,
    /// Calls placed by each tenant.
    placed: Vec<usize>,
    payments: Vec<u32>,
    paying: BTreeSet<usize>,
    started: BTreeSet<(String, String)>,
    closed: bool,
}

impl Platform {
    /// With everything still to come.
    pub(super) fn opening(now: Moment) -> Self {
        let mut platform = Platform {
            plans: BTreeMap::new(),
            planned: 0,
            events: 0,
            phones: BTreeMap::new(),
            placed: vec![0; TENANTS.len()],
            payments: vec![0; TENANTS.len()],
            paying: BTreeSet::new(),
            started: BTreeSet::new(),
            closed: false,
        };
        for (tenant, habits) in TENANTS.iter().enumerate() {
            platform.plan(now, Plan::Open(tenant));
            platform.plan(now, Plan::TopUp(tenant));
            platform.plan(now.plus_seconds(habits.first_call), Plan::PlaceCall(tenant));
        }
        platform
    }

    /// Tenant and id of every call that was placed.
    pub(super) fn started(&self) -> &BTreeSet<(String, String)> {
        &self.started
    }

    /// From now on nothing begins, and everybody hangs up.
    pub(super) fn close(&mut self, now: Moment) {
        self.closed = true;
        self.plans.clear();
        let calls: Vec<String> = self.phones.keys().cloned().collect();
        for call_id in calls {
            self.hang_up_at(&call_id, now);
        }
    }

    /// What is published until `now`.
    pub(super) fn due(&mut self, now: Moment) -> Vec<Event<'static>> {
        let mut events = Vec::new();
        while let Some(entry) = self.plans.first_entry()
            && entry.key().0 <= now
        {
            let ((at, _), plan) = entry.remove_entry();
            events.extend(self.carry_out(at, plan));
        }
        events
    }

    /// Obeys an order, and pays in where a tenant runs short.
    pub(super) fn hear(&mut self, record: &Heard, now: Moment) {
        let tenant = TENANTS
            .iter()
            .position(|habits| habits.tenant_id == record.tenant());
        let Some(tenant) = tenant else {
            return;
        };
        match record.kind() {
            "CUT_OFF" => {
                let cut_at = record.moment("cut_at").unwrap_or(now).max(now);
                self.hang_up_at(record.text("call_id"), cut_at);
                if let Pays::WhenCut(after) = TENANTS[tenant].pays {
                    self.pay_in(tenant, now.plus_seconds(after));
                }
            }
            "CUT_OFF_CANCELLED" => self.go_on(record.text("call_id")),
            "CALL_REFUSED" => self.hang_up_at(record.text("call_id"), now),
            "CREDIT_EXHAUSTED" => {
                if let Pays::WhenExhausted(after) = TENANTS[tenant].pays {
                    self.pay_in(tenant, now.plus_seconds(after));
                }
            }
            _ => {}
        }
    }

    fn carry_out(&mut self, at: Moment, plan: Plan) -> Option<Event<'static>> {
        match plan {
            Plan::Open(tenant) => {
                let body = Body::TenantConfigured(Box::new(TENANTS[tenant].configuration()));
                Some(self.event(tenant, at, body))
            }
            Plan::TopUp(tenant) => Some(self.top_up(tenant, at)),
            Plan::PlaceCall(tenant) => Some(self.place_call(tenant, at)),
            Plan::Tick(call_id, minute) => self.tick(call_id, minute, at),
            Plan::HangUp(call_id, mind) => self.hang_up(call_id, mind, at),
        }
    }

    fn top_up(&mut self, tenant: usize, at: Moment) -> Event<'static> {
        self.paying.remove(&tenant);
        self.payments[tenant] += 1;
        let habits = &TENANTS[tenant];
        let payment = self.payments[tenant];
        let amount = if payment == 1 {
            habits.credit
        } else {
            habits.top_up
        };
        let granted = CreditGranted {
            payment_id: Cow::Owned(format!("{}-{payment}", habits.tenant_id)),
            amount: Money::from_micros(amount),
            currency: euro(),
            kind: LotKind::Purchase,
            expires_at: None,
            request_id: None,
        };
        self.event(tenant, at, Body::CreditGranted(granted))
    }

    fn place_call(&mut self, tenant: usize, at: Moment) -> Event<'static> {
        let habits: &Habits = &TENANTS[tenant];
        let number = self.placed[tenant];
        self.placed[tenant] += 1;
        let call_id = format!("{}-{}", habits.tenant_id, number + 1);
        let length = habits.lengths[number % habits.lengths.len()];
        self.plan(at.plus_seconds(habits.every), Plan::PlaceCall(tenant));
        self.plan(at.plus_seconds(60), Plan::Tick(call_id.clone(), 1));
        let phone = Phone {
            tenant,
            answered_at: at,
            wanted_until: at.plus_seconds(length),
            mind: 0,
        };
        self.phones.insert(call_id.clone(), phone);
        self.hang_up_at(&call_id, at.plus_seconds(length));
        self.started
            .insert((habits.tenant_id.to_owned(), call_id.clone()));
        let (remote, _) = habits.calls[number % habits.calls.len()];
        let started = CallStarted {
            conference_id: Some(Cow::Owned(format!("meeting-{call_id}"))),
            call_id: Cow::Owned(call_id),
            answered_at: at,
            leg: LegKind::DialOut,
            bridge_number: None,
            remote_number: Some(Cow::Borrowed(remote)),
            organizer_id: Cow::Borrowed("anna"),
            organizer_country: germany(),
            license: License::PayPerMinute,
            dial_out_policy: None,
            emergency: false,
        };
        self.event(tenant, at, Body::CallStarted(started))
    }

    fn tick(&mut self, call_id: String, minute: i32, at: Moment) -> Option<Event<'static>> {
        let tenant = self.phones.get(&call_id)?.tenant;
        let next = Plan::Tick(call_id.clone(), minute + 1);
        self.plan(at.plus_seconds(60), next);
        let tick = CallMinuteTick {
            call_id: Cow::Owned(call_id),
            minute,
        };
        Some(self.event(tenant, at, Body::CallMinuteTick(tick)))
    }

    fn hang_up(&mut self, call_id: String, mind: u32, at: Moment) -> Option<Event<'static>> {
        if self.phones.get(&call_id)?.mind != mind {
            return None;
        }
        let phone = self.phones.remove(&call_id)?;
        let seconds = (at.millis() - phone.answered_at.millis() + 999) / 1_000;
        let ended = CallEnded {
            call_id: Cow::Owned(call_id),
            duration_seconds: i32::try_from(seconds).expect("a call of the demo is short"),
            cause: None,
        };
        Some(self.event(phone.tenant, at, Body::CallEnded(ended)))
    }

    fn hang_up_at(&mut self, call_id: &str, at: Moment) {
        let Some(phone) = self.phones.get_mut(call_id) else {
            return;
        };
        phone.mind += 1;
        // Nobody stays longer than wanted because of an order.
        let at = at.min(phone.wanted_until).max(phone.answered_at);
        let plan = Plan::HangUp(call_id.to_owned(), phone.mind);
        self.plan(at, plan);
    }

    fn go_on(&mut self, call_id: &str) {
        if let Some(phone) = self.phones.get(call_id) {
            let wanted_until = phone.wanted_until;
            self.hang_up_at(call_id, wanted_until);
        }
    }

    fn pay_in(&mut self, tenant: usize, at: Moment) {
        if !self.closed && self.paying.insert(tenant) {
            self.plan(at, Plan::TopUp(tenant));
        }
    }

    fn plan(&mut self, at: Moment, plan: Plan) {
        self.planned += 1;
        self.plans.insert((at, self.planned), plan);
    }

    fn event(&mut self, tenant: usize, at: Moment, body: Body<'static>) -> Event<'static> {
        self.events += 1;
        Event {
            event_id: Cow::Owned(format!("demo-{}", self.events)),
            tenant_id: Cow::Borrowed(TENANTS[tenant].tenant_id),
            occurred_at: at,
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BEGIN: Moment = Moment::from_millis(1_800_000_000_000);

    fn names(events: &[Event<'_>], tenant: &str) -> Vec<&'static str> {
        events
            .iter()
            .filter(|event| event.tenant_id == tenant)
            .map(|event| event.body.name())
            .collect()
    }

    #[test]
    fn a_tenant_is_configured_and_funded_before_its_first_call_and_ticks_follow() {
        let mut platform = Platform::opening(BEGIN);
        let events = platform.due(BEGIN.plus_seconds(60 + 125));
        assert_eq!(
            names(&events, "fabrikam"),
            [
                "TenantConfigured",
                "CreditGranted",
                "CallStarted",
                "CallMinuteTick",
                "CallMinuteTick"
            ]
        );
    }

    #[test]
    fn a_cut_is_obeyed_at_its_moment_unless_it_is_cancelled() {
        for cancelled in [false, true] {
            let mut platform = Platform::opening(BEGIN);
            let answered = BEGIN.plus_seconds(60);
            platform.due(answered);
            let cut_at = answered.plus_seconds(600);
            let order = |kind| {
                Heard(json!({
                    "type": "CallOrder", "kind": kind,
                    "tenant_id": "fabrikam", "call_id": "fabrikam-1", "cut_at": cut_at.to_string(),
                }))
            };
            platform.hear(&order("CUT_OFF"), answered.plus_seconds(540));
            if cancelled {
                platform.hear(&order("CUT_OFF_CANCELLED"), answered.plus_seconds(550));
            }
            let events = platform.due(cut_at.plus_seconds(1));
            let ended = events.iter().find_map(|event| match &event.body {
                Body::CallEnded(ended) if ended.call_id == "fabrikam-1" => {
                    Some(ended.duration_seconds)
                }
                _ => None,
            });
            assert_eq!(ended, (!cancelled).then_some(600));
        }
    }
}
