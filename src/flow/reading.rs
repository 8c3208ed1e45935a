//! What was polled and not taken yet: where each partition was polled up to, and which of a batch's
//! records count no more because their partition was started or stopped meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use crate::charging::RawRef;

/// A worker's reading of its input. Whoever polls keeps one and asks it before each run of records.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The position before what is polled next, of each partition that is read.
    positions: BTreeMap<i32, i64>,
    /// Partitions that were started or stopped while the present batch is being taken.
    stale: BTreeSet<i32>,
}

impl Reading {
    /// A new batch is polled.
    pub fn begin_batch(&mut self) {
        self.stale.clear();
    }

    /// A partition is read from this offset on; what was polled of it before counts no more.
    pub fn started(&mut self, partition: i32, offset: i64) {
        self.positions.insert(partition, offset);
        self.stale.insert(partition);
    }

    /// A partition is read no more.
    pub fn stopped(&mut self, partition: i32) {
        self.positions.remove(&partition);
        self.stale.insert(partition);
    }

    /// The position before a run of polled records that ends with `last`; none if they count no more.
    pub fn run(&mut self, partition: i32, last: i64) -> Option<i64> {
        if self.stale.contains(&partition) {
            return None;
        }
        let position = self.positions.get_mut(&partition)?;
        Some(std::mem::replace(position, last + 1))
    }

    /// What is left of a run from `next` on; none if it counts no more.
    #[must_use]
    pub fn rest<'b>(
        &self,
        partition: i32,
        records: &'b [RawRef<'b>],
        next: i64,
    ) -> Option<&'b [RawRef<'b>]> {
        if self.stale.contains(&partition) {
            return None;
        }
        let taken = records.partition_point(|raw| raw.offset < next);
        Some(&records[taken..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Moment;

    fn raw(offset: i64) -> RawRef<'static> {
        RawRef {
            offset,
            timestamp: Moment::EARLIEST,
            key: None,
            payload: None,
            headers: &[],
        }
    }

    #[test]
    fn runs_follow_each_other_from_where_the_partition_was_started() {
        let mut reading = Reading::default();
        assert_eq!(reading.run(0, 7), None, "never started");
        reading.started(0, 5);
        assert_eq!(reading.run(0, 7), None, "polled before it was started");
        reading.begin_batch();
        assert_eq!(reading.run(0, 7), Some(5));
        assert_eq!(reading.run(0, 9), Some(8));
    }

    #[test]
    fn what_was_polled_before_a_stop_or_another_start_counts_no_more() {
        let mut reading = Reading::default();
        reading.started(0, 0);
        reading.begin_batch();
        let records = [raw(0), raw(2), raw(3)];
        assert_eq!(reading.run(0, 3), Some(0));
        let rest = reading.rest(0, &records, 2).expect("it counts");
        assert_eq!(rest.first().map(|raw| raw.offset), Some(2));
        reading.started(0, 2);
        assert!(reading.rest(0, &records, 2).is_none());
        reading.stopped(0);
        reading.begin_batch();
        assert_eq!(reading.run(0, 3), None);
    }
}
