//! The state back from the rows of the journal.

use std::hash::Hash;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::de::DeserializeOwned;

use super::halves::{Halves, Shared};
use super::index::hash_of;
use super::parking::{PARKING_MS, ParkedRow};
use super::partition::{Account, Memory, Partition, PaymentRow};
use super::rows::{Layout, Part, RowError, RowKey, Rows, Table};
use super::settings::Settings;
use super::timers::TimerKind;
use crate::calls::{Call, CallFixed, CallState, Packed};
use crate::domain::{Moment, TenantConfig};
use crate::wallet::{LotIdentity, LotState, Lots, Tenant, Wallet};

type MemoryFixed = (Vec<(Arc<str>, i64)>, i32);
type TenantFixed = (Arc<str>, Arc<TenantConfig>, Vec<LotIdentity>);

/// A partition on its way back from the journal.
#[derive(Debug)]
pub struct Restoring {
    number: i32,
    settings: Settings,
    memory: Halves<MemoryFixed, i64>,
    tenants: Halves<TenantFixed, (Wallet, Vec<LotState>)>,
    calls: Halves<CallFixed, CallState>,
    packed: Halves<Packed, ()>,
    payments: Halves<PaymentRow, ()>,
    parked: Halves<ParkedRow, ()>,
    shared: Shared,
}

impl Partition {
    /// Begins to read a partition back.
    #[must_use]
    pub fn restore(number: i32, settings: Settings) -> Restoring {
        Restoring {
            number,
            settings,
            memory: Halves::new(Table::Partition),
            tenants: Halves::new(Table::Tenant),
            calls: Halves::new(Table::Call),
            packed: Halves::new(Table::Closed),
            payments: Halves::new(Table::Payment),
            parked: Halves::new(Table::Parked),
            shared: Shared::default(),
        }
    }
}

impl Restoring {
    /// Takes a part of a row; the last one of each part wins.
    pub fn put(&mut self, key: RowKey, part: Part, bytes: &[u8]) -> Result<(), RowError> {
        self.put_as(Layout::LATEST, key, part, bytes)
    }

    /// The same, laid out as an older version wrote it.
    pub fn put_as(
        &mut self,
        layout: Layout,
        key: RowKey,
        part: Part,
        bytes: &[u8],
    ) -> Result<(), RowError> {
        match (key.table, part) {
            (Table::Partition, Part::Fixed) => self.memory.at(key)?.0 = Some(read(key, bytes)?),
            (Table::Partition, Part::Moving) => self.memory.at(key)?.1 = Some(read(key, bytes)?),
            (Table::Tenant, Part::Fixed) => {
                let (id, config, lots): (Arc<str>, TenantConfig, _) = read(key, bytes)?;
                let config = self.shared.config(config);
                self.tenants.at(key)?.0 = Some((id, config, lots));
            }
            (Table::Tenant, Part::Moving) => self.tenants.at(key)?.1 = Some(read(key, bytes)?),
            (Table::Call, Part::Fixed) => {
                let mut fixed = read_call(layout, key, bytes)?;
                self.shared.description(&mut fixed.leg.description);
                self.calls.at(key)?.0 = Some(fixed);
            }
            (Table::Call, Part::Moving) => self.calls.at(key)?.1 = Some(read(key, bytes)?),
            (Table::Closed, Part::Fixed) => self.packed.at(key)?.0 = Some(read(key, bytes)?),
            (Table::Payment, Part::Fixed) => self.payments.at(key)?.0 = Some(read(key, bytes)?),
            (Table::Parked, Part::Fixed) => self.parked.at(key)?.0 = Some(read(key, bytes)?),
            (Table::Closed | Table::Payment | Table::Parked, Part::Moving) => {
                if !bytes.is_empty() {
                    return Err(key.error("it has no moving part"));
                }
            }
        }
        Ok(())
    }

    /// Takes a row's removal.
    pub fn remove(&mut self, key: RowKey) {
        match key.table {
            Table::Partition => self.memory.remove(key),
            Table::Tenant => self.tenants.remove(key),
            Table::Call => self.calls.remove(key),
            Table::Closed => self.packed.remove(key),
            Table::Payment => self.payments.remove(key),
            Table::Parked => self.parked.remove(key),
        }
    }

