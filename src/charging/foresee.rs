//! A batch's memory brought near before the batch is applied.

use std::sync::Arc;

use smallvec::SmallVec;

use super::index::hash_of;
use super::partition::{Account, Partition};
use crate::calls::Call;
use crate::domain::{Body, Event, Money};

/// Events that are looked at together without an allocation.
type Batch<T> = SmallVec<[T; 32]>;

impl Partition {
    /// Touches what the events of a batch will need, so that the waits for memory overlap: first all
    /// indexes, then all rows, then what the rows point to, and so on, each in a pass of its own that does
    /// little else. It changes nothing; what it returns keeps the compiler from leaving it out.
    pub fn foresee<'a, 'e: 'a>(&self, events: impl Iterator<Item = &'a Event<'e>>) -> usize {
        let tenants: Batch<_> = events
            .map(|event| (hash_of(0, &event.tenant_id), call_id(event)))
            .collect();
        let accounts: Batch<_> = tenants
            .iter()
            .filter_map(|(hash, call_id)| Some((self.account_index.likely(*hash)?, *call_id)))
            .collect();
        let calls: Batch<_> = accounts
            .iter()
            .map(|(slot, call_id)| (*slot, call_id.map(|id| hash_of(slot + 1, id))))
            .collect();
        let slots: Batch<_> = calls
            .iter()
            .map(|(slot, hash)| (*slot, hash.and_then(|hash| self.call_index.likely(hash))))
            .collect();
        let rows: Batch<_> = slots
            .iter()
            .map(|(account, call)| {
                let call = call.and_then(|slot| self.calls.get(slot));
                (self.accounts.get(*account), call)
            })
            .collect();
        let mut touched = 0;
        for (account, call) in &rows {
            touched += account.map_or(0, Account::touch) + call.map_or(0, Call::touch);
        }
        for (account, call) in &rows {
            touched +=
                account.map_or(0, Account::touch_beyond) + call.map_or(0, Call::touch_beyond);
        }
        for (account, call) in &rows {
            touched += account.map_or(0, Account::touch_texts) + call.map_or(0, Call::touch_texts);
        }
        touched
    }
}

impl Account {
    /// Reads a little of each part of the row.
    fn touch(&self) -> usize {
        let wallet = &self.tenant.wallet;
        let numbers = wallet.entry_sequence ^ wallet.notice_sequence ^ wallet.recharge_sequence;
        usize::from(numbers == 0 && wallet.burn > wallet.debt)
            + wallet.lots.iter().len()
            + wallet.spend.len()
            + self.cuts.len()
            + self.looked_by
    }

    /// Reads a little of each part of what the row points to.
    fn touch_beyond(&self) -> usize {
        let lot = self.tenant.wallet.lots.iter().next();
        let lot = lot.map_or(0, |lot| Arc::strong_count(&lot.identity.id));
        let config = &*self.tenant.config;
        lot + usize::from(self.tenant.id.as_bytes().first() == Some(&0))
            + usize::from(config.overdraft_limit > Money::LIMIT)
            + usize::from(config.limits.spend_per_day.is_some() && config.limits.debt.is_some())
            + usize::from(config.mask_digits.is_some() && config.limits.call_minutes.is_some())
            + config.low_credit.len()
            + config.rate_card.len()
    }

    /// Reads a little of the texts of its configuration.
    fn touch_texts(&self) -> usize {
        usize::from(self.tenant.config.rate_card.as_bytes().first() == Some(&0))
    }
}

/// The call that an event of its life is about.
fn call_id<'a>(event: &'a Event<'_>) -> Option<&'a str> {
    match &event.body {
        Body::CallMinuteTick(tick) => Some(&tick.call_id),
        Body::CallEnded(end) => Some(&end.call_id),
        _ => None,
    }
}
