//! Each step of a flow, watched from outside: what it did to each partition, and that partition time moved
//! only as it may.

use tollkeeper::domain::Moment;
use tollkeeper::flow::{Command, Happened, Standing};

use super::log::Message;
use super::script::{Deed, Script};
use super::worker::Worker;
use super::world::World;

/// How late a broker shows a record that it has dated, in milliseconds of its clock.
const SHOWN_WITHIN: i64 = 1_000;

impl Worker {
    /// One step of the flow, and what it did to each partition.
    pub fn step(&mut self, world: &mut World, happened: Happened<'_>) {
        self.steps += 1;
        self.deeds += 1;
        world.steps += 1;
        let now = self.now(world);
        let taken = match &happened {
            Happened::Polled { partition, .. } => Some(*partition),
            _ => None,
        };
        let before = self.standings(world);
        self.flow.step(now, happened, &mut self.fresh);
        let resumed = |command: &Command| match command {
            Command::Resumed(partition) => Some(*partition),
            _ => None,
        };
        for partition in self.fresh.iter().filter_map(resumed) {
            self.scripts.insert(partition, Script::default());
        }
        // What was committed need not be told again.
        for command in &self.fresh {
            if let Command::Report(counts) = command {
                for lane in &counts.lanes {
                    self.scripts.insert(lane.partition, Script::default());
                }
            }
        }
        for partition in 0..world.plan.partitions {
            let place = usize::try_from(partition).expect("a partition");
            let (before, after) = (before[place], self.flow.standing(partition));
            if before != after {
                let what = (partition, taken == Some(partition));
                self.observe(world, what, now.clock, (before, after));
            }
        }
        self.commands.extend(self.fresh.drain(..));
    }

    /// Once time has passed and nothing is under way, nothing that was taken may still wait for its commit.
    pub fn check_waiting(&self, world: &mut World) {
        let most = 5 * world.plan.flow.commit_interval;
        if !self.commands.is_empty() {
            return;
        }
        for (partition, script) in &self.scripts {
            let mut taken = script.iter().filter(|deed| deed.to > deed.from);
            if let Some(first) = taken.next().filter(|deed| world.now > deed.at + most) {
                let waited = world.now - first.at;
                world.fail(format!(
                    "worker {}: {first:?} of partition {partition} waits for {waited} ms",
                    self.id
                ));
            }
        }
    }

    fn standings(&self, world: &World) -> Vec<Option<Standing>> {
        (0..world.plan.partitions)
            .map(|partition| self.flow.standing(partition))
            .collect()
    }

    /// Writes down what a step did to a partition, and checks that time moved only as it may.
    fn observe(
        &mut self,
        world: &mut World,
        (partition, taken): (i32, bool),
        clock: Moment,
        change: (Option<Standing>, Option<Standing>),
    ) {
        let (Some(before), Some(after)) = change else {
            self.scripts.remove(&partition);
            return;
        };
        let (to, time) = (after.next_offset, after.time);
        self.scripts.entry(partition).or_default().push(Deed {
            from: before.next_offset,
            to,
            clock,
            cards: self.cards_seen,
            time,
            timers: after.timers_fired - before.timers_fired,
            at: world.now,
        });
        let input = world.broker.input(partition);
        let stamp = |(_, message): (i64, &std::rc::Rc<Message>)| {
            message.at.expect("input has timestamps").min(clock)
        };
        let taken_until = input.committed(before.next_offset, to).map(stamp).max();
        if time == before.time || Some(time) == taken_until {
            return;
        }
        let by_record = taken && input.committed(to, input.end()).next().map(stamp) == Some(time);
        // The end as it was when the question was asked, not as the answer says.
        let by_clock = self.asked.iter().any(|(of, asked_at, end)| {
            *of == partition
                && asked_at.plus_millis(-SHOWN_WITHIN) == time
                && !input.has_records(to, *end)
        });
        if !by_record && !by_clock {
            let moved = before.time;
            world.fail(format!(
                "worker {}: partition {partition} at {to} moves its time from {moved:?} to {time:?} though its end is not known",
                self.id
            ));
        }
    }
}