    /// Every row must now have both parts. `time` and `next_offset` are the journal's.
    pub fn finish(self, time: Moment, next_offset: i64) -> Result<Partition, RowError> {
        let memory = self.memory.join(|(cards, cleaned_day), last_applied| {
            Ok(Memory {
                last_applied,
                cards,
                cleaned_day,
            })
        })?;
        let memory = if memory.is_empty() {
            let mut fresh = Rows::default();
            fresh.insert(Memory {
                last_applied: -1,
                ..Memory::default()
            });
            fresh
        } else {
            Rows::restored(memory)
        };
        let mut partition = Partition::from_rows(self.number, self.settings, memory);
        partition.time = time;
        partition.next_offset = next_offset;
        let accounts = self
            .tenants
            .join(|(id, config, identities), (mut wallet, states)| {
                wallet.lots = Lots::from_parts(identities, &states)
                    .ok_or_else(|| "its lots differ in number".to_owned())?;
                Ok(Account::new(Tenant { id, config, wallet }))
            })?;
        partition.accounts = Rows::restored(accounts);
        let calls = self
            .calls
            .join(|fixed, state| Ok(Call::from_parts(fixed, state)))?;
        partition.calls = Rows::restored(calls);
        partition.packed = Rows::restored(self.packed.whole());
        partition.payments = Rows::restored(self.payments.whole());
        partition.parked = Rows::restored(self.parked.whole());
        partition.rebuild()?;
        Ok(partition)
    }
}

fn read<T: DeserializeOwned>(key: RowKey, bytes: &[u8]) -> Result<T, RowError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(key.error("bytes left over")),
        Err(error) => Err(key.error(&error.to_string())),
    }
}

/// The fixed part of a call. In the first layout minute 1 is priced when it is first held or debited.
fn read_call(layout: Layout, key: RowKey, bytes: &[u8]) -> Result<CallFixed, RowError> {
    match layout {
        Layout::One => read(key, bytes),
        Layout::Two => {
            let (mut fixed, first_price): (CallFixed, _) = read(key, bytes)?;
            fixed.leg.first_price = first_price;
            Ok(fixed)
        }
    }
}

fn index<K: Hash + Eq, T>(
    rows: &Rows<T>,
    key: impl Fn(&T) -> K,
) -> HashMap<K, u32, foldhash::fast::FixedState> {
    rows.iter().map(|(slot, row)| (key(row), slot)).collect()
}

impl Partition {
    /// Builds what is not written: indexes, timers and sums.
    fn rebuild(&mut self) -> Result<(), RowError> {
        for (slot, account) in self.accounts.iter() {
            self.account_index
                .insert(hash_of(0, &account.tenant.id), slot);
        }
        self.packed_index = index(&self.packed, |row| row.key);
        self.payment_index = index(&self.payments, |row| row.key);
        for (slot, row) in self.parked.iter() {
            let key = (row.tenant, row.call_id.clone());
            self.parked_index.entry(key).or_default().push(slot);
            self.parked_bytes += row.raw.byte_len();
            let due = row.parked_at.plus_millis(PARKING_MS);
            self.timers.set(due, TimerKind::Parking, slot);
        }
        let slots: Vec<u32> = self.calls.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.count_restored(slot)?;
        }
        self.set_call_timers();
        let tenants: Vec<u32> = self.accounts.iter().map(|(slot, _)| slot).collect();
        for slot in tenants {
            self.set_lot_timers(slot);
        }
        self.take_changes();
        Ok(())
    }

    fn count_restored(&mut self, slot: u32) -> Result<(), RowError> {
        let Some(call) = self.calls.moved(slot) else {
            return Ok(());
        };
        self.call_index
            .insert(hash_of(call.fixed.tenant + 1, call.id()), slot);
        let key = RowKey {
            table: Table::Call,
            slot,
        };
        let account = self.accounts.moved(call.fixed.tenant);
        let account = account.ok_or_else(|| key.error("its tenant is missing"))?;
        let live = account.count(slot, call);
        self.count_live(live);
        Ok(())
    }
}
