//! A deployment that is broken again and again: how it is known to be well.

use std::io;
use std::process::{Command, Output};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tollkeeper::kafka::{Admin, Isolation, TopicReader};

use crate::draw::Draw;
use crate::fleet::Fleet;
use crate::pause::pause;
use crate::platform::Platform;
use crate::support::proxy::Proxies;
use crate::support::{Deployment, Own, WAIT};
use crate::table::Table;
use crate::watch::{Watch, micros};

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// A deployment that is to be broken.
pub struct Chaos<'d> {
    pub draw: Draw,
    pub own: &'d Own,
    pub brokers: u32,
    pub partitions: i32,
    pub deployment: &'d Deployment,
    pub checkpoint: String,
    pub proxies: &'d Proxies,
    pub fleet: Fleet<'d>,
    pub platform: Platform,
    pub watch: Watch,
    pub table: Table,
    /// The audit under way: what it said, and how long it took.
    pub auditing: Option<JoinHandle<(io::Result<Output>, Duration)>>,
    /// Whether a deployment that does not come back is kept for whoever wants to look.
    pub hold: bool,
}

impl Drop for Chaos<'_> {
    /// What came before a failure is worth knowing.
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.table);
        }
    }
}

impl Chaos<'_> {
    /// Waits until everything published before now is charged; counts from `since`.
    pub fn recovers(&mut self, row: &'static str, since: Instant) {
        let mark = micros();
        while !self.watch.has_passed(mark) {
            if since.elapsed() > PATIENCE {
                self.stuck(row, mark);
            }
            self.platform.must_be_well();
            self.fleet.mind();
            pause(Duration::from_millis(10));
        }
        self.table.recovered(row, since.elapsed());
        let (_, wrong) = self.watch.closed();
        if !wrong.is_empty() {
            self.fails(&format!("the ledger is wrong: {wrong:#?}"));
        }
    }

    /// Says what can be seen of a deployment that does not come back, and fails.
    fn stuck(&self, row: &str, mark: u64) -> ! {
        let names = self.deployment.cluster().topics();
        let (sent, arrived) = self.platform.sent();
        eprintln!("{sent} events sent, {arrived} arrived");
        for (broker, log) in (1..=self.brokers).map(|n| (n, self.own.file(n, "log"))) {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let last: Vec<&str> = text.lines().rev().take(5).collect();
            eprintln!("broker {broker}: {last:#?}");
        }
        for topic in [&names.events, &names.rated_usage, &names.state] {
            for isolation in [Isolation::Uncommitted, Isolation::Committed] {
                let ends = self.ends(topic, isolation);
                eprintln!("{topic} {isolation:?}: {ends:?}");
            }
        }
        let behind = self.watch.behind(mark);
        let what = format!("{row}: partitions {behind:?} have charged nothing for {PATIENCE:?}");
        self.fails(&what);
    }

    /// Fails, once whoever wants to look has looked.
    fn fails(&self, what: &str) -> ! {
        if self.hold {
            eprintln!("{what}\nheld for whoever wants to look; end this process when done");
            pause(Duration::from_secs(86_400));
        }
        panic!("{what}");
    }

    /// Where the partitions of a topic end, as far as that can be had.
    fn ends(&self, topic: &str, isolation: Isolation) -> Result<Vec<i64>, String> {
        let connection = self.deployment.cluster().connection();
        let reader = TopicReader::open(&connection, topic, isolation, None, WAIT);
        let reader = reader.map_err(|error| error.to_string())?;
        let ends = (0..self.partitions).map(|partition| {
            let bounds = reader.watermarks(partition, WAIT);
            bounds
                .map(|bounds| bounds.end)
                .map_err(|error| error.to_string())
        });
        ends.collect()
    }

    /// Begins an audit from where the last one ended, beside whatever breaks next; the books must
    /// balance in the one before.
    pub fn audit_beside(&mut self) {
        self.audited();
        let mut command = self.audit_command();
        let since = Instant::now();
        let audit = thread::spawn(move || (command.output(), since.elapsed()));
        self.auditing = Some(audit);
    }

    fn audit_command(&self) -> Command {
        let checkpoint = &self.checkpoint;
        self.deployment
            .command(&format!("audit --checkpoint {checkpoint}"))
    }

    /// Whether an audit is under way.
    pub fn is_auditing(&self) -> bool {
        let audit = self.auditing.as_ref();
        audit.is_some_and(|audit| !audit.is_finished())
    }

    /// The books must balance in the audit that is under way.
    pub fn audited(&mut self) {
        let Some(begun) = self.auditing.take() else {
            return;
        };
        while !begun.is_finished() {
            pause(Duration::from_millis(10));
        }
        let (ran, took) = begun.join().expect("a thread that only waits");
        let ran = ran.expect("the audit can be run");
        match ran.status.code() {
            Some(0) => self.table.recovered("audit", took),
            // It could not read its topics: whatever was broken is mended now.
            Some(3) => drop(audit(&mut self.audit_command())),
            _ => self.fails(&format!("the audit: {ran:?}")),
        }
    }

    /// Waits until every broker has everything.
    pub fn in_sync(&mut self) {
        let names = self.deployment.cluster().topics();
        let wanted = i32::try_from(self.brokers).expect("few brokers");
        let admin = Admin::new(&self.deployment.cluster().connection(), WAIT).expect("a client");
        let since = Instant::now();
        for topic in [
            &names.events,
            &names.rated_usage,
            &names.balance_notices,
            &names.call_control,
            &names.rejected,
            &names.state,
            "__consumer_offsets",
            "__transaction_state",
        ] {
            let in_sync = || {
                let found = admin.find(topic).ok().flatten();
                found.is_some_and(|found| found.in_sync == wanted)
            };
            while !in_sync() {
                assert!(since.elapsed() < PATIENCE, "`{topic}` is not in sync");
                pause(Duration::from_millis(50));
            }
        }
    }
}

/// The books must balance. An audit that cannot read its topics yet is tried again.
pub fn audit(command: &mut Command) -> String {
    let since = Instant::now();
    loop {
        let ran = command.output().expect("the audit can be run");
        match ran.status.code() {
            Some(0) => return String::from_utf8_lossy(&ran.stdout).into_owned(),
            Some(3) if since.elapsed() < PATIENCE => pause(Duration::from_millis(100)),
            _ => panic!("the audit: {ran:?}"),
        }
    }
}
