//! Tables of the state: rows in slots, with a note of which changed since the journal last took them.

/// The tables whose rows the journal carries, in the order of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// The partition itself: one row, slot 0.
    Partition = 0,
    /// Tenants with their wallets.
    Tenant = 1,
    /// Live and silent calls.
    Call = 2,
    /// Closed calls, packed.
    Closed = 3,
    /// Idempotency ids of payments and adjustments.
    Payment = 4,
    /// Parked events.
    Parked = 5,
}

/// A row of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// Its table.
    pub table: Table,
    /// Its slot.
    pub slot: u32,
}

/// Which part of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Written when the row is made or its fixed part changes, and in the sweep.
    Fixed,
    /// Written whenever the row changes, and in the sweep.
    Moving,
}

/// How the bytes of rows are laid out. A journal's format says which it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// The first.
    One,
    /// A call's fixed part ends with the price of its minute 1.
    Two,
}

impl Layout {
    /// The one that has all there is.
    pub const LATEST: Layout = Layout::Two;
}

/// A row that changed since the changes were last taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only its moving part.
    Moved(RowKey),
    /// Both parts (it is new, or its fixed part changed).
    Written(RowKey),
    /// It is gone.
    Removed(RowKey),
}

/// The most slots of a table; a higher one in a journal is damage. [`super::Settings::kept`] and the bounds
/// of parking keep every table far below it.
pub(super) const MAX_SLOTS: usize = 1 << 27;

/// A row that cannot be read back.
#[derive(Debug, thiserror::Error)]
#[error("row {table:?}/{slot}: {what}")]
pub struct RowError {
    /// Its table.
    pub table: Table,
    /// Its slot.
    pub slot: u32,
    /// What is wrong with it.
    pub what: String,
}

/// What of a row changed since the changes were last taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Clean,
    Moved,
    Written,
}

#[derive(Debug)]
struct Row<T> {
    value: T,
    mark: Mark,
}

/// Rows of one table, each in a slot of its own for life.
#[derive(Debug)]
pub(super) struct Rows<T> {
    slots: Vec<Option<Row<T>>>,
    free: Vec<u32>,
    changed: Vec<u32>,
    len: usize,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Rows {
            slots: Vec::new(),
            free: Vec::new(),
            changed: Vec::new(),
            len: 0,
        }
    }
}

impl<T> Rows<T> {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The row in this slot.
    pub fn get(&self, slot: u32) -> Option<&T> {
        self.slots.get(place(slot))?.as_ref().map(|row| &row.value)
    }

    /// The row in this slot, to change its moving part.
    pub fn moved(&mut self, slot: u32) -> Option<&mut T> {
        self.marked(slot, false)
    }

    /// The row in this slot, to change its fixed part too.
    pub fn written(&mut self, slot: u32) -> Option<&mut T> {
        self.marked(slot, true)
    }

    fn marked(&mut self, slot: u32, fixed: bool) -> Option<&mut T> {
        let row = self.slots.get_mut(place(slot))?.as_mut()?;
        if row.mark == Mark::Clean {
            self.changed.push(slot);
            row.mark = Mark::Moved;
        }
        if fixed {
            row.mark = Mark::Written;
        }
        Some(&mut row.value)
    }

    /// Puts a new row into a free slot.
    pub fn insert(&mut self, value: T) -> u32 {
        let row = Some(Row {
            value,
            mark: Mark::Written,
        });
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[place(slot)] = row;
            slot
        } else {
            assert!(self.slots.len() < MAX_SLOTS, "tables are bounded");
            self.slots.push(row);
            u32::try_from(self.slots.len() - 1).expect("fewer rows than 32 bits count")
        };
        self.changed.push(slot);
        self.len += 1;
        slot
    }

    /// Takes the row out of its slot.
    pub fn remove(&mut self, slot: u32) -> Option<T> {
        let row = self.slots.get_mut(place(slot))?.take()?;
        if row.mark == Mark::Clean {
            self.changed.push(slot);
        }
        self.free.push(slot);
        self.len -= 1;
        Some(row.value)
    }

    /// Slots and rows, in the order of slots.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots.iter().enumerate().filter_map(|(slot, row)| {
            let slot = u32::try_from(slot).expect("fewer rows than 32 bits count");
            row.as_ref().map(|row| (slot, &row.value))
        })
    }

    /// The first used slot at or after this one.
    pub fn next_slot(&self, from: u32) -> Option<u32> {
        let rest = self.slots.get(place(from)..)?;
        let ahead = rest.iter().position(Option::is_some)?;
        u32::try_from(ahead).ok().map(|ahead| from + ahead)
    }

    /// Slots whose rows changed, without forgetting them.
    pub fn changed(&self) -> &[u32] {
        &self.changed
    }

    /// The changes since they were last taken, each row once, in the order of slots.
    pub fn take_changes(&mut self, table: Table, changes: &mut Vec<Change>) {
        self.changed.sort_unstable();
        self.changed.dedup();
        for slot in self.changed.drain(..) {
            let key = RowKey { table, slot };
            changes.push(match &mut self.slots[place(slot)] {
                None => Change::Removed(key),
                Some(row) => match std::mem::replace(&mut row.mark, Mark::Clean) {
                    Mark::Written => Change::Written(key),
                    Mark::Clean | Mark::Moved => Change::Moved(key),
                },
            });
        }
    }

    /// From what was restored, slot by slot; nothing counts as changed.
    pub fn restored(values: Vec<Option<T>>) -> Self {
        let mut rows = Rows::default();
        for (slot, value) in values.into_iter().enumerate() {
            if value.is_some() {
                rows.len += 1;
            } else {
                rows.free
                    .push(u32::try_from(slot).expect("fewer rows than 32 bits count"));
            }
            rows.slots.push(value.map(|value| Row {
                value,
                mark: Mark::Clean,
            }));
        }
        rows
    }
}

fn place(slot: u32) -> usize {
    usize::try_from(slot).expect("a slot fits into a word")
}
