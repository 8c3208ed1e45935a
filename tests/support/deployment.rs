//! tollkeeper as an operator has it: a configuration file, topics, and the program run on them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::Cluster;

/// A configuration of a test's own, for a cluster.
pub struct Deployment {
    cluster: Cluster,
    folder: PathBuf,
}

/// What a command that ended said.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Deployment {
    /// A configuration with this many partitions, and these lines of TOML behind it.
    pub fn of(cluster: Cluster, partitions: i32, more: &str) -> Self {
        Self::replicated(cluster, partitions, 1, more)
    }

    /// The same, with its topics made.
    pub fn created(cluster: Cluster, partitions: i32) -> Self {
        let deployment = Self::of(cluster, partitions, "");
        deployment.done("topics create");
        deployment
    }

    /// The first with so many replicas of every topic, of which one may be missing.
    pub fn replicated(cluster: Cluster, partitions: i32, replicas: u32, more: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tollkeeper-{}", cluster.name("files")));
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
        let deployment = Deployment { cluster, folder };
        let names = deployment.cluster.topics();
        let in_sync = (replicas - 1).max(1);
        let mut toml = format!(
            "[kafka]\nbootstrap_servers = \"{}\"\n[topics]\npartitions = {partitions}\n\
             replication = {replicas}\nmin_insync_replicas = {in_sync}\n",
            deployment.cluster.bootstrap()
        );
        for (key, name) in [
            ("events", names.events),
            ("rate_cards", names.rate_cards),
            ("rated_usage", names.rated_usage),
            ("balance_notices", names.balance_notices),
            ("call_control", names.call_control),
            ("rejected", names.rejected),
            ("balances", names.balances),
            ("state", names.state),
        ] {
            writeln!(toml, "{key} = \"{name}\"").expect("a string takes any text");
        }
        write!(
            toml,
            "[worker]\ngroup = \"{}\"\ninstance = \"{}\"\n{more}",
            deployment.cluster.name("group"),
            deployment.cluster.name("instance")
        )
        .expect("a string takes any text");
        deployment.file("tollkeeper.toml", &toml);
        deployment
    }

    /// The cluster it is on.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Writes a file of the test's and says where it is.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, content).expect("the temporary folder can be written");
        path.to_str()
            .expect("the temporary folder's name is text")
            .to_owned()
    }

    /// The program with these arguments, split at blanks, and the configuration.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollkeeper"));
        command
            .args(arguments.split_whitespace())
            .arg("--config")
            .arg(self.folder.join("tollkeeper.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &str) -> Ran {
        ran(&mut self.command(arguments), "")
    }

    /// The same, with something to read.
    pub fn run_with(&self, arguments: &str, input: &str) -> Ran {
        ran(self.command(arguments).stdin(Stdio::piped()), input)
    }

    /// Runs the program, which must succeed.
    pub fn done(&self, arguments: &str) -> String {
        let ran = self.run(arguments);
        assert_eq!(
            (ran.code, ran.err.as_str()),
            (Some(0), ""),
            "tollkeeper {arguments}: {}",
            ran.out
        );
        ran.out
    }

    /// The records of a topic.
    pub fn consume(&self, arguments: &str) -> Vec<Value> {
        self.done(&format!("consume {arguments}"))
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what the failed test left: {}", self.folder.display());
            return;
        }
        // What is left behind is in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn ran(command: &mut Command, input: &str) -> Ran {
    let mut child = command.spawn().expect("the program can be started");
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(input.as_bytes())
            .expect("the program reads its input");
    }
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes| String::from_utf8(bytes).expect("what the program says is text");
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}
