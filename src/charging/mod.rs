//! One partition's state and `apply`: the whole business on one screen.

use crate::domain::{Event, Moment, RawRecord, Record, Rejected};
use crate::rates::RateCards;

/// What the operator sets, the same for every tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Live calls of a partition beyond which starts are refused.
    pub live_calls: usize,
    /// How long after the last proved minute a silent call is closed.
    pub silence_minutes: i32,
    /// How far behind partition time an event of an unknown call may be.
    pub late_by_minutes: i32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            live_calls: 1_000_000,
            silence_minutes: 10,
            late_by_minutes: 120,
        }
    }
}

/// A record of the input, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct RawRef<'a> {
    /// Its offset.
    pub offset: i64,
    /// Its Kafka timestamp.
    pub timestamp: Moment,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub payload: Option<&'a [u8]>,
    /// Its headers.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// What an event or timer led to: in order entries, notices, orders; and records at fault.
#[derive(Debug, Default)]
pub struct Facts {
    /// What is published.
    pub records: Vec<Record>,
    /// What is rejected.
    pub rejected: Vec<Rejected>,
}

/// One partition's wallets and calls.
#[derive(Debug)]
pub struct Partition {}

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

/// A partition on its way back from the journal.
#[derive(Debug)]
pub struct Restoring {}

impl Partition {
    /// A partition nothing has happened on yet.
    #[must_use]
    pub fn new(_number: i32, _settings: Settings) -> Self {
        Partition {}
    }
    /// Partition time.
    #[must_use]
    pub fn time(&self) -> Moment {
        Moment::EARLIEST
    }
    /// The offset after the last one applied.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        0
    }
    /// The earliest moment at which a timer may be due; a lower bound.
    #[must_use]
    pub fn next_due(&self) -> Option<Moment> {
        None
    }
    /// Moves partition time (never back) and fires due timers, at most `limit`; true when none is left due.
    /// Everything it appends to `facts` has the cause `timer`.
    pub fn advance(
        &mut self,
        _to: Moment,
        _cards: &RateCards,
        _limit: usize,
        _facts: &mut Facts,
    ) -> bool {
        true
    }
    /// Applies one record (whose timestamp `advance` has been given): an event, or what is wrong with it.
    pub fn apply(
        &mut self,
        _raw: RawRef<'_>,
        _event: Result<Event<'_>, Rejected>,
        _cards: &RateCards,
        _facts: &mut Facts,
    ) {
    }
    /// Moves the position without a record: control markers, an accepted gap, a skipped record.
    pub fn skip_to(&mut self, _next_offset: i64) {}
    /// Live calls.
    #[must_use]
    pub fn live_calls(&self) -> usize {
        0
    }
    /// Known tenants.
    #[must_use]
    pub fn tenants(&self) -> usize {
        0
    }
    /// Highest version used of each rate card, which must be known before the partition goes on.
    #[must_use]
    pub fn card_versions(&self) -> Vec<(String, i64)> {
        Vec::new()
    }
    /// The rows that changed since the last call, each once; forgets them.
    pub fn take_changes(&mut self) -> Vec<Change> {
        Vec::new()
    }
    /// Appends a part of a row that exists.
    pub fn write_row(&self, _key: RowKey, _part: Part, _out: &mut Vec<u8>) {}
    /// The first existing row after `after` in sweep order (table, then slot).
    #[must_use]
    pub fn next_row(&self, _after: Option<RowKey>) -> Option<RowKey> {
        None
    }
    /// Begins to read a partition back.
    #[must_use]
    pub fn restore(number: i32, settings: Settings) -> Restoring {
        let _ = (number, settings);
        Restoring {}
    }
}

impl Restoring {
    /// Takes a part of a row; the last one of each part wins.
    pub fn put(&mut self, _key: RowKey, _part: Part, _bytes: &[u8]) -> Result<(), RowError> {
        Ok(())
    }
    /// Takes a row's removal.
    pub fn remove(&mut self, _key: RowKey) {}
    /// Every row must now have both parts. `time` and `next_offset` are the journal's.
    pub fn finish(self, _time: Moment, _next_offset: i64) -> Result<Partition, RowError> {
        Ok(Partition {})
    }
}

/// The parked or current record, owned.
impl RawRef<'_> {
    /// A copy.
    #[must_use]
    pub fn to_owned(self) -> RawRecord {
        RawRecord {
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key.map(<[u8]>::to_vec),
            payload: self.payload.map(<[u8]>::to_vec),
            headers: self
                .headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.map(<[u8]>::to_vec)))
                .collect(),
        }
    }
}
