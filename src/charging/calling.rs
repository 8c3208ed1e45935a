//! Starts, ticks and ends find their call; calls fall silent and are forgotten.

use std::sync::Arc;

use super::index::{content_of, hash_of, key_of};
use super::parking::Said;
use super::partition::Partition;
use super::timers::TimerKind;
use super::turn::{Fault, Turn, fault};
use super::validate::numbers;
use super::{Facts, RawRef};
use crate::calls::{Call, Occasion, Packed, Parked, Phase, admit};
use crate::domain::{
    CallEnded, CallMinuteTick, CallOrder, CallOrderKind, CallStarted, MILLIS_PER_MINUTE, Moment,
    OrderReason, Record, RejectReason,
};

/// Kind of the keys under which ended calls are remembered.
pub(super) const CALL_KEY: u8 = b'c';
/// How much longer than the lateness bound a closed call is remembered.
const REMEMBER_EXTRA_MINUTES: i32 = 5;

impl Partition {
    fn packed_slot(&self, tenant_id: &str, call_id: &str) -> (u128, Option<u32>) {
        let key = key_of(CALL_KEY, tenant_id, call_id);
        (key, self.packed_index.get(&key).copied())
    }

    pub(super) fn turn_of(&mut self, slot: u32) -> Turn {
        let out = std::mem::take(&mut self.spare);
        let account = self.accounts.get(slot).expect("the tenant was found");
        Turn::of(slot, account, out)
    }

    fn too_late(&self, occurred_at: Moment) -> Result<(), Fault> {
        let late_by = i64::from(self.settings.late_by_minutes) * MILLIS_PER_MINUTE;
        if occurred_at < self.time.plus_millis(-late_by) {
            return Err(fault(
                RejectReason::TooLate,
                "its call is not known, or not any more",
            ));
        }
        Ok(())
    }

    pub(super) fn start(
        &mut self,
        slot: Option<u32>,
        tenant_id: &str,
        start: &CallStarted<'_>,
        on: &Occasion<'_>,
        facts: &mut Facts,
    ) -> Result<Turn, Fault> {
        let numbers = numbers(start)?;
        let Some(slot) = slot else {
            if !start.emergency {
                facts.records.push(turned_away(
                    tenant_id,
                    start,
                    OrderReason::UnknownTenant,
                    on,
                ));
            }
            return Err(fault(
                RejectReason::UnknownTenant,
                "nobody knows this tenant",
            ));
        };
        let content = content_of(&(
            (
                &start.call_id,
                &start.conference_id,
                start.answered_at,
                start.leg,
            ),
            (
                &start.bridge_number,
                &start.remote_number,
                &start.organizer_id,
            ),
            (
                start.organizer_country,
                start.license,
                start.dial_out_policy,
                start.emergency,
            ),
        ));
        let live = self.find_call(slot, &start.call_id);
        let live = live
            .and_then(|call| self.calls.get(call))
            .map(|call| call.fixed.content);
        let (key, packed) = self.packed_slot(tenant_id, &start.call_id);
        let packed = packed
            .and_then(|p| self.packed.get(p))
            .map(|packed| packed.content);
        match live.or(packed) {
            Some(known) if known == content => return Ok(self.turn_of(slot)),
            Some(_) => {
                return Err(fault(
                    RejectReason::Conflict,
                    "this call started with other content",
                ));
            }
            None => self.too_late(on.occurred_at)?,
        }
        if self.calls.len() + self.packed.len() >= self.settings.kept && !start.emergency {
            let order = turned_away(tenant_id, start, OrderReason::Capacity, on);
            facts.records.push(order);
            return Err(fault(RejectReason::Capacity, "no more calls are kept"));
        }
        let mut turn = self.turn_of(slot);
        let waiting = self.unpark(slot, &start.call_id);
        let full = self.live_calls >= self.settings.live_calls;
        let account = self.accounts.moved(slot).expect("the tenant was found");
        let tenant = (slot, &mut account.tenant);
        let call = admit(
            start,
            numbers,
            content,
            tenant,
            &waiting,
            full,
            on,
            &mut turn.out,
        );
        if waiting.ends.is_empty() {
            self.keep(call, slot, on);
        } else {
            self.pack_with_ends(call, key, &start.call_id, &waiting, slot, on, &mut turn);
        }
        Ok(turn)
    }

