//! The state of one partition.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::Settings;
use super::index::{Index, Map, hash_of};
use super::parking::ParkedRow;
use super::rows::Rows;
use super::timers::Timers;
use crate::calls::{Call, Outcome, Packed, Share};
use crate::domain::{LotUse, Moment, TenantBalance};
use crate::wallet::Tenant;

/// A tenant with the index of its calls under a cut.
#[derive(Debug)]
pub(super) struct Account {
    pub tenant: Tenant,
    /// By moment of the cut, then call id; with the call's slot.
    pub cuts: BTreeSet<(Moment, Arc<str>, u32)>,
    /// The publications known when all calls under a cut were asked what their next minute costs.
    pub looked_by: usize,
}

impl Account {
    pub fn new(tenant: Tenant) -> Self {
        Account {
            tenant,
            cuts: BTreeSet::new(),
            looked_by: 0,
        }
    }

    /// Brings the tenant's sums up to a call's share; returns how many more calls are live.
    pub fn count(&mut self, slot: u32, call: &mut Call) -> i32 {
        let share = call.share();
        let before = std::mem::replace(&mut call.counted, share);
        self.recount(slot, call.id(), before, call.counted)
    }

    /// Takes a call's share out of the tenant's sums.
    pub fn discount(&mut self, slot: u32, call: &Call) -> i32 {
        self.recount(slot, call.id(), call.counted, Share::default())
    }

    fn recount(&mut self, slot: u32, id: &Arc<str>, before: Share, after: Share) -> i32 {
        if before == after {
            return 0;
        }
        let wallet = &mut self.tenant.wallet;
        let live = i32::from(after.live) - i32::from(before.live);
        wallet.live_calls += live;
        wallet.burn += after.burn - before.burn;
        wallet.credit_cuts += i32::from(after.credit_cut) - i32::from(before.credit_cut);
        if before.cut_at != after.cut_at {
            if let Some(at) = before.cut_at {
                self.cuts.remove(&(at, id.clone(), slot));
            }
            if let Some(at) = after.cut_at {
                self.cuts.insert((at, id.clone(), slot));
            }
        }
        live
    }
}

/// A payment or adjustment that must not be taken again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PaymentRow {
    pub key: u128,
    pub content: u64,
    /// UTC day of the event.
    pub day: i32,
}

/// What the partition remembers of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Offset of the last record applied; the source of what timers lead to.
    pub last_applied: i64,
    /// Highest version used of each card.
    pub cards: Vec<(Arc<str>, i64)>,
    /// UTC day on which old ids were last forgotten.
    pub cleaned_day: i32,
}

/// One partition's wallets and calls.
#[derive(Debug)]
pub struct Partition {
    pub(super) number: i32,
    pub(super) settings: Settings,
    pub(super) time: Moment,
    pub(super) next_offset: i64,
    pub(super) memory: Rows<Memory>,
    pub(super) accounts: Rows<Account>,
    pub(super) account_index: Index,
    pub(super) calls: Rows<Call>,
    pub(super) call_index: Index,
    pub(super) packed: Rows<Packed>,
    pub(super) packed_index: Map<u128>,
    pub(super) payments: Rows<PaymentRow>,
    pub(super) payment_index: Map<u128>,
    pub(super) parked: Rows<ParkedRow>,
    pub(super) parked_index: HashMap<(u32, Arc<str>), Vec<u32>, foldhash::fast::FixedState>,
    /// Of all parked records; added up anew on restore.
    pub(super) parked_bytes: usize,
    pub(super) timers: Timers,
    pub(super) live_calls: usize,
    /// Timers fired since the partition was made or restored.
    pub(super) timers_fired: u64,
    /// An emptied outcome, so that a turn allocates none.
    pub(super) spare: Outcome,
}

impl Partition {
    /// A partition nothing has happened on yet.
    #[must_use]
    pub fn new(number: i32, settings: Settings) -> Self {
        let mut memory = Rows::default();
        memory.insert(Memory {
            last_applied: -1,
            ..Memory::default()
        });
        Self::from_rows(number, settings, memory)
    }

