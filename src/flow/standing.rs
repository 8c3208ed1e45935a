//! How far a flow has come, for those who ask from outside.

use crate::domain::Moment;

use super::lane::Lane;
use super::{EndOfPartition, Flow, LaneCounts, StopReason};

impl Flow {
    /// The next offset to take of a partition at work.
    #[must_use]
    pub fn position(&self, partition: i32) -> Option<i64> {
        match self.lanes.get(&partition) {
            Some(Lane::Live(live)) => Some(live.state.next_offset()),
            _ => None,
        }
    }

    /// How far a partition at work has come, committed or not.
    #[must_use]
    pub fn standing(&self, partition: i32) -> Option<Standing> {
        match self.lanes.get(&partition) {
            Some(Lane::Live(live)) => Some(Standing {
                next_offset: live.state.next_offset(),
                time: live.state.time(),
                timers_fired: live.state.timers_fired(),
            }),
            _ => None,
        }
    }

    /// Tells where a partition ends, also of one that is stopped. Every record polled by then must have been taken, so
    /// that the consumer's position, if it has one, is what was applied with the control markers behind it.
    #[must_use]
    pub fn ended(&self, end: EndOfPartition, polled: Option<i64>) -> Option<EndOfPartition> {
        let applied = match self.lanes.get(&end.partition)? {
            Lane::Live(live) => live.state.next_offset(),
            Lane::Stopped { next_offset, .. } => (*next_offset)?,
            Lane::Restoring { .. } | Lane::AwaitingCards(_) => return None,
        };
        let position = polled.map_or(applied, |polled| polled.max(applied));
        Some(EndOfPartition { position, ..end })
    }

    /// What a partition at work has, as a commit would tell it that wrote nothing to its journal.
    #[must_use]
    pub fn counts(&self, partition: i32) -> Option<LaneCounts> {
        match self.lanes.get(&partition) {
            Some(Lane::Live(live)) => Some(live.counts(0)),
            _ => None,
        }
    }

    /// The partitions that are ours, each with the reason if it is stopped or none if it is restored.
    pub fn lanes(&self) -> impl Iterator<Item = (i32, LaneView<'_>)> {
        self.lanes.iter().map(|(number, lane)| {
            let view = match lane {
                Lane::Restoring { .. } | Lane::AwaitingCards(_) => LaneView::Restoring,
                Lane::Live(_) => LaneView::Live,
                Lane::Stopped { reason, .. } => LaneView::Stopped(reason),
            };
            (*number, view)
        })
    }
}

/// How far a partition at work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The next offset to take.
    pub next_offset: i64,
    /// Partition time.
    pub time: Moment,
    /// Timers fired since it was restored.
    pub timers_fired: u64,
}

/// A lane from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneView<'a> {
    /// Being taken over.
    Restoring,
    /// At work.
    Live,
    /// Going on no more.
    Stopped(&'a StopReason),
}
