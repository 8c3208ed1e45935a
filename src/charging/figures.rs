//! What can be read of a partition's state without changing it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::calling::CALL_KEY;
use super::credit::{ADJUSTMENT_KEY, PAYMENT_KEY};
use super::index::key_of;
use super::partition::Partition;
use crate::domain::{Moment, Money};

/// A tenant's figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantFigures {
    /// Its id.
    pub tenant_id: Arc<str>,
    /// Lots less debt.
    pub balance: Money,
    /// Set aside for live calls.
    pub holds: Money,
    /// The sum of what its calls have set aside.
    pub held_by_calls: Money,
    /// Live calls.
    pub live_calls: i32,
    /// Of the last ledger record.
    pub entry_sequence: i64,
    /// Of the last notice.
    pub notice_sequence: i64,
    /// Of the last order about the tenant.
    pub order_sequence: i64,
}

/// A leg's figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegFigures {
    /// Who pays.
    pub tenant_id: Arc<str>,
    /// The leg.
    pub call_id: Arc<str>,
    /// Debited so far.
    pub total: Money,
    /// Of the last order about it.
    pub order_sequence: i32,
    /// Set aside for its next minutes.
    pub held: Money,
    /// Up to when it is debited or held.
    pub coverage: Moment,
    /// The last minute that a tick proved.
    pub proved: u32,
    /// Neither refused and quiet nor closed.
    pub live: bool,
    /// The cut that it is under.
    pub cut_at: Option<Moment>,
}

/// What is remembered of by a hash of its ids only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// A closed leg, by tenant and call.
    Leg,
    /// A payment, by tenant and payment.
    Payment,
    /// An adjustment, by tenant and adjustment.
    Adjustment,
}

impl Remembered {
    /// The hash of two ids of this kind.
    #[must_use]
    pub fn key(self, tenant_id: &str, id: &str) -> u128 {
        let kind = match self {
            Remembered::Leg => CALL_KEY,
            Remembered::Payment => PAYMENT_KEY,
            Remembered::Adjustment => ADJUSTMENT_KEY,
        };
        key_of(kind, tenant_id, id)
    }
}

impl Partition {
    /// The offset of the last record applied; below 0 before there is one.
    #[must_use]
    pub fn last_applied(&self) -> i64 {
        self.memory.get(0).map_or(-1, |memory| memory.last_applied)
    }

    /// The figures of every tenant, by id.
    #[must_use]
    pub fn figures(&self) -> Vec<TenantFigures> {
        let mut held: Vec<Money> = Vec::new();
        for (_, call) in self.calls.iter() {
            let slot = usize::try_from(call.fixed.tenant).expect("a slot fits into a word");
            if held.len() <= slot {
                held.resize(slot + 1, Money::ZERO);
            }
            held[slot] += call.state.held;
        }
        let held_by = |slot: u32| {
            let slot = usize::try_from(slot).expect("a slot fits into a word");
            held.get(slot).copied().unwrap_or(Money::ZERO)
        };
        let tenants = self.accounts.iter().map(|(slot, account)| {
            let wallet = &account.tenant.wallet;
            TenantFigures {
                tenant_id: account.tenant.id.clone(),
                balance: wallet.balance(),
                holds: wallet.holds,
                held_by_calls: held_by(slot),
                live_calls: wallet.live_calls,
                entry_sequence: wallet.entry_sequence,
                notice_sequence: wallet.notice_sequence,
                order_sequence: wallet.order_sequence,
            }
        });
        let mut figures: Vec<_> = tenants.collect();
        figures.sort_by(|a, b| a.tenant_id.cmp(&b.tenant_id));
        figures
    }

    /// The figures of the legs that may still change: live, refused or silent ones, in no order.
    pub fn leg_figures(&self) -> impl Iterator<Item = LegFigures> {
        self.calls.iter().filter_map(|(_, call)| {
            let account = self.accounts.get(call.fixed.tenant)?;
            Some(LegFigures {
                tenant_id: account.tenant.id.clone(),
                call_id: call.id().clone(),
                total: call.state.meter.total,
                order_sequence: call.state.order_sequence,
                held: call.state.held,
                coverage: call.coverage(),
                proved: call.state.proved,
                live: call.counted.live,
                cut_at: call.state.cut.map(|cut| cut.at),
            })
        })
    }

    /// Closed legs with their totals, payments and adjustments, by [`Remembered::key`], in no order.
    pub fn remembered(&self) -> impl Iterator<Item = (u128, Option<Money>)> {
        let legs = self
            .packed
            .iter()
            .map(|(_, packed)| (packed.key, Some(packed.total())));
        legs.chain(self.payments.iter().map(|(_, payment)| (payment.key, None)))
    }

    /// The input offsets of parked events.
    #[must_use]
    pub fn parked_offsets(&self) -> BTreeSet<i64> {
        self.parked
            .iter()
            .map(|(_, parked)| parked.raw.offset)
            .collect()
    }
}
