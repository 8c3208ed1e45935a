//! The faults: what breaks in a round, by the seed, and what must be well before the next one.

use std::fs::File;
use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::chaos::{Chaos, PATIENCE};
use crate::draw::Draw;
use crate::fleet::{PATIENT_MS, QUICK_MS};
use crate::pause::pause;
use crate::platform::poison;
use crate::support::proxy::Trouble;

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
    /// A broker's disk is full; it dies, and comes back with more room. Once in a run, and only if it is
    /// named, since it needs root.
    DiskFull,
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
            Fault::DiskFull => 0,
        }
    }

    /// One of these, the frequent ones more often.
    pub fn draw(draw: &mut Draw, from: &[Fault]) -> Fault {
        let all: u64 = from.iter().map(|fault| fault.weight()).sum();
        if all == 0 {
            return from[0];
        }
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
            Fault::DiskFull => self.disk_full(),
        }
        self.audit_beside();
    }

    fn victim(&mut self) -> usize {
        let running = self.fleet.running();
        self.draw.pick(&running)
    }

    /// One after the other, as long as the books are being audited.
    fn worker_kill(&mut self) {
        loop {
            let victim = self.victim();
            pause(self.draw.millis(300));
            self.kill_and_restart(victim);
            if !self.is_auditing() {
                return;
            }
        }
    }

    fn kill_and_restart(&mut self, victim: usize) {
        const ROW: &str = "worker: kill -9, restarted in place";
        loop {
            self.fleet.kill(victim);
            let since = Instant::now();
            self.fleet.start(victim);
            self.table.count(ROW, 1);
            if !self.draw.once_in(4) {
                self.recovers(ROW, since);
                return;
            }
            // Again, in the middle of coming back.
            pause(self.draw.millis(1_500));
        }
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
        for place in running.iter().take(lost) {
            self.fleet.start(*place);
        }
    }

    fn zombie(&mut self) {
        const ASLEEP: &str = "worker: SIGSTOP for 15 s, others take over";
        const AWAKE: &str = "worker: SIGSTOP for 15 s, after it wakes";
        let mut awake = self.fleet.running();
        let mut asleep = vec![awake.remove(self.draw.index(awake.len()))];
        if awake.len() > 1 && self.draw.once_in(2) {
            asleep.push(awake.remove(self.draw.index(awake.len())));
        }
        for place in &asleep {
            self.fleet.signal(*place, "STOP");
            self.table.count(ASLEEP, 1);
        }
        let slept = Instant::now();
        self.recovers(ASLEEP, slept);
        // Meanwhile the others are not spared.
        while slept.elapsed() + Duration::from_secs(3) < SLEEP {
            let victim = self.draw.pick(&awake);
            self.kill_and_restart(victim);
        }
        pause(SLEEP.saturating_sub(slept.elapsed()));
        for place in &asleep {
            self.fleet.signal(*place, "CONT");
            self.table.count(AWAKE, 1);
        }
        self.recovers(AWAKE, Instant::now());
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
            pause(self.draw.millis(3_000));
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
        pause(Duration::from_millis(200) + self.draw.millis(WORST));
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
        if self.brokers == 1 {
            return self.all_brokers();
        }
        let broker = self.broker();
        self.own.kill(broker);
        let since = Instant::now();
        self.table.count(ROW, 1);
        self.recovers(ROW, since);
        self.comes_back(broker);
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

    /// Nobody but the kernel says no: its other files fill the broker's disk.
    fn disk_full(&mut self) {
        const ROW: &str = "broker: disk full, others lead";
        let broker = self.broker();
        self.own.kill(broker);
        self.own.disk(broker, 64);
        self.own.restart(broker);
        self.in_sync();
        let ballast = self.own.file(broker, "data/ballast");
        let since = Instant::now();
        self.table.count(ROW, 1);
        let zeros = vec![0; 65_536];
        while self.own.is_alive(broker) {
            assert!(
                since.elapsed() < PATIENCE,
                "broker {broker} goes on without a disk"
            );
            // It fails when the disk is full; what the broker deletes meanwhile is filled again.
            let file = File::options().create(true).append(true).open(&ballast);
            if let Ok(mut file) = file {
                while file.write_all(&zeros).is_ok() {}
            }
            pause(Duration::from_millis(100));
        }
        self.recovers(ROW, since);
        std::fs::remove_file(&ballast).expect("it was written");
        self.own.disk(broker, 4_096);
        self.comes_back(broker);
    }

    fn broker(&mut self) -> u32 {
        1 + u32::try_from(self.draw.below(self.brokers.into())).expect("few brokers")
    }

    fn comes_back(&mut self, broker: u32) {
        const ROW: &str = "broker: back and in sync";
        let since = Instant::now();
        self.own.restart(broker);
        self.in_sync();
        self.table.count(ROW, 1);
        self.table.recovered(ROW, since.elapsed());
    }
}
