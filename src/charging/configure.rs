//! A tenant's configuration: new, newer, repeated, contradicted or too old.

use std::sync::Arc;

use super::index::hash_of;
use super::partition::{Account, Partition};
use super::turn::{Fault, Turn, fault};
use crate::calls::{Occasion, Outcome};
use crate::domain::{BillingMode, CutScope, Limits, RejectReason, TenantConfig, TenantStatus};
use crate::wallet::Tenant;

impl Partition {
    pub(super) fn configure(
        &mut self,
        slot: Option<u32>,
        tenant_id: &str,
        config: TenantConfig,
        on: &Occasion<'_>,
    ) -> Result<Option<Turn>, Fault> {
        let Some(slot) = slot else {
            if self.accounts.len() >= self.settings.kept {
                return Err(fault(RejectReason::Capacity, "no more tenants are kept"));
            }
            let account = Account::new(Tenant::new(tenant_id, Arc::new(config)));
            let slot = self.accounts.insert(account);
            self.account_index.insert(hash_of(0, tenant_id), slot);
            return Ok(Some(self.turn_of(slot)));
        };
        let account = self.accounts.get(slot).expect("the tenant was found");
        let known = &account.tenant.config;
        if config.version < known.version {
            return Ok(None);
        }
        let mut turn = Turn::of(slot, account, Outcome::default());
        if config.version == known.version {
            return if **known == config {
                Ok(Some(turn))
            } else {
                Err(fault(
                    RejectReason::Conflict,
                    "this version has other content",
                ))
            };
        }
        if config.currency != known.currency && account.tenant.wallet.entry_sequence > 0 {
            let what = "the currency of a wallet never changes after its first entry";
            return Err(fault(RejectReason::Conflict, what));
        }
        turn.eased = eases(known, &config);
        turn.fixed_changed = true;
        let closes = config.status == TenantStatus::Closed && known.status != TenantStatus::Closed;
        let account = self.accounts.written(slot).expect("the tenant was found");
        account.tenant.configure(Arc::new(config));
        if closes {
            self.cut_all(slot, on, &mut turn);
        }
        Ok(Some(turn))
    }

    /// Cuts every live call of a tenant that was closed, in the order of call ids.
    fn cut_all(&mut self, tenant: u32, on: &Occasion<'_>, turn: &mut Turn) {
        let mut slots: Vec<u32> = self
            .calls
            .iter()
            .filter(|(_, call)| call.fixed.tenant == tenant && call.counted.live)
            .map(|(slot, _)| slot)
            .collect();
        slots.sort_by_key(|slot| self.calls.get(*slot).map(|call| call.id().clone()));
        for slot in slots {
            let call = self.calls.moved(slot).expect("the call was found");
            let account = self.accounts.moved(tenant).expect("the tenant was found");
            call.cut_for_closing(&account.tenant, on, &mut turn.out);
            account.count(slot, call);
        }
    }
}

/// True where the new configuration lets calls go on that the old one stopped.
fn eases(old: &TenantConfig, new: &TenantConfig) -> bool {
    let higher = |old: Option<i64>, new: Option<i64>| match (old, new) {
        (Some(old), Some(new)) => new > old,
        (Some(_), None) => true,
        (None, _) => false,
    };
    let money = |limit: Option<crate::domain::Money>| limit.map(crate::domain::Money::micros);
    let count = |limit: Option<i32>| limit.map(i64::from);
    let limits = |l: &Limits| {
        [
            money(l.spend_per_day),
            count(l.live_calls),
            count(l.call_minutes),
            money(l.debt),
        ]
    };
    limits(&old.limits)
        .into_iter()
        .zip(limits(&new.limits))
        .any(|(o, n)| higher(o, n))
        || (old.billing_mode == BillingMode::Prepaid && new.billing_mode != BillingMode::Prepaid)
        || (old.cut_scope != new.cut_scope && new.cut_scope == CutScope::DialOutOnly)
}
