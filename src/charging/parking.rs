//! Ticks and ends that came before their start.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::timers::TimerKind;
use super::turn::{Fault, fault};
use super::{Facts, Partition, RawRef};
use crate::calls::Parked;
use crate::domain::{MILLIS_PER_MINUTE, Moment, RawRecord, RejectReason, Rejected, RejectedRecord};

/// How long a tick or end waits for its start, in partition time.
pub(super) const PARKING_MS: i64 = 10 * MILLIS_PER_MINUTE;
/// Most events parked on a partition.
pub(super) const PARKED_PER_PARTITION: usize = 10_000;
/// Most events parked for a call.
pub(super) const PARKED_PER_CALL: usize = 1_500;

/// Most bytes of parked events on a partition, keys and headers included.
pub(super) const PARKED_BYTES_PER_PARTITION: usize = 64 * 1024 * 1024;

/// What a parked event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Said {
    Tick(u32),
    End(i32),
}

/// A parked event, as it came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ParkedRow {
    pub tenant: u32,
    pub call_id: Arc<str>,
    pub said: Said,
    pub parked_at: Moment,
    pub raw: RawRecord,
}

impl Partition {
    /// Parks an event whose call has not started.
    pub(super) fn park(
        &mut self,
        tenant: u32,
        call_id: &str,
        said: Said,
        raw: RawRef<'_>,
    ) -> Result<(), Fault> {
        let call_id: Arc<str> = call_id.into();
        let key = (tenant, call_id.clone());
        let of_call = self.parked_index.get(&key).map_or(0, Vec::len);
        let raw = raw.to_owned();
        let bytes = self.parked_bytes + raw.byte_len();
        if self.parked.len() >= PARKED_PER_PARTITION
            || of_call >= PARKED_PER_CALL
            || bytes > PARKED_BYTES_PER_PARTITION
        {
            return Err(fault(
                RejectReason::Orphan,
                "no start, and no more can be parked",
            ));
        }
        self.parked_bytes = bytes;
        let parked_at = self.time;
        let slot = self.parked.insert(ParkedRow {
            tenant,
            call_id,
            said,
            parked_at,
            raw,
        });
        self.parked_index.entry(key).or_default().push(slot);
        self.timers
            .set(parked_at.plus_millis(PARKING_MS), TimerKind::Parking, slot);
        Ok(())
    }

    /// Takes what is parked for a call, in the order of arrival.
    pub(super) fn unpark(&mut self, tenant: u32, call_id: &str) -> Parked {
        let mut parked = Parked::default();
        if self.parked.len() == 0 {
            return parked;
        }
        let key = (tenant, Arc::from(call_id));
        let mut rows: Vec<ParkedRow> = self
            .parked_index
            .remove(&key)
            .into_iter()
            .flatten()
            .filter_map(|slot| self.parked.remove(slot))
            .collect();
        rows.sort_by_key(|row| row.raw.offset);
        for row in rows {
            self.parked_bytes -= row.raw.byte_len();
            match row.said {
                Said::Tick(minute) => parked.tick = parked.tick.max(Some(minute)),
                Said::End(duration) => parked.ends.push(duration),
            }
        }
        parked
    }

    /// Rejects a parked event whose start never came; false if it is not due.
    pub(super) fn orphan(&mut self, due: Moment, slot: u32, facts: &mut Facts) -> bool {
        let is_due = |row: &ParkedRow| row.parked_at.plus_millis(PARKING_MS) == due;
        if !self.parked.get(slot).is_some_and(is_due) {
            return false;
        }
        let Some(row) = self.parked.remove(slot) else {
            return false;
        };
        self.parked_bytes -= row.raw.byte_len();
        let key = (row.tenant, row.call_id);
        if let Some(slots) = self.parked_index.get_mut(&key) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.parked_index.remove(&key);
            }
        }
        facts.rejected.push(Rejected {
            record: RejectedRecord::Parked(Box::new(row.raw)),
            reason: RejectReason::Orphan,
            message: "its call did not start within the parking time".to_owned(),
        });
        true
    }
}
