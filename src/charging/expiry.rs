//! Lots come to their end.

use std::sync::Arc;

use super::Facts;
use super::partition::Partition;
use super::timers::TimerKind;
use crate::calls::{Notice, Occasion};
use crate::domain::{Moment, NoticeKind};
use crate::wallet::Lot;

impl Partition {
    /// Lots of a tenant whose expiry is reached, by id; returns how many.
    pub(super) fn expire_lots(
        &mut self,
        due: Moment,
        slot: u32,
        on: &Occasion<'_>,
        facts: &mut Facts,
    ) -> usize {
        let ids = self.lots_due(slot, |lot| lot.expiry_due() == Some(due));
        for id in &ids {
            let turn = self.turn_of(slot);
            let account = self.accounts.moved(slot).expect("its lots were found");
            if let Some(state) = account.tenant.wallet.lots.state_mut(id) {
                state.expired = true;
            }
            self.conclude(turn, on, facts);
        }
        ids.len()
    }

    /// Tells of lots of a tenant that expire soon, by id; returns how many.
    pub(super) fn tell_expiring(
        &mut self,
        due: Moment,
        slot: u32,
        on: &Occasion<'_>,
        facts: &mut Facts,
    ) -> usize {
        let ids = self.lots_due(slot, |lot| lot.notice_due() == Some(due));
        for id in &ids {
            let mut turn = self.turn_of(slot);
            let account = self.accounts.moved(slot).expect("its lots were found");
            if let Some(state) = account.tenant.wallet.lots.state_mut(id) {
                state.notices += 1;
                let amount = Some(state.remaining);
                let detail = Some(id.to_string());
                let kind = NoticeKind::CreditExpiring;
                turn.out.notices.push(Notice {
                    amount,
                    detail,
                    ..Notice::of(kind)
                });
            }
            self.set_lot_timers(slot);
            self.conclude(turn, on, facts);
        }
        ids.len()
    }

    fn lots_due(&self, slot: u32, due: impl Fn(&Lot) -> bool) -> Vec<Arc<str>> {
        let Some(account) = self.accounts.get(slot) else {
            return Vec::new();
        };
        let lots = account.tenant.wallet.lots.iter().filter(|lot| due(lot));
        let mut ids: Vec<_> = lots.map(|lot| lot.identity.id.clone()).collect();
        ids.sort();
        ids
    }

    /// Sets the timers of a tenant's lots and recharge.
    pub(super) fn set_lot_timers(&mut self, slot: u32) {
        let Some(account) = self.accounts.get(slot) else {
            return;
        };
        let wallet = &account.tenant.wallet;
        for lot in wallet.lots.iter() {
            if let Some(due) = lot.notice_due() {
                self.timers.set(due, TimerKind::LotNotice, slot);
            }
            if let Some(due) = lot.expiry_due() {
                self.timers.set(due, TimerKind::LotExpiry, slot);
            }
        }
        if let Some(recharge) = wallet.recharge {
            self.timers.set(recharge.until, TimerKind::Recharge, slot);
        }
    }
}
