//! What the workers of a process need to know.

use std::sync::Arc;
use std::time::Duration;

use super::clients::Connection;
use super::topics::TopicNames;
use crate::charging;
use crate::domain::Moment;
use crate::flow::FlowSettings;
use crate::journal::{Genesis, JournalSettings};

/// The reader's clock: real, or a fast one for the demo.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// Everything that the workers of a process need to know.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// How to reach the cluster.
    pub connection: Connection,
    /// The topics' names.
    pub names: TopicNames,
    /// The group that shares the partitions.
    pub group: String,
    /// This process among those of the group.
    pub instance: String,
    /// Threads.
    pub workers: u32,
    /// When the group gives away the partitions of a worker that is gone.
    pub session_timeout: Duration,
    /// When the broker aborts the transaction of a worker that is gone.
    pub transaction_timeout: Duration,
    /// The flow's.
    pub flow: FlowSettings,
    /// The core's.
    pub charging: charging::Settings,
    /// The journal's.
    pub journal: JournalSettings,
    /// What the journals belong to.
    pub genesis: Genesis,
    /// Whether dead journal is deleted (the embedded cluster cannot).
    pub trims: bool,
    /// Whether to give the partitions away at once when stopped.
    pub leave: bool,
    /// How much may wait between the workers and the threads beside them.
    pub waiting: Waiting,
}

/// How much may wait between workers and the threads that read journals, ask for ends and trim for them.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// Questions for a thread; one that finds no room is asked again later.
    pub questions: usize,
    /// Answers for a worker; the thread with one more waits for the worker to hear.
    pub answers: usize,
}

impl Waiting {
    /// Questions, if nothing else is said.
    pub const QUESTIONS: usize = 1_024;
    /// Answers, if nothing else is said: one of each kind for each partition, and more.
    pub const ANSWERS: usize = 4_096;
}

impl Default for Waiting {
    fn default() -> Self {
        Waiting {
            questions: Self::QUESTIONS,
            answers: Self::ANSWERS,
        }
    }
}

impl WorkerSettings {
    /// A worker's name, unique in the group: its group.instance.id, transactional.id and client.id.
    pub(super) fn worker_name(&self, number: u32) -> String {
        format!("{}-{number}", self.instance)
    }

    /// The names of this process's workers, by number.
    pub(super) fn worker_names(&self) -> impl Iterator<Item = String> {
        (0..self.workers).map(|number| self.worker_name(number))
    }
}
