//! The state as rows for the journal.

use serde::Serialize;

use super::partition::Partition;
use super::rows::{Change, Layout, Part, RowKey, Table};
use crate::wallet::LotState;

const TABLES: [Table; 6] = [
    Table::Partition,
    Table::Tenant,
    Table::Call,
    Table::Closed,
    Table::Payment,
    Table::Parked,
];

impl Partition {
    /// The rows that changed since the last call, each once; forgets them.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        self.memory.take_changes(Table::Partition, &mut changes);
        self.accounts.take_changes(Table::Tenant, &mut changes);
        self.calls.take_changes(Table::Call, &mut changes);
        self.packed.take_changes(Table::Closed, &mut changes);
        self.payments.take_changes(Table::Payment, &mut changes);
        self.parked.take_changes(Table::Parked, &mut changes);
        changes
    }

    /// Appends a part of a row that exists. Rows that never change in part have no moving part.
    pub fn write_row(&self, key: RowKey, part: Part, out: &mut Vec<u8>) {
        self.write_row_as(Layout::LATEST, key, part, out);
    }

    /// The same, laid out as an older version reads it.
    pub fn write_row_as(&self, layout: Layout, key: RowKey, part: Part, out: &mut Vec<u8>) {
        let slot = key.slot;
        match (key.table, part) {
            (Table::Partition, Part::Fixed) => {
                let memory = self.memory.get(slot).expect("the row exists");
                append(out, &(&memory.cards, memory.cleaned_day));
            }
            (Table::Partition, Part::Moving) => {
                append(
                    out,
                    &self.memory.get(slot).expect("the row exists").last_applied,
                );
            }
            (Table::Tenant, Part::Fixed) => {
                let tenant = &self.accounts.get(slot).expect("the row exists").tenant;
                let lots: Vec<_> = tenant.wallet.lots.iter().map(|lot| &lot.identity).collect();
                append(out, &(&tenant.id, &*tenant.config, lots));
            }
            (Table::Tenant, Part::Moving) => {
                let wallet = &self
                    .accounts
                    .get(slot)
                    .expect("the row exists")
                    .tenant
                    .wallet;
                let lots: smallvec::SmallVec<[LotState; 2]> =
                    wallet.lots.iter().map(|lot| lot.state).collect();
                append(out, &(wallet, lots));
            }
            (Table::Call, Part::Fixed) => {
                let fixed = &self.calls.get(slot).expect("the row exists").fixed;
                append(out, fixed);
                if layout >= Layout::Two {
                    append(out, &fixed.leg.first_price);
                }
            }
            (Table::Call, Part::Moving) => {
                append(out, &self.calls.get(slot).expect("the row exists").state);
            }
            (Table::Closed, Part::Fixed) => {
                append(out, self.packed.get(slot).expect("the row exists"));
            }
            (Table::Payment, Part::Fixed) => {
                append(out, self.payments.get(slot).expect("the row exists"));
            }
            (Table::Parked, Part::Fixed) => {
                append(out, self.parked.get(slot).expect("the row exists"));
            }
            (Table::Closed | Table::Payment | Table::Parked, Part::Moving) => {}
        }
    }

    /// The first existing row after `after` in sweep order (table, then slot).
    #[must_use]
    pub fn next_row(&self, after: Option<RowKey>) -> Option<RowKey> {
        TABLES.into_iter().find_map(|table| {
            let from = match after {
                Some(key) if key.table > table => return None,
                Some(key) if key.table == table => key.slot.checked_add(1)?,
                _ => 0,
            };
            let slot = match table {
                Table::Partition => self.memory.next_slot(from),
                Table::Tenant => self.accounts.next_slot(from),
                Table::Call => self.calls.next_slot(from),
                Table::Closed => self.packed.next_slot(from),
                Table::Payment => self.payments.next_slot(from),
                Table::Parked => self.parked.next_slot(from),
            };
            slot.map(|slot| RowKey { table, slot })
        })
    }
}

fn append(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    postcard::to_io(value, out).expect("a row always serializes");
}
