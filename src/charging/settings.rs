//! What goes into `apply` and what comes out.

use crate::domain::{Moment, RawRecord, Record, Rejected};

/// What the operator sets, the same for every tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Live calls of a partition beyond which starts are refused.
    pub live_calls: usize,
    /// How long after the last proved minute a silent call is closed.
    pub silence_minutes: i32,
    /// How far behind partition time an event of an unknown call may be.
    pub late_by_minutes: i32,
    /// Tenants, calls (live, silent and closed ones that are remembered) and payments of a partition,
    /// each: what would add one more is rejected.
    pub kept: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            live_calls: 1_000_000,
            silence_minutes: 10,
            late_by_minutes: 120,
            kept: 50_000_000,
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
