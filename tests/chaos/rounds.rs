//! The rounds: in each something breaks, by the seed; then the deployment must be well again and its
//! books must balance.

use std::thread;
use std::time::{Duration, Instant};

use tollkeeper::kafka::{Admin, Isolation, TopicReader};

use crate::draw::Draw;
use crate::fleet::{Fleet, PATIENT_MS, QUICK_MS};
use crate::platform::{Platform, poison};
use crate::proxy::{Proxies, Trouble};
use crate::support::{Deployment, Own, WAIT};
use crate::table::Table;
use crate::watch::{Watch, micros};

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// How long a zombie sleeps: well beyond its session.
const SLEEP: Duration = Duration::from_secs(15);

/// What can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// kill -9 of a worker, which is restarted in place.
    WorkerKill,
    /// kill -9 of workers, whose partitions the others must take over.
    WorkerLoss,
    /// SIGSTOP of a worker for 15 seconds; others take over, and it wakes.
    Zombie,
    /// Workers join and leave.
    Rebalance,
    /// The ways between workers and brokers misbehave.
    Network,
    /// Records that nobody can use.
    Poison,
    /// kill -9 of a broker, which comes back.
    BrokerKill,
    /// kill -9 of all brokers, which come back.
    AllBrokers,
}

impl Fault {
    /// How often it is drawn.
    fn weight(self) -> u64 {
        match self {
            Fault::WorkerKill => 28,
            Fault::WorkerLoss | Fault::Network => 18,
            Fault::Zombie => 14,
            Fault::Rebalance | Fault::BrokerKill => 8,
            Fault::Poison => 4,
            Fault::AllBrokers => 2,
        }
    }

    /// One of these, the frequent ones more often.
    pub fn draw(draw: &mut Draw, from: &[Fault]) -> Fault {
        let all: u64 = from.iter().map(|fault| fault.weight()).sum();
        let mut left = draw.below(all);
        for fault in from {
            if left < fault.weight() {
                return *fault;
            }
            left -= fault.weight();
        }
        unreachable!("the weights add up")
    }
}

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
    /// Whether a deployment that does not come back is kept for whoever wants to look.
    pub hold: bool,
}

