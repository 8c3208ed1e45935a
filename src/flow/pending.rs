//! What the partitions have for their next commit: held back, or sent already.

use std::collections::BTreeMap;

use super::{Counts, Outgoing};
use crate::domain::Moment;

/// What came of a partition's records and timers since its last commit.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub partition: i32,
    /// When the first of it was taken, milliseconds.
    pub since: u64,
    /// What has not been sent yet.
    pub outgoing: Outgoing,
    /// What was done.
    pub counts: Counts,
    /// Whether there is an order or an exhaustion notice.
    pub urgent: bool,
}

impl Pending {
    /// When it must be committed, if it may wait for so long.
    pub(super) fn due(&self, interval: u64) -> u64 {
        if self.urgent {
            self.since
        } else {
            self.since + interval
        }
    }
}

/// What all partitions have for their next commits, and emptied buffers to be used again.
#[derive(Debug, Default)]
pub(super) struct Pendings {
    of: BTreeMap<i32, Pending>,
    spare: Vec<Outgoing>,
}

/// Emptied buffers that are kept.
const SPARE: usize = 16;
/// Bytes that such a buffer has room in at most: what a backlog filled is not held for good.
const SPARE_BYTES: usize = 256 * 1024;

impl Pendings {
    /// A partition has something, or will.
    pub(super) fn open(&mut self, partition: i32, since: u64) {
        let spare = &mut self.spare;
        self.of.entry(partition).or_insert_with(|| Pending {
            partition,
            since,
            outgoing: spare.pop().unwrap_or_default(),
            ..Pending::default()
        });
    }

    pub(super) fn get_mut(&mut self, partition: i32) -> Option<&mut Pending> {
        self.of.get_mut(&partition)
    }

    /// Takes out what chosen partitions have.
    pub(super) fn take(&mut self, chosen: impl FnMut(&Pending) -> bool) -> Vec<Pending> {
        let all = std::mem::take(&mut self.of).into_values();
        let (taken, left): (Vec<_>, Vec<_>) = all.partition(chosen);
        self.of = left.into_iter().map(|it| (it.partition, it)).collect();
        taken
    }

    /// Forgets what a partition has.
    pub(super) fn forget(&mut self, partition: i32) {
        if let Some(pending) = self.of.remove(&partition) {
            self.recycle(pending.outgoing);
        }
    }

    /// Forgets all of it.
    pub(super) fn clear(&mut self) {
        for pending in std::mem::take(&mut self.of).into_values() {
            self.recycle(pending.outgoing);
        }
    }

    /// The records that are to be sent, of one partition after the other.
    pub(super) fn take_outgoing(&mut self) -> Vec<Outgoing> {
        let spare = &mut self.spare;
        let filled = self.of.values_mut().filter(|it| !it.outgoing.is_empty());
        filled
            .map(|it| std::mem::replace(&mut it.outgoing, spare.pop().unwrap_or_default()))
            .collect()
    }

    /// Keeps a buffer that is not needed any more.
    pub(super) fn recycle(&mut self, mut outgoing: Outgoing) {
        if self.spare.len() < SPARE && outgoing.room() <= SPARE_BYTES {
            outgoing.clear();
            self.spare.push(outgoing);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// Whether a partition has something.
    pub(super) fn has(&self, partition: i32) -> bool {
        self.of.contains_key(&partition)
    }

    /// When the first of it must be committed.
    pub(super) fn due(&self, interval: u64) -> Option<u64> {
        self.of.values().map(|it| it.due(interval)).min()
    }

    /// The timestamp of the newest record taken.
    pub(super) fn newest(&self) -> Option<Moment> {
        self.of.values().filter_map(|it| it.counts.newest).max()
    }

    /// Records of the input that were taken.
    pub(super) fn records(&self) -> u64 {
        self.of.values().map(|it| it.counts.records()).sum()
    }

    /// Bytes that are not sent yet.
    pub(super) fn held(&self) -> usize {
        self.of.values().map(|it| it.outgoing.byte_len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Destination;

    #[test]
    fn few_emptied_buffers_are_kept_and_no_large_one() {
        let filled = |bytes: usize| {
            let mut outgoing = Outgoing::default();
            let draft = outgoing.begin(None);
            outgoing.end_with(draft, Destination::Rejected, 0, Some(&vec![0; bytes]), 0);
            outgoing
        };
        let mut pendings = Pendings::default();
        pendings.recycle(filled(SPARE_BYTES));
        assert_eq!(pendings.spare.len(), 0);
        for _ in 0..=SPARE {
            pendings.recycle(filled(100));
        }
        assert_eq!(pendings.spare.len(), SPARE);
        assert!(pendings.spare.iter().all(Outgoing::is_empty));
    }
}
