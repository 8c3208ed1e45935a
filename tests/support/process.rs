//! The program as a process that can be killed, paused and stopped, mostly as `tollkeeper run`.

use std::fs::File;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Deployment, eventually};

/// A running process; killed when dropped.
pub struct Process {
    child: Child,
    log: String,
}

impl Process {
    /// Starts `tollkeeper run` as this instance, quick to be given up when it is gone.
    pub fn start(deployment: &Deployment, instance: &str) -> Self {
        Self::start_at(
            deployment,
            instance,
            5_000,
            deployment.cluster().bootstrap(),
        )
    }

    /// The same for tests in which the only broker goes away. A broker that comes back to a
    /// transaction whose time-out has passed aborts it before it knows who leads the partitions,
    /// takes these for deleted topics and leaves the transaction undecided for ever (seen in 4.3.1:
    /// "couldn't find leader endpoint … likely deleted already"). Clusters of several brokers have
    /// leaders all the time.
    pub fn start_patient(deployment: &Deployment, instance: &str) -> Self {
        Self::start_at(
            deployment,
            instance,
            60_000,
            deployment.cluster().bootstrap(),
        )
    }

    /// The same with a time-out of its transactions, a second below that of its session, and another
    /// way to the brokers.
    pub fn start_at(
        deployment: &Deployment,
        instance: &str,
        transaction_timeout_ms: u32,
        bootstrap: &str,
    ) -> Self {
        Self::spawn(deployment, instance, transaction_timeout_ms, bootstrap, &[])
    }

    /// The first with further settings, as variables of its environment.
    pub fn start_with(deployment: &Deployment, instance: &str, more: &[(&str, &str)]) -> Self {
        let bootstrap = deployment.cluster().bootstrap();
        Self::spawn(deployment, instance, 5_000, bootstrap, more)
    }

    fn spawn(
        deployment: &Deployment,
        instance: &str,
        transaction_timeout_ms: u32,
        bootstrap: &str,
        more: &[(&str, &str)],
    ) -> Self {
        let (log, file) = fresh_log(deployment, instance);
        let child = deployment
            .command("run")
            .env(
                "TOLLKEEPER_WORKER__INSTANCE",
                deployment.cluster().name(instance),
            )
            .env("TOLLKEEPER_KAFKA__BOOTSTRAP_SERVERS", bootstrap)
            .env("TOLLKEEPER_HTTP__LISTEN", "")
            .env(
                "TOLLKEEPER_WORKER__SESSION_TIMEOUT_MS",
                (transaction_timeout_ms + 1_000).to_string(),
            )
            .env(
                "TOLLKEEPER_WORKER__TRANSACTION_TIMEOUT_MS",
                transaction_timeout_ms.to_string(),
            )
            .envs(more.iter().copied())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the program can be started");
        Process { child, log }
    }

    /// Starts any command; its log is what it prints.
    pub fn printing(deployment: &Deployment, arguments: &str) -> Self {
        let (log, file) = fresh_log(deployment, "printed");
        let child = deployment
            .command(arguments)
            .stdout(file)
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program can be started");
        Process { child, log }
    }

    /// Waits until its log has a line with these words.
    pub fn says(&mut self, words: &str) {
        eventually(words, || {
            let said = std::fs::read_to_string(&self.log).expect("the log can be read");
            let ended = self.child.try_wait().expect("asked");
            assert!(
                ended.is_none(),
                "ended with {ended:?} before `{words}`: {said}"
            );
            said.contains(words).then_some(())
        });
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("asked")
    }

    /// All it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log can be read")
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.child.wait().expect("it ends");
    }

    /// A signal by name: STOP, CONT, TERM.
    pub fn signal(&self, name: &str) {
        signal(&self.child.id().to_string(), name);
    }

    /// Its memory, KiB.
    pub fn resident_kib(&self) -> u64 {
        resident_kib(self.child.id())
    }

    /// Waits for its end.
    pub fn ends(&mut self) -> ExitStatus {
        eventually("the process to end", || {
            self.child.try_wait().expect("asked")
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}:\n{}", self.log, self.log());
        }
    }
}

/// A log for each start: what it says is never what an earlier one said.
fn fresh_log(deployment: &Deployment, name: &str) -> (String, File) {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let log = deployment.file(&format!("{name}-{number}.log"), "");
    let file = File::options()
        .append(true)
        .open(&log)
        .expect("the log can be written");
    (log, file)
}

/// Sends a process a signal by name.
pub fn signal(pid: &str, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), pid])
        .status()
        .expect("kill can be run");
    assert!(status.success());
}

/// The memory of a process that runs, KiB.
pub fn resident_kib(pid: u32) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process that runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse().ok()).expect("a size")
}
