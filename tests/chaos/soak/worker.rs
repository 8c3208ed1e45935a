//! The worker: a process of its own, so that its memory is nobody else's.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use tollkeeper::domain::Moment;
use tollkeeper::kafka::{CardFollower, News, Observer, run_workers};

use super::faster;
use crate::support::Cluster;
use crate::support::process::resident_kib;
use crate::support::running::settings;

/// Its name in the group.
pub const INSTANCE: &str = "soak";

/// A worker that runs; it ends when this is dropped.
pub struct Worker {
    child: Child,
    seen: Arc<Seen>,
    /// Gives the last line that it said.
    hearing: JoinHandle<String>,
}

#[derive(Default)]
struct Seen {
    events: AtomicU64,
    live_calls: AtomicU64,
}

impl Worker {
    /// Starts one whose time runs faster since this moment.
    pub fn start(cluster: &Cluster, begun: Moment) -> Self {
        let program = std::env::current_exe().expect("this program has a name");
        let mut child = Command::new(program)
            .args(["--soak-worker", cluster.bootstrap(), &cluster.name("")])
            .arg(begun.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let said = child.stdout.take().expect("it is piped");
        let seen = Arc::new(Seen::default());
        let noting = Arc::clone(&seen);
        let hearing = thread::spawn(move || {
            let mut last = String::new();
            for line in BufReader::new(said).lines() {
                last = line.expect("text");
                noting.note(&last);
            }
            last
        });
        Worker {
            child,
            seen,
            hearing,
        }
    }

    /// Events that are done.
    pub fn events(&self) -> u64 {
        self.seen.events.load(Ordering::Relaxed)
    }

    /// Live calls of one of its partitions.
    pub fn live_calls(&self) -> u64 {
        self.seen.live_calls.load(Ordering::Relaxed)
    }

    /// Its memory. Fails if it has ended.
    pub fn resident_kib(&self) -> u64 {
        assert!(!self.hearing.is_finished(), "the worker ended by itself");
        resident_kib(self.child.id())
    }

    /// Ends it, and says how it ended.
    pub fn stop(mut self) -> String {
        drop(self.child.stdin.take());
        let last = self.hearing.join().expect("it said text");
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "the worker failed: {status}");
        last
    }
}

impl Seen {
    fn note(&self, line: &str) {
        let mut counts = line.split(' ').map(str::parse);
        if let (Some(Ok(events)), Some(Ok(live_calls))) = (counts.next(), counts.next()) {
            self.events.fetch_add(events, Ordering::Relaxed);
            self.live_calls.store(live_calls, Ordering::Relaxed);
        }
    }
}

/// What the process does that [`Worker::start`] starts: it works until its input ends, and tells of each
/// commit how many events and live calls there were.
pub fn work(bootstrap: &str, prefix: &str, begun: &str) {
    let cluster = Cluster::named(bootstrap, prefix);
    let settings = settings(&cluster, INSTANCE);
    let clock = faster(Moment::parse(begun).expect("a moment"));
    let cards = CardFollower::read(&settings.connection, &settings.names.rate_cards)
        .expect("the rate cards can be read");
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    thread::spawn(move || {
        // Closed by whoever started this, or with it.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stopping.store(true, Ordering::Relaxed);
    });
    let observer: Observer = Arc::new(|news: News<'_>| {
        if let News::Committed { counts, .. } = news {
            let live_calls = counts.lanes.first().map_or(0, |lane| lane.live_calls);
            println!("{} {live_calls}", counts.records());
        }
    });
    let exits = run_workers(&settings, cards.shelf(), &clock, &observer, &stop);
    println!("ended: {:?}", exits.expect("workers that ran"));
}
