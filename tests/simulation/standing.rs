//! How far everything has come.

use std::collections::BTreeSet;

use tollkeeper::domain::Moment;

use super::world::World;

impl World {
    /// Whether all records have come.
    pub fn is_written(&self) -> bool {
        self.records_left == 0
    }

    /// Whether nothing more comes into the input.
    pub fn is_written_or_calm(&self) -> bool {
        !self.busy || self.records_left == 0
    }

    /// Whether every partition is restored to what was committed and at work, but for one that is refused.
    pub fn is_restored(&self) -> bool {
        let at_work = self.workers.values().flat_map(|worker| worker.at_work());
        let at_work: BTreeSet<i32> = at_work.collect();
        (0..self.plan.partitions).all(|partition| {
            let works = at_work.contains(&partition)
                && self.checks.alike.contains(&partition)
                && self.is_processed(partition);
            let damaged = self.damaged.as_ref();
            match damaged.filter(|damaged| damaged.partition == partition) {
                Some(damaged) => damaged.is_refused || (works && self.may_be_restored()),
                None => works,
            }
        })
    }

    /// Whether every partition's time has come to a moment, and all that was due then is committed.
    pub fn is_quiet(&self, moment: Moment) -> bool {
        // As long as a worker may hold everything.
        let pause = self.plan.flow.transaction_timeout + 2_500;
        self.now - self.stirred_at > pause
            && self.checks.is_silent()
            && (0..self.plan.partitions).all(|partition| {
                let mut times = self
                    .workers
                    .values()
                    .filter_map(|worker| worker.time(partition));
                times.any(|time| time >= moment)
            })
    }

    /// How far everything has come, for a failure.
    pub fn standing(&self) -> String {
        let partitions = (0..self.plan.partitions).map(|partition| {
            let end = self.broker.input(partition).end();
            let (position, time) = (self.checks.position(partition), self.checks.time(partition));
            format!("partition {partition}: {position} of {end} at {time:?}")
        });
        partitions.collect::<Vec<_>>().join("\n")
    }

    /// Whether everything in the input is covered by committed journal records.
    pub fn is_all_processed(&self) -> bool {
        (0..self.plan.partitions).all(|partition| self.is_processed(partition))
    }

    fn is_processed(&self, partition: i32) -> bool {
        let input = self.broker.input(partition);
        !input.has_records(self.checks.position(partition), input.end())
    }
}
