//! What is forgotten once a day.

use super::credit::PAYMENT_DAYS;
use super::partition::Partition;

impl Partition {
    /// Once a UTC day: forgets ids older than 400 days and tenants long closed and empty.
    pub(super) fn clean_daily(&mut self) {
        let today = self.time.day();
        if self
            .memory
            .get(0)
            .is_none_or(|memory| memory.cleaned_day == today)
        {
            return;
        }
        if let Some(memory) = self.memory.written(0) {
            memory.cleaned_day = today;
        }
        let kept_days = i32::try_from(PAYMENT_DAYS).expect("400") + 1;
        let old: Vec<u32> = self
            .payments
            .iter()
            .filter(|(_, row)| row.day + kept_days < today)
            .map(|(slot, _)| slot)
            .collect();
        for slot in old {
            if let Some(row) = self.payments.remove(slot) {
                self.payment_index.remove(&row.key);
            }
        }
        self.forget_closed_tenants();
    }

    fn forget_closed_tenants(&mut self) {
        let before = self.time.plus_days(-PAYMENT_DAYS);
        let gone: Vec<u32> = self
            .accounts
            .iter()
            .filter(|(_, a)| {
                a.tenant
                    .wallet
                    .closed_since
                    .is_some_and(|since| since < before)
            })
            .filter(|(_, a)| a.tenant.wallet.live_calls == 0)
            .map(|(slot, _)| slot)
            .collect();
        for slot in gone {
            if self.calls.iter().any(|(_, call)| call.fixed.tenant == slot) {
                continue;
            }
            if let Some(account) = self.accounts.remove(slot) {
                let hash = super::index::hash_of(0, &account.tenant.id);
                self.account_index.remove(hash, slot);
            }
        }
    }
}
