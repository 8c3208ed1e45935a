//! A wallet entry in the making.

use std::sync::Arc;

use crate::calls::Occasion;
use crate::domain::{EntryKind, Moment, Money, Record, WalletEntry};
use crate::wallet::Tenant;

/// A wallet entry in the making.
pub(super) struct Entry {
    pub record_id: Arc<str>,
    pub kind: EntryKind,
    pub amount: Money,
    pub lot_id: Option<Arc<str>>,
    pub debt_paid: Money,
    pub reason: Option<&'static str>,
    pub expires_at: Option<Moment>,
}

impl Entry {
    pub fn of(record_id: String, kind: EntryKind, amount: Money) -> Self {
        Entry {
            record_id: record_id.into(),
            kind,
            amount,
            lot_id: None,
            debt_paid: Money::ZERO,
            reason: None,
            expires_at: None,
        }
    }

    /// The record, with the tenant's next entry sequence.
    pub fn record(self, tenant: &mut Tenant, balance_before: Money, on: &Occasion<'_>) -> Record {
        tenant.wallet.entry_sequence += 1;
        Record::WalletEntry(Box::new(WalletEntry {
            record_id: self.record_id,
            tenant_id: tenant.id.clone(),
            entry_sequence: tenant.wallet.entry_sequence,
            kind: self.kind,
            lot_id: self.lot_id,
            amount: self.amount,
            debt_paid: self.debt_paid,
            currency: tenant.config.currency,
            reason: self.reason,
            expires_at: self.expires_at,
            balance_before,
            balance_after: tenant.wallet.balance(),
            occurred_at: on.occurred_at,
            recorded_at: on.now,
            source: on.source,
        }))
    }
}
