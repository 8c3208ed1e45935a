//! The business on one screen: time moves, timers fire, the record is applied.

use super::partition::Partition;
use super::timers::TimerKind;
use super::turn::{Fault, Turn, fault};
use super::validate::validate;
use super::{Facts, RawRef};
use crate::calls::Occasion;
use crate::domain::{Body, Event, Moment, RejectReason, Rejected, RejectedRecord, Source};
use crate::rates::RateCards;

impl Partition {
    /// Moves partition time (never back) and fires due timers, at most `limit`; true when none is left due.
    /// Everything it appends to `facts` has the cause `timer`.
    pub fn advance(
        &mut self,
        to: Moment,
        cards: &RateCards,
        limit: usize,
        facts: &mut Facts,
    ) -> bool {
        self.time = self.time.max(to);
        let mut left = limit;
        while self.timers.next().is_some_and(|due| due <= self.time) {
            let Some((due, kind, mut slots)) = self.timers.take_group(self.time) else {
                break;
            };
            self.sort_by_ids(kind, &mut slots);
            for (place, slot) in slots.iter().enumerate() {
                if left == 0 {
                    for later in &slots[place..] {
                        self.timers.set(due, kind, *later);
                    }
                    return false;
                }
                let fired = self.fire(due, kind, *slot, cards, facts);
                self.timers_fired += u64::try_from(fired).expect("a count fits into 64 bits");
                left = left.saturating_sub(fired);
            }
        }
        self.clean_daily();
        true
    }

    /// Fires what is due in a slot; returns how many timers that were.
    fn fire(
        &mut self,
        due: Moment,
        kind: TimerKind,
        slot: u32,
        cards: &RateCards,
        facts: &mut Facts,
    ) -> usize {
        let on = self.occasion(due, self.last_applied(), cards);
        match kind {
            TimerKind::Silence => usize::from(self.fall_silent(due, slot, &on, facts)),
            TimerKind::Parking => usize::from(self.orphan(due, slot, facts)),
            TimerKind::LotExpiry => self.expire_lots(due, slot, &on, facts),
            TimerKind::LotNotice => self.tell_expiring(due, slot, &on, facts),
            TimerKind::Recharge => usize::from(self.recharge_times_out(due, slot, &on, facts)),
            TimerKind::ForgetCall => usize::from(self.forget_call(due, slot)),
            TimerKind::ForgetPacked => usize::from(self.forget_packed(due, slot)),
        }
    }

    /// Applies one record (whose timestamp `advance` has been given): an event, or what is wrong with it.
    pub fn apply(
        &mut self,
        raw: RawRef<'_>,
        event: Result<Event<'_>, Rejected>,
        cards: &RateCards,
        facts: &mut Facts,
    ) {
        self.next_offset = raw.offset + 1;
        if let Some(memory) = self.memory.moved(0) {
            memory.last_applied = raw.offset;
        }
        let event = match event {
            Ok(event) => event,
            Err(rejected) => return facts.rejected.push(rejected),
        };
        let on = self.occasion(event.occurred_at, raw.offset, cards);
        match self.take(event, raw, &on, facts) {
            Ok(Some(turn)) => self.conclude(turn, &on, facts),
            Ok(None) => {}
            Err((reason, message)) => {
                facts.rejected.push(Rejected {
                    record: RejectedRecord::Current,
                    reason,
                    message,
                });
            }
        }
    }

    /// The turn of the event's tenant, unless the event is parked, ignored or at fault.
    fn take(
        &mut self,
        event: Event<'_>,
        raw: RawRef<'_>,
        on: &Occasion<'_>,
        facts: &mut Facts,
    ) -> Result<Option<Turn>, Fault> {
        validate(&event, self.time)?;
        let slot = self.find_account(&event.tenant_id);
        match event.body {
            Body::TenantConfigured(config) => {
                return self.configure(slot, &event.tenant_id, *config, on);
            }
            Body::CallStarted(start) => {
                return self
                    .start(slot, &event.tenant_id, &start, on, facts)
                    .map(Some);
            }
            _ => {}
        }
        let Some(slot) = slot else {
            return Err(fault(
                RejectReason::UnknownTenant,
                "nobody knows this tenant",
            ));
        };
        match event.body {
            Body::CallMinuteTick(tick) => self.tick(slot, &tick, raw, on),
            Body::CallEnded(end) => self.end(slot, &end, raw, on),
            Body::CreditGranted(grant) => self.grant(slot, &grant, on).map(Some),
            Body::CreditAdjusted(adjustment) => self.adjust(slot, &adjustment, on).map(Some),
            Body::RechargeFailed(failed) => Ok(Some(self.recharge_fails(slot, &failed))),
            Body::CallStarted(_) | Body::TenantConfigured(_) => Ok(None),
        }
    }

    pub(super) fn occasion<'a>(
        &self,
        occurred_at: Moment,
        offset: i64,
        cards: &'a RateCards,
    ) -> Occasion<'a> {
        let source = Source {
            partition: self.number,
            offset,
        };
        Occasion {
            now: self.time,
            occurred_at,
            source,
            cards,
        }
    }
    /// Timers of one moment and kind fire in the order of tenant id, then id.
    fn sort_by_ids(&self, kind: TimerKind, slots: &mut [u32]) {
        if slots.len() < 2 {
            return;
        }
        let tenant = |slot| self.accounts.get(slot).map(|account| &*account.tenant.id);
        match kind {
            TimerKind::Silence => slots.sort_by_key(|slot| {
                self.calls
                    .get(*slot)
                    .map(|call| (tenant(call.fixed.tenant), &**call.id()))
            }),
            TimerKind::Parking => slots.sort_by_key(|slot| {
                let row = self.parked.get(*slot);
                row.map(|row| (tenant(row.tenant), &*row.call_id, row.raw.offset))
            }),
            TimerKind::LotExpiry | TimerKind::LotNotice | TimerKind::Recharge => {
                slots.sort_by_key(|slot| tenant(*slot));
            }
            TimerKind::ForgetCall | TimerKind::ForgetPacked => {}
        }
    }
}
