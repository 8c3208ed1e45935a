//! A real cluster: one for all tests, or one of a test's own that it may break.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tollkeeper::kafka::{Connection, TopicNames};

/// A cluster that a test started for itself; stopped when dropped.
pub struct Own {
    folder: PathBuf,
    bootstrap: String,
}

/// The cluster that all tests share, seen by one test: every name it makes is its own.
pub struct Cluster {
    bootstrap: String,
    prefix: String,
}

impl Cluster {
    /// The shared cluster, with names that no other test has.
    pub fn shared() -> Self {
        static SHARED: OnceLock<String> = OnceLock::new();
        let bootstrap = SHARED.get_or_init(|| {
            std::env::var("KAFKA_BOOTSTRAP").unwrap_or_else(|_| {
                let shared = Own::start(1);
                // The script stops it once this process is gone.
                let bootstrap = shared.bootstrap.clone();
                std::mem::forget(shared);
                bootstrap
            })
        });
        Cluster::at(bootstrap)
    }

    fn at(bootstrap: &str) -> Self {
        Cluster {
            bootstrap: bootstrap.to_owned(),
            prefix: format!("t{}-{}-", std::process::id(), unique()),
        }
    }

    /// One that another process has named so.
    pub fn named(bootstrap: &str, prefix: &str) -> Self {
        Cluster {
            bootstrap: bootstrap.to_owned(),
            prefix: prefix.to_owned(),
        }
    }

    /// Where it is.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// How to reach it.
    pub fn connection(&self) -> Connection {
        Connection::to(&self.bootstrap)
    }

    /// A name of this test's own.
    pub fn name(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }

    /// Topics of this test's own.
    pub fn topics(&self) -> TopicNames {
        TopicNames::with_prefix(&self.prefix)
    }
}

impl Own {
    /// Starts a cluster of 1 or 3 brokers.
    pub fn start(brokers: u32) -> Self {
        Own::start_as(brokers, &[])
    }

    /// The same with further wishes, as tests/kafka/cluster takes them from its environment.
    pub fn start_as(brokers: u32, wishes: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!(
            "tollkeeper-kafka-{}-{}",
            std::process::id(),
            unique()
        ));
        let mut start = command(&["start", path(&folder), &brokers.to_string()]);
        let output = done(start.envs(wishes.iter().copied()));
        let bootstrap = String::from_utf8(output.stdout).expect("an address is text");
        Own {
            folder,
            bootstrap: bootstrap.trim().to_owned(),
        }
    }

    /// The cluster as a test sees it.
    pub fn cluster(&self) -> Cluster {
        Cluster::at(&self.bootstrap)
    }

    /// A file of a broker's.
    pub fn file(&self, broker: u32, name: &str) -> PathBuf {
        self.folder.join(format!("{broker}/{name}"))
    }

    /// Ends a broker with SIGKILL.
    pub fn kill(&self, broker: u32) {
        script(&["kill", path(&self.folder), &broker.to_string()]);
    }

    /// Sends a broker a signal by name: STOP makes it silent, CONT lets it go on.
    pub fn signal(&self, broker: u32, name: &str) {
        let pid = std::fs::read_to_string(self.file(broker, "pid")).expect("a broker that runs");
        super::process::signal(pid.trim(), name);
    }

    /// Gives the data of a broker that is down a disk with so many megabytes free. Needs root.
    pub fn disk(&self, broker: u32, megabytes: u32) {
        let (broker, megabytes) = (broker.to_string(), megabytes.to_string());
        script(&["disk", path(&self.folder), &broker, &megabytes]);
    }

    /// Whether a broker's process is there.
    pub fn is_alive(&self, broker: u32) -> bool {
        let pid = std::fs::read_to_string(self.file(broker, "pid")).expect("it was started");
        Path::new("/proc").join(pid.trim()).join("exe").exists()
    }

    /// Starts a broker that was killed.
    pub fn restart(&self, broker: u32) {
        script(&["restart", path(&self.folder), &broker.to_string()]);
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        script(&["stop", path(&self.folder)]);
    }
}

fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn path(folder: &Path) -> &str {
    folder
        .to_str()
        .expect("the temporary folder's name is text")
}

/// Runs tests/kafka/cluster, or fails the test with what it said: no test is skipped for want of
/// Kafka.
fn script(arguments: &[&str]) -> Output {
    done(&mut command(arguments))
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kafka/cluster"));
    command
        .args(arguments)
        .env("KAFKA_OWNER", std::process::id().to_string());
    command
}

fn done(command: &mut Command) -> Output {
    let output = command.output().expect("tests/kafka/cluster can be run");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
