//! Whether the workers can work, and how each of their partitions is.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How a partition of this instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionHealth {
    /// Its journal is being read.
    Restoring,
    /// It is at work.
    Working,
    /// It goes on no more until somebody acts.
    Stopped {
        /// Why, as a word of a closed set.
        kind: &'static str,
        /// Where in the input, if that is known.
        offset: Option<i64>,
        /// Why, for a person.
        reason: String,
    },
}

/// Whether traffic may be sent here, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Nothing stands in the way.
    pub ready: bool,
    /// What does, a sentence each.
    pub reasons: Vec<String>,
    /// Every partition of this instance.
    pub partitions: BTreeMap<i32, PartitionHealth>,
}

/// Kafka answers each working partition every second; after this long without any answer it is away.
const AWAY_AFTER: Duration = Duration::from_secs(5);

/// Written by the workers, read by whoever asks.
#[derive(Debug, Default)]
pub struct Health {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    workers: u32,
    ready: u32,
    heard: Option<Instant>,
    partitions: BTreeMap<i32, PartitionHealth>,
}

impl Health {
    /// Of a process with so many workers, none of which can work yet.
    #[must_use]
    pub fn of_workers(workers: u32) -> Self {
        let health = Health::default();
        health.state().workers = workers;
        health
    }

    /// A worker has its producer.
    pub fn worker_ready(&self) {
        let mut state = self.state();
        state.ready = (state.ready + 1).min(state.workers);
    }

    /// A worker that had a producer is making a new one.
    pub fn worker_not_ready(&self) {
        let mut state = self.state();
        state.ready = state.ready.saturating_sub(1);
    }

    /// Kafka answered something that only it can know.
    pub fn heard(&self, now: Instant) {
        self.state().heard = Some(now);
    }

    /// How a partition is now; it replaces what was known.
    pub fn partition(&self, number: i32, health: PartitionHealth) {
        self.state().partitions.insert(number, health);
    }

    /// These belong to somebody else now.
    pub fn given_up(&self, partitions: &[i32]) {
        let mut state = self.state();
        for partition in partitions {
            state.partitions.remove(partition);
        }
    }

    /// How many partitions are owned and at work.
    #[must_use]
    pub fn owned_and_working(&self) -> (usize, usize) {
        let state = self.state();
        let working = state.partitions.values();
        let working = working.filter(|health| **health == PartitionHealth::Working);
        (state.partitions.len(), working.count())
    }

    /// Whether traffic may be sent here, and why not.
    #[must_use]
    pub fn readiness(&self, now: Instant) -> Readiness {
        let state = self.state();
        let mut reasons = Vec::new();
        let mut health = state.partitions.values();
        if state.partitions.is_empty() && state.ready > 0 {
            reasons.push("no partition is assigned to this instance".to_owned());
        }
        if let Some(heard) = state.heard
            && health.any(|health| *health == PartitionHealth::Working)
        {
            let silent = now.saturating_duration_since(heard);
            if silent > AWAY_AFTER {
                reasons.push(format!("kafka has not answered for {} s", silent.as_secs()));
            }
        }
        if state.ready < state.workers {
            let (ready, workers) = (state.ready, state.workers);
            reasons.push(format!("{ready} of {workers} workers have reached Kafka"));
        }
        for (number, health) in &state.partitions {
            match health {
                PartitionHealth::Working => {}
                PartitionHealth::Restoring => {
                    reasons.push(format!("partition `{number}` is being restored"));
                }
                PartitionHealth::Stopped { reason, .. } => {
                    reasons.push(format!("partition `{number}` is stopped: {reason}"));
                }
            }
        }
        Readiness {
            ready: reasons.is_empty(),
            reasons,
            partitions: state.partitions.clone(),
        }
    }

    /// A thread that panicked while it wrote left nothing half-written: each change is one step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_ready_when_its_workers_are_and_every_partition_works() {
        let health = Health::of_workers(1);
        assert_eq!(
            health.readiness(Instant::now()).reasons,
            ["0 of 1 workers have reached Kafka"]
        );
        health.worker_ready();
        assert_eq!(
            health.readiness(Instant::now()).reasons,
            ["no partition is assigned to this instance"]
        );
        health.partition(3, PartitionHealth::Restoring);
        assert_eq!(
            health.readiness(Instant::now()).reasons,
            ["partition `3` is being restored"]
        );
        health.partition(3, PartitionHealth::Working);
        assert!(health.readiness(Instant::now()).ready);
        assert_eq!(health.owned_and_working(), (1, 1));
    }

    #[test]
    fn an_instance_is_not_ready_while_kafka_does_not_answer() {
        let health = Health::of_workers(0);
        health.partition(0, PartitionHealth::Working);
        let now = Instant::now();
        health.heard(now);
        assert!(health.readiness(now + Duration::from_secs(5)).ready);
        assert_eq!(
            health.readiness(now + Duration::from_secs(7)).reasons,
            ["kafka has not answered for 7 s"]
        );
    }

    #[test]
    fn a_stopped_partition_says_why_until_it_is_given_up() {
        let health = Health::of_workers(0);
        let stopped = PartitionHealth::Stopped {
            kind: "quarantined",
            offset: Some(7),
            reason: "the record at offset `7` trips an assertion".to_owned(),
        };
        health.partition(0, stopped);
        assert_eq!(
            health.readiness(Instant::now()).reasons,
            ["partition `0` is stopped: the record at offset `7` trips an assertion"]
        );
        health.given_up(&[0]);
        assert!(health.readiness(Instant::now()).ready);
    }
}
