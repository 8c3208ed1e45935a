//! The configuration: one TOML file and the environment, read once and validated before anything
//! starts. It never falls back on a default for a value that is wrong, and names every fault at once.

mod faults;
mod properties;
mod reader;
mod source;
mod validate;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use faults::{Fault, Faults};

use crate::charging;
use crate::codec::Partitioner;
use crate::journal::JournalSettings;
use crate::kafka::{Connection, TopicNames, TopicSettings};
use crate::telemetry::LogSettings;

/// Everything an operator sets, validated.
#[derive(Clone, Debug)]
pub struct Config {
    /// How Kafka is reached.
    pub kafka: Connection,
    /// The topics' names.
    pub names: TopicNames,
    /// The topics' shape, for `topics create` and `topics check`.
    pub topics: TopicSettings,
    /// The workers of this process.
    pub worker: Worker,
    /// How producers choose a partition for a tenant.
    pub partitioner: Partitioner,
    /// Where writers' schemas are that are not built in.
    pub schemas_dir: Option<PathBuf>,
    /// What the charging core needs to know.
    pub charging: charging::Settings,
    /// How the journal is written.
    pub journal: JournalSettings,
    /// Where HTTP is served; nowhere if absent.
    pub http_listen: Option<SocketAddr>,
    /// Whether a stopping instance gives its partitions away at once.
    pub leave_on_shutdown: bool,
    /// The log.
    pub log: LogSettings,
}

/// The workers of this process.
#[derive(Clone, Debug)]
pub struct Worker {
    /// This process among those of the group; with the worker's number, its name in Kafka.
    pub instance: String,
    /// The consumer group.
    pub group: String,
    /// Worker threads.
    pub workers: u32,
    /// The longest a record waits for its commit, orders apart.
    pub commit_interval: Duration,
    /// When Kafka aborts a transaction whose worker is gone.
    pub transaction_timeout: Duration,
    /// When Kafka gives away the partitions of a worker that is gone.
    pub session_timeout: Duration,
    /// Timers that fire before a commit.
    pub timers_per_transaction: usize,
}

impl Config {
    /// Reads the file, if there is one, and the environment over it.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn load(file: Option<&Path>) -> Result<Self, Faults> {
        let text = match file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Faults::one(&path.display().to_string(), error.to_string()))?,
        };
        Self::parse(&text, std::env::vars_os())
    }

    /// From the text of a file and the variables of an environment; also reads the files that the
    /// secrets are in.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn parse<N, V>(
        text: &str,
        environment: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Faults>
    where
        N: Into<std::ffi::OsString>,
        V: Into<std::ffi::OsString>,
    {
        let mut faults = Faults::default();
        let settings = source::merge(text, environment, &mut faults);
        let mut reader = reader::Reader::new(settings, faults);
        let config = validate::validate(&mut reader);
        reader.finish().map(|()| config)
    }
}

#[cfg(test)]
mod tests;