    /// Keeps a call that has started.
    fn keep(&mut self, mut call: Call, tenant: u32, on: &Occasion<'_>) {
        let hash = hash_of(tenant + 1, call.id());
        let due = call.silence_due(self.settings.silence_minutes);
        let account = self.accounts.moved(tenant).expect("the tenant was found");
        call.look_ahead(&account.tenant, on);
        let slot = self.calls.insert(call);
        self.call_index.insert(hash, slot);
        if let Some(due) = due {
            self.timers.set(due, TimerKind::Silence, slot);
        }
        self.recount(slot);
    }

    /// Brings the sums of a call's tenant and of the partition up to the call.
    fn recount(&mut self, slot: u32) {
        let Some(call) = self.calls.moved(slot) else {
            return;
        };
        let account = self
            .accounts
            .moved(call.fixed.tenant)
            .expect("a call has its tenant");
        let live = account.count(slot, call);
        self.count_live(live);
    }

    #[expect(clippy::too_many_arguments, reason = "a start meets its ends")]
    fn pack_with_ends(
        &mut self,
        mut call: Call,
        key: u128,
        call_id: &str,
        parked: &Parked,
        tenant: u32,
        on: &Occasion<'_>,
        turn: &mut Turn,
    ) {
        let account = self.accounts.moved(tenant).expect("the tenant was found");
        let first = parked.ends[0];
        call.end(first, &mut account.tenant, on, &mut turn.out);
        let mut ended = Packed::new(call, key, first);
        for later in &parked.ends[1..] {
            ended.end(call_id, *later, &mut account.tenant, on, &mut turn.out);
        }
        self.remember(ended);
    }

    fn remember(&mut self, packed: Packed) {
        let key = packed.key;
        let due = self.forget_at(packed.closed_at);
        let slot = self.packed.insert(packed);
        self.packed_index.insert(key, slot);
        self.timers.set(due, TimerKind::ForgetPacked, slot);
    }

    fn forget_at(&self, closed_at: Moment) -> Moment {
        let minutes = i64::from(self.settings.late_by_minutes + REMEMBER_EXTRA_MINUTES);
        // Remembered for so long, not until: the first moment past it.
        closed_at.plus_millis(minutes * MILLIS_PER_MINUTE + 1)
    }

    pub(super) fn tick(
        &mut self,
        tenant: u32,
        tick: &CallMinuteTick<'_>,
        raw: RawRef<'_>,
        on: &Occasion<'_>,
    ) -> Result<Option<Turn>, Fault> {
        let minute = u32::try_from(tick.minute).expect("ticks are validated");
        let mut turn = self.turn_of(tenant);
        if let Some(slot) = self.find_call(tenant, &tick.call_id) {
            let call = self.calls.moved(slot).expect("the call was found");
            if minute > call.state.proved {
                let was_silent = call.state.phase == Phase::Silent;
                let account = self.accounts.moved(tenant).expect("the tenant was found");
                call.tick(minute, &mut account.tenant, on, &mut turn.out);
                call.look_ahead(&account.tenant, on);
                if was_silent && let Some(due) = call.silence_due(self.settings.silence_minutes) {
                    self.timers.set(due, TimerKind::Silence, slot);
                }
                let live = account.count(slot, call);
                self.count_live(live);
            }
            return Ok(Some(turn));
        }
        let tenant_id = self
            .accounts
            .get(tenant)
            .map(|account| account.tenant.id.clone());
        let tenant_id = tenant_id.expect("the tenant was found");
        if let (_, Some(slot)) = self.packed_slot(&tenant_id, &tick.call_id) {
            let call_id: Arc<str> = tick.call_id.as_ref().into();
            let packed = self.packed.written(slot).expect("the call was found");
            packed.tick(&call_id, minute, &mut turn.out);
            return Ok(Some(turn));
        }
        self.too_late(on.occurred_at)?;
        self.park(tenant, &tick.call_id, Said::Tick(minute), raw)?;
        Ok(None)
    }

