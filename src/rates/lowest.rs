//! The lowest positive rate of a card over time, as steps.

use std::collections::BTreeMap;

use crate::domain::{Moment, Money};

use super::RateRow;

/// For each moment at which it changes, the lowest positive rate from then on.
#[derive(Debug, Default)]
pub(super) struct LowestRates(Vec<(Moment, Option<Money>)>);

impl LowestRates {
    /// Over the rows of all kinds that are not barred, bands ignored.
    pub(super) fn new(rows: &[RateRow]) -> Self {
        let mut edges: Vec<(Moment, Money, bool)> = Vec::new();
        for row in rows {
            if row.barred || !row.rate_per_minute.is_positive() {
                continue;
            }
            edges.push((row.effective_from, row.rate_per_minute, true));
            edges.extend(
                row.effective_to
                    .map(|end| (end, row.rate_per_minute, false)),
            );
        }
        edges.sort_unstable();
        let mut in_force: BTreeMap<Money, usize> = BTreeMap::new();
        let mut steps: Vec<(Moment, Option<Money>)> = Vec::new();
        for edges in edges.chunk_by(|one, other| one.0 == other.0) {
            // Beginnings before ends, so that no count falls below zero.
            for (_, rate, _) in edges.iter().filter(|edge| edge.2) {
                *in_force.entry(*rate).or_default() += 1;
            }
            for (_, rate, _) in edges.iter().filter(|edge| !edge.2) {
                let count = in_force.get_mut(rate).expect("what ends has begun");
                *count -= 1;
                if *count == 0 {
                    in_force.remove(rate);
                }
            }
            let lowest = in_force.keys().next().copied();
            if steps.last().and_then(|step| step.1) != lowest {
                steps.push((edges[0].0, lowest));
            }
        }
        LowestRates(steps)
    }

    /// At a moment.
    pub(super) fn at(&self, at: Moment) -> Option<Money> {
        let after = self.0.partition_point(|(from, _)| *from <= at);
        self.0[..after].last().and_then(|(_, lowest)| *lowest)
    }
}