    pub(super) fn from_rows(number: i32, settings: Settings, memory: Rows<Memory>) -> Self {
        Partition {
            number,
            settings,
            time: Moment::EARLIEST,
            next_offset: 0,
            memory,
            accounts: Rows::default(),
            account_index: Index::default(),
            calls: Rows::default(),
            call_index: Index::default(),
            packed: Rows::default(),
            packed_index: Map::default(),
            payments: Rows::default(),
            payment_index: Map::default(),
            parked: Rows::default(),
            parked_index: HashMap::default(),
            parked_bytes: 0,
            timers: Timers::default(),
            live_calls: 0,
            timers_fired: 0,
            spare: Outcome::default(),
        }
    }

    /// Partition time.
    #[must_use]
    pub fn time(&self) -> Moment {
        self.time
    }

    /// The offset after the last one applied.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The earliest moment at which a timer may be due; a lower bound.
    #[must_use]
    pub fn next_due(&self) -> Option<Moment> {
        self.timers.next()
    }

    /// Timers fired since the partition was made or restored.
    #[must_use]
    pub fn timers_fired(&self) -> u64 {
        self.timers_fired
    }

    /// Moves the position without a record: control markers, an accepted gap, a skipped record.
    pub fn skip_to(&mut self, next_offset: i64) {
        self.next_offset = self.next_offset.max(next_offset);
    }

    /// Live calls.
    #[must_use]
    pub fn live_calls(&self) -> usize {
        self.live_calls
    }

    /// Known tenants.
    #[must_use]
    pub fn tenants(&self) -> usize {
        self.accounts.len()
    }

    /// Highest version used of each rate card, which must be known before the partition goes on.
    #[must_use]
    pub fn card_versions(&self) -> Vec<(String, i64)> {
        let cards = self.memory.get(0).map_or(&[][..], |memory| &memory.cards);
        cards
            .iter()
            .map(|(id, version)| (id.to_string(), *version))
            .collect()
    }

    /// Everything that can be said of a tenant's balance now.
    #[must_use]
    pub fn balance_of(&self, tenant_id: &str) -> Option<TenantBalance> {
        let slot = self.find_account(tenant_id)?;
        self.accounts
            .get(slot)
            .map(|account| self.tenant_balance(&account.tenant))
    }

    /// The balances of tenants changed since the changes were last taken, by tenant id.
    #[must_use]
    pub fn changed_balances(&self) -> Vec<TenantBalance> {
        let mut slots = self.accounts.changed().to_vec();
        slots.sort_unstable();
        slots.dedup();
        let accounts = slots.into_iter().filter_map(|slot| self.accounts.get(slot));
        let mut balances: Vec<_> = accounts
            .map(|account| self.tenant_balance(&account.tenant))
            .collect();
        balances.sort_by(|a, b| a.tenant_id.cmp(&b.tenant_id));
        balances
    }

    fn tenant_balance(&self, tenant: &Tenant) -> TenantBalance {
        let wallet = &tenant.wallet;
        let left = wallet
            .pool
            .left(self.time.month(), tenant.config.subscription_licenses);
        let lots = wallet.lots.iter().map(|lot| LotUse {
            lot_id: lot.identity.id.clone(),
            amount: lot.state.remaining,
        });
        TenantBalance {
            tenant_id: tenant.id.clone(),
            balance: wallet.balance(),
            available: tenant.available(),
            holds: wallet.holds,
            debt: wallet.debt,
            currency: tenant.config.currency,
            pool_minutes_left: i32::try_from(left).unwrap_or(i32::MAX),
            live_calls: wallet.live_calls,
            entry_sequence: wallet.entry_sequence,
            lots: lots.collect(),
            updated_at: self.time,
        }
    }

    pub(super) fn find_account(&self, tenant_id: &str) -> Option<u32> {
        let is = |slot| {
            self.accounts
                .get(slot)
                .is_some_and(|account| *account.tenant.id == *tenant_id)
        };
        self.account_index.find(hash_of(0, tenant_id), is)
    }

    pub(super) fn find_call(&self, tenant: u32, call_id: &str) -> Option<u32> {
        let is = |slot| {
            self.calls
                .get(slot)
                .is_some_and(|call| call.fixed.tenant == tenant && **call.id() == *call_id)
        };
        self.call_index.find(hash_of(tenant + 1, call_id), is)
    }

    pub(super) fn count_live(&mut self, change: i32) {
        self.live_calls = self
            .live_calls
            .checked_add_signed(isize::try_from(change).expect("a small number"))
            .expect("live calls are never fewer than none");
    }
}