    pub(super) fn end(
        &mut self,
        tenant: u32,
        end: &CallEnded<'_>,
        raw: RawRef<'_>,
        on: &Occasion<'_>,
    ) -> Result<Option<Turn>, Fault> {
        let mut turn = self.turn_of(tenant);
        let tenant_id = self
            .accounts
            .get(tenant)
            .map(|account| account.tenant.id.clone());
        let tenant_id = tenant_id.expect("the tenant was found");
        if let Some(slot) = self.find_call(tenant, &end.call_id) {
            let mut call = self.drop_call(slot);
            let account = self.accounts.moved(tenant).expect("the tenant was found");
            call.end(end.duration_seconds, &mut account.tenant, on, &mut turn.out);
            let key = key_of(CALL_KEY, &tenant_id, &end.call_id);
            self.remember(Packed::new(call, key, end.duration_seconds));
            return Ok(Some(turn));
        }
        if let (_, Some(slot)) = self.packed_slot(&tenant_id, &end.call_id) {
            let account = self.accounts.moved(tenant).expect("the tenant was found");
            let packed = self.packed.written(slot).expect("the call was found");
            packed.end(
                &end.call_id,
                end.duration_seconds,
                &mut account.tenant,
                on,
                &mut turn.out,
            );
            return Ok(Some(turn));
        }
        self.too_late(on.occurred_at)?;
        self.park(tenant, &end.call_id, Said::End(end.duration_seconds), raw)?;
        Ok(None)
    }

    /// Takes a call out of the table, the index and the sums.
    fn drop_call(&mut self, slot: u32) -> Call {
        let call = self.calls.remove(slot).expect("the call was found");
        self.call_index
            .remove(hash_of(call.fixed.tenant + 1, call.id()), slot);
        let account = self
            .accounts
            .moved(call.fixed.tenant)
            .expect("a call has its tenant");
        let live = account.discount(slot, &call);
        self.count_live(live);
        call
    }

    /// Closes a call whose silence is over; false if it is not, and then it is looked at later.
    pub(super) fn fall_silent(
        &mut self,
        due: Moment,
        slot: u32,
        on: &Occasion<'_>,
        facts: &mut Facts,
    ) -> bool {
        let Some(call) = self.calls.get(slot) else {
            return false;
        };
        let tenant = call.fixed.tenant;
        match call.silence_due(self.settings.silence_minutes) {
            None => return false,
            Some(later) if later != due => {
                self.timers.set(later, TimerKind::Silence, slot);
                return false;
            }
            Some(_) => {}
        }
        let mut turn = self.turn_of(tenant);
        let call = self.calls.moved(slot).expect("the call was found");
        let account = self.accounts.moved(tenant).expect("a call has its tenant");
        call.fall_silent(&mut account.tenant, on, &mut turn.out);
        let live = account.count(slot, call);
        let forget = call.state.closed_at;
        self.count_live(live);
        self.timers
            .set(self.forget_at(forget), TimerKind::ForgetCall, slot);
        self.conclude(turn, on, facts);
        true
    }

    pub(super) fn forget_call(&mut self, due: Moment, slot: u32) -> bool {
        let forgettable = self.calls.get(slot).is_some_and(|call| {
            call.state.phase == Phase::Silent && self.forget_at(call.state.closed_at) == due
        });
        if forgettable {
            self.drop_call(slot);
        }
        forgettable
    }

    pub(super) fn forget_packed(&mut self, due: Moment, slot: u32) -> bool {
        let Some(packed) = self.packed.get(slot) else {
            return false;
        };
        let actual = self.forget_at(packed.closed_at);
        if actual != due {
            self.timers.set(actual, TimerKind::ForgetPacked, slot);
            return false;
        }
        if let Some(packed) = self.packed.remove(slot) {
            self.packed_index.remove(&packed.key);
        }
        true
    }

    /// Sets the timers of every call and ended call anew, after a restore.
    pub(super) fn set_call_timers(&mut self) {
        for (slot, call) in self.calls.iter() {
            if let Some(due) = call.silence_due(self.settings.silence_minutes) {
                self.timers.set(due, TimerKind::Silence, slot);
            } else {
                let due = self.forget_at(call.state.closed_at);
                self.timers.set(due, TimerKind::ForgetCall, slot);
            }
        }
        for (slot, packed) in self.packed.iter() {
            let due = self.forget_at(packed.closed_at);
            self.timers.set(due, TimerKind::ForgetPacked, slot);
        }
    }
}

/// The order about a start of which nothing is kept.
fn turned_away(
    tenant_id: &str,
    start: &CallStarted<'_>,
    reason: OrderReason,
    on: &Occasion<'_>,
) -> Record {
    Record::CallOrder(Box::new(CallOrder {
        tenant_id: tenant_id.into(),
        call_id: start.call_id.as_ref().into(),
        conference_id: start.conference_id.as_deref().map(Into::into),
        organizer_id: Some(start.organizer_id.as_ref().into()),
        leg: Some(start.leg),
        order_sequence: 1,
        kind: CallOrderKind::CallRefused,
        cut_at: None,
        reason,
        occurred_at: on.occurred_at,
        issued_at: on.now,
        source: on.source,
    }))
}