impl Chaos<'_> {
    /// Breaks something and sees it mended.
    pub fn round(&mut self, fault: Fault) {
        match fault {
            Fault::WorkerKill => self.worker_kill(),
            Fault::WorkerLoss => self.worker_loss(),
            Fault::Zombie => self.zombie(),
            Fault::Rebalance => self.rebalance(),
            Fault::Network => self.network(),
            Fault::Poison => self.poison(),
            Fault::BrokerKill => self.broker_kill(),
            Fault::AllBrokers => self.all_brokers(),
        }
        self.audit(true);
    }

    /// Waits until everything published before now is charged; counts from `since`.
    pub fn recovers(&mut self, row: &'static str, since: Instant) {
        let mark = micros();
        while !self.watch.has_passed(mark) {
            if since.elapsed() > PATIENCE {
                self.stuck(row, mark);
            }
            self.platform.must_be_well();
            self.fleet.mind();
            thread::sleep(Duration::from_millis(10));
        }
        self.table.recovered(row, since.elapsed());
        let (_, wrong) = self.watch.closed();
        assert!(wrong.is_empty(), "the ledger is wrong: {wrong:?}");
    }

    /// Says what can be seen of a deployment that does not come back, and fails.
    fn stuck(&self, row: &str, mark: u64) -> ! {
        let names = self.deployment.cluster().topics();
        eprintln!("{} events sent", self.platform.sent());
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
        if self.hold {
            eprintln!("held for whoever wants to look; end this process when done");
            loop {
                thread::park();
            }
        }
        let behind = self.watch.behind(mark);
        panic!("{row}: partitions {behind:?} have charged nothing for {PATIENCE:?}");
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

    /// The books must balance. An audit that cannot read its topics yet is tried again.
    pub fn audit(&mut self, from_checkpoint: bool) -> String {
        let since = Instant::now();
        loop {
            let ran = if from_checkpoint {
                let checkpoint = &self.checkpoint;
                self.deployment
                    .run(&format!("audit --checkpoint {checkpoint}"))
            } else {
                self.deployment.run("audit")
            };
            match ran.code {
                Some(0) => {
                    self.table.recovered("audit", since.elapsed());
                    return ran.out;
                }
                Some(3) if since.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(100)),
                _ => panic!("the audit: {ran:?}"),
            }
        }
    }

    fn victim(&mut self) -> usize {
        let running = self.fleet.running();
        self.draw.pick(&running)
    }

    fn worker_kill(&mut self) {
        const ROW: &str = "worker: kill -9, restarted in place";
        let victim = self.victim();
        thread::sleep(self.draw.millis(300));
        self.fleet.kill(victim);
        let mut since = Instant::now();
        self.fleet.start(victim);
        self.table.count(ROW, 1);
        // Now and then again, in the middle of coming back.
        while self.draw.once_in(3) {
            thread::sleep(self.draw.millis(1_500));
            self.fleet.kill(victim);
            since = Instant::now();
            self.fleet.start(victim);
            self.table.count(ROW, 1);
        }
        self.recovers(ROW, since);
    }

    fn worker_loss(&mut self) {
        const ROW: &str = "worker: kill -9, others take over";
        let running = self.fleet.running();
        let lost = 1 + self.draw.index(running.len() - 1);
        let since = Instant::now();
        for place in running.iter().take(lost) {
            self.fleet.kill(*place);
            self.table.count(ROW, 1);
        }
        self.recovers(ROW, since);
        self.audit(true);
        for place in running.iter().take(lost) {
            self.fleet.start(*place);
        }
    }

    fn zombie(&mut self) {
        const ASLEEP: &str = "worker: SIGSTOP for 15 s, others take over";
        const AWAKE: &str = "worker: SIGSTOP for 15 s, after it wakes";
        let zombie = self.victim();
        self.fleet.signal(zombie, "STOP");
        let slept = Instant::now();
        self.table.count(ASLEEP, 1);
        self.recovers(ASLEEP, slept);
        // Meanwhile the others are not spared.
        while slept.elapsed() + Duration::from_secs(4) < SLEEP {
            let victim = self.victim();
            if victim != zombie {
                const ROW: &str = "worker: kill -9, restarted in place";
                self.fleet.kill(victim);
                let since = Instant::now();
                self.fleet.start(victim);
                self.table.count(ROW, 1);
                self.recovers(ROW, since);
            }
        }
        thread::sleep(SLEEP.saturating_sub(slept.elapsed()));
        self.fleet.signal(zombie, "CONT");
        let since = Instant::now();
        self.table.count(AWAKE, 1);
        self.recovers(AWAKE, since);
    }

    /// The last place is for a worker that comes and goes.
    fn rebalance(&mut self) {
        const ROW: &str = "rebalance: a worker joins or leaves";
        let guest = self.proxies.workers() - 1;
        let mut since = Instant::now();
        for _ in 0..=self.draw.below(4) {
            since = Instant::now();
            if self.fleet.running().contains(&guest) {
                self.fleet.stop(guest);
            } else {
                self.fleet.start(guest);
            }
            self.table.count(ROW, 1);
            thread::sleep(self.draw.millis(3_000));
        }
        self.recovers(ROW, since);
    }

    fn network(&mut self) {
        const WORST: u64 = 9_000;
        let (row, trouble) = match self.draw.below(6) {
            0 => {
                let delay = Duration::from_millis(20) + self.draw.millis(300);
                ("network: delay", Trouble::Delay(delay))
            }
            1 => ("network: reset", Trouble::Reset),
            2 => ("network: half-open", Trouble::HalfOpen),
            3 => ("network: one-way cut, requests lost", Trouble::CutToBroker),
            4 => ("network: one-way cut, answers lost", Trouble::CutFromBroker),
            _ => ("network: silence", Trouble::Silence),
        };
        let workers = if self.draw.once_in(3) {
            0..self.proxies.workers()
        } else {
            let victim = self.victim();
            victim..victim + 1
        };
        let brokers = if self.draw.once_in(2) {
            0..self.proxies.brokers()
        } else {
            let broker = self.draw.index(self.proxies.brokers());
            broker..broker + 1
        };
        self.proxies
            .trouble(workers.clone(), brokers.clone(), trouble);
        self.table.count(row, 1);
        thread::sleep(Duration::from_millis(200) + self.draw.millis(WORST));
        self.proxies.trouble(workers, brokers, Trouble::None);
        self.recovers(row, Instant::now());
    }

    fn poison(&mut self) {
        const ROW: &str = "poison: records nobody can use";
        let sent = poison(self.deployment, &mut self.draw, self.partitions);
        self.table.count(ROW, sent);
        self.recovers(ROW, Instant::now());
    }

    fn broker_kill(&mut self) {
        const ROW: &str = "broker: kill -9, others lead";
        const BACK: &str = "broker: back and in sync";
        if self.brokers == 1 {
            return self.all_brokers();
        }
        let broker = 1 + u32::try_from(self.draw.below(self.brokers.into())).expect("few");
        self.own.kill(broker);
        let since = Instant::now();
        self.table.count(ROW, 1);
        self.recovers(ROW, since);
        self.audit(true);
        let since = Instant::now();
        self.own.restart(broker);
        self.in_sync();
        self.table.count(BACK, 1);
        self.table.recovered(BACK, since.elapsed());
    }

    fn all_brokers(&mut self) {
        const ROW: &str = "all brokers: kill -9, restarted";
        self.fleet.restart_all(PATIENT_MS);
        self.recovers("worker: stopped and started in order", Instant::now());
        let since = Instant::now();
        for broker in 1..=self.brokers {
            self.own.kill(broker);
        }
        self.table.count(ROW, 1);
        thread::scope(|scope| {
            for broker in 1..=self.brokers {
                let own = self.own;
                scope.spawn(move || own.restart(broker));
            }
        });
        self.recovers(ROW, since);
        self.in_sync();
        self.fleet.restart_all(QUICK_MS);
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
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}
