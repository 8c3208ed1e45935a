//! What a record says: where the input stands, what changed, the next slice of the sweep.
//!
//! ```text
//! flags u8 (1 origin, 2 gap, 4 slice)
//! first, count, time, dead_before
//! origin: cluster id, input topic id, partitions, partition
//! gap:    first, count
//! slice:  round, after, to, last u8
//! changes (their number), swept rows (their number), then each:
//!   kind × 16 + table u8, slot, [fixed part] [moving part]
//! ```
//! Numbers are LEB128, texts and parts have their length before them, a row key is 0 for none, else
//! table + 1 and slot.

use std::ops::Range;

use crate::charging::{RowKey, Table};
use crate::domain::Moment;

use super::wire::{Malformed, Reader, put_bytes, put_number, put_signed};

const HAS_ORIGIN: u8 = 1;
const HAS_GAP: u8 = 2;
const HAS_SLICE: u8 = 4;

/// A record of the journal, but for its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body<'a> {
    /// The input positions it covers: from, up to but not with.
    pub positions: Range<i64>,
    /// Partition time.
    pub time: Moment,
    /// The journal offset before which all is dead; 0 for nothing.
    pub dead_before: i64,
    /// What the journal belongs to: in the genesis and where a round begins.
    pub origin: Option<GenesisRef<'a>>,
    /// Input positions that were lost before they were read, as an operator accepted.
    pub gap: Option<Range<i64>>,
    /// The slice of the sweep: in every record but the genesis.
    pub slice: Option<Slice>,
}

/// A [`super::Genesis`] and the partition's number, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenesisRef<'a> {
    /// Kafka's id of the cluster.
    pub cluster_id: &'a str,
    /// Kafka's id of the input topic.
    pub input_topic_id: &'a str,
    /// How many partitions there are.
    pub partitions: i32,
    /// Which one it is.
    pub partition: i32,
}

/// A slice of a round through all rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The round, from 1.
    pub round: u64,
    /// It visits the rows after this one; none: from the first.
    pub after: Option<RowKey>,
    /// Up to and with this one; none where there was no row.
    pub to: Option<RowKey>,
    /// The round ends with it.
    pub last: bool,
}

/// What is said of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind<'a> {
    /// Its moving part changed to this.
    Moved(&'a [u8]),
    /// It is this: fixed and moving part.
    Written(&'a [u8], &'a [u8]),
    /// It is gone.
    Removed,
}

/// A row and what is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The row.
    pub key: RowKey,
    /// What is said of it.
    pub kind: EntryKind<'a>,
    /// Whether the sweep says it.
    pub swept: bool,
}

const MOVED: u8 = 0;
const WRITTEN: u8 = 1;
const REMOVED: u8 = 2;

pub(super) fn put_moved(out: &mut Vec<u8>, key: RowKey, moving: &[u8]) {
    put_row(out, MOVED, key);
    put_bytes(out, moving);
}

pub(super) fn put_written(out: &mut Vec<u8>, key: RowKey, fixed: &[u8], moving: &[u8]) {
    put_row(out, WRITTEN, key);
    put_bytes(out, fixed);
    put_bytes(out, moving);
}

pub(super) fn put_removed(out: &mut Vec<u8>, key: RowKey) {
    put_row(out, REMOVED, key);
}

fn put_row(out: &mut Vec<u8>, kind: u8, key: RowKey) {
    out.push(kind << 4 | key.table as u8);
    put_number(out, key.slot.into());
}

impl Body<'_> {
    /// Appends all but the rows.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let flag = |present: bool, bit: u8| if present { bit } else { 0 };
        out.push(
            flag(self.origin.is_some(), HAS_ORIGIN)
                | flag(self.gap.is_some(), HAS_GAP)
                | flag(self.slice.is_some(), HAS_SLICE),
        );
        put_range(out, &self.positions);
        put_signed(out, self.time.millis());
        put_signed(out, self.dead_before);
        if let Some(origin) = self.origin {
            put_bytes(out, origin.cluster_id.as_bytes());
            put_bytes(out, origin.input_topic_id.as_bytes());
            put_signed(out, origin.partitions.into());
            put_signed(out, origin.partition.into());
        }
        if let Some(gap) = &self.gap {
            put_range(out, gap);
        }
        if let Some(slice) = self.slice {
            put_number(out, slice.round);
            put_key(out, slice.after);
            put_key(out, slice.to);
            out.push(slice.last.into());
        }
    }
}

impl<'a> Body<'a> {
    /// Takes a record's bytes apart: the body and its rows, which are read one by one.
    pub(super) fn open(bytes: &'a [u8]) -> Result<(Self, Entries<'a>), Malformed> {
        let mut reader = Reader::new(bytes);
        let flags = reader.byte()?;
        if flags & !(HAS_ORIGIN | HAS_GAP | HAS_SLICE) != 0 {
            return Err(Malformed("an unknown flag"));
        }
        let body = Body {
            positions: range(&mut reader)?,
            time: Moment::checked_from_millis(reader.signed()?)
                .map_err(|_| Malformed("a time out of range"))?,
            dead_before: reader.signed()?,
            origin: optional(flags & HAS_ORIGIN, &mut reader, origin)?,
            gap: optional(flags & HAS_GAP, &mut reader, range)?,
            slice: optional(flags & HAS_SLICE, &mut reader, slice)?,
        };
        let entries = Entries {
            changes: reader.number()?,
            swept: reader.number()?,
            after: body.slice.and_then(|slice| slice.after),
            to: body.slice.and_then(|slice| slice.to),
            reader,
        };
        Ok((body, entries))
    }
}

/// The rows of a record: first those that changed, then those that the sweep visited.
///
/// Ends with the first row that cannot be understood.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    changes: u64,
    swept: u64,
    /// The last swept row.
    after: Option<RowKey>,
    to: Option<RowKey>,
    reader: Reader<'a>,
}

impl<'a> Entries<'a> {
    pub(super) fn next(&mut self) -> Result<Option<Entry<'a>>, Malformed> {
        let swept = self.changes == 0;
        if swept && self.swept == 0 {
            return self.end();
        }
        if swept {
            self.swept -= 1;
        } else {
            self.changes -= 1;
        }
        let tag = self.reader.byte()?;
        let key = RowKey {
            table: table(tag & 0xF)?,
            slot: self.reader.small()?,
        };
        let kind = match tag >> 4 {
            MOVED => EntryKind::Moved(self.reader.bytes()?),
            WRITTEN => EntryKind::Written(self.reader.bytes()?, self.reader.bytes()?),
            REMOVED => EntryKind::Removed,
            _ => return Err(Malformed("an unknown kind of entry")),
        };
        if swept {
            self.visit(key, kind)?;
        }
        Ok(Some(Entry { key, kind, swept }))
    }

    /// A slice visits whole rows, in order, within its bounds.
    fn visit(&mut self, key: RowKey, kind: EntryKind<'_>) -> Result<(), Malformed> {
        let in_order = self.after.is_none_or(|after| after < key) && self.to >= Some(key);
        if !in_order || !matches!(kind, EntryKind::Written(..)) {
            return Err(Malformed("a swept row out of order"));
        }
        self.after = Some(key);
        Ok(())
    }

    fn end(&self) -> Result<Option<Entry<'a>>, Malformed> {
        if self.reader.is_empty() {
            Ok(None)
        } else {
            Err(Malformed("bytes left over"))
        }
    }
}

fn optional<'a, T>(
    flag: u8,
    reader: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    (flag != 0).then(|| read(reader)).transpose()
}

fn origin<'a>(reader: &mut Reader<'a>) -> Result<GenesisRef<'a>, Malformed> {
    Ok(GenesisRef {
        cluster_id: reader.text()?,
        input_topic_id: reader.text()?,
        partitions: reader.small()?,
        partition: reader.small()?,
    })
}

fn slice(reader: &mut Reader<'_>) -> Result<Slice, Malformed> {
    Ok(Slice {
        round: reader.number()?,
        after: read_key(reader)?,
        to: read_key(reader)?,
        last: match reader.byte()? {
            0 => false,
            1 => true,
            _ => return Err(Malformed("neither true nor false")),
        },
    })
}

fn put_range(out: &mut Vec<u8>, range: &Range<i64>) {
    put_signed(out, range.start);
    put_signed(out, range.end - range.start);
}

fn range(reader: &mut Reader<'_>) -> Result<Range<i64>, Malformed> {
    let start = reader.signed()?;
    let end = start
        .checked_add(reader.signed()?)
        .ok_or(Malformed("positions beyond 63 bits"))?;
    Ok(start..end)
}

fn put_key(out: &mut Vec<u8>, key: Option<RowKey>) {
    match key {
        None => out.push(0),
        Some(key) => {
            out.push(key.table as u8 + 1);
            put_number(out, key.slot.into());
        }
    }
}

fn read_key(reader: &mut Reader<'_>) -> Result<Option<RowKey>, Malformed> {
    match reader.byte()? {
        0 => Ok(None),
        number => Ok(Some(RowKey {
            table: table(number - 1)?,
            slot: reader.small()?,
        })),
    }
}

fn table(number: u8) -> Result<Table, Malformed> {
    const TABLES: [Table; 6] = [
        Table::Partition,
        Table::Tenant,
        Table::Call,
        Table::Closed,
        Table::Payment,
        Table::Parked,
    ];
    let table = TABLES.get(usize::from(number)).copied();
    table.ok_or(Malformed("an unknown table"))
}
