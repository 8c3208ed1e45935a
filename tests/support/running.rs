//! Workers inside the test's own process, for what only its hooks can bring about.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tollkeeper::charging::Settings;
use tollkeeper::flow::{ExitReason, FlowSettings};
use tollkeeper::journal::{Genesis, JournalSettings};
use tollkeeper::kafka::{
    Admin, CardFollower, Clock, Error, News, Observer, Waiting, WorkerSettings, run_workers,
};

use super::load::now;
use super::{Cluster, Deployment, WAIT, eventually};

/// Workers that run until they are stopped or dropped.
pub struct Running {
    stop: Arc<AtomicBool>,
    news: Arc<Mutex<Vec<String>>>,
    committed: Arc<AtomicU64>,
    thread: Option<JoinHandle<Result<Vec<ExitReason>, Error>>>,
}

impl Running {
    /// Starts one worker of this name on a deployment; `change` may turn its settings.
    pub fn start(
        deployment: &Deployment,
        instance: &str,
        change: impl FnOnce(&mut WorkerSettings),
    ) -> Self {
        let mut settings = settings(deployment.cluster(), instance);
        change(&mut settings);
        let cards = CardFollower::read(&settings.connection, &settings.names.rate_cards)
            .expect("the rate cards can be read");
        let stop = Arc::new(AtomicBool::new(false));
        let news = Arc::new(Mutex::new(Vec::new()));
        let committed = Arc::new(AtomicU64::new(0));
        let observer = observer(&news, &committed);
        let stopping = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let shelf = Arc::clone(cards.shelf());
            let following = cards.follow(Arc::clone(&stopping));
            let clock: Clock = Arc::new(now);
            let exits = run_workers(&settings, &shelf, &clock, &observer, &stopping);
            stopping.store(true, Ordering::Relaxed);
            following.join().expect("the follower ends");
            exits
        });
        Running {
            stop,
            news,
            committed,
            thread: Some(thread),
        }
    }

    /// Waits for news that begins with these words, and gives the line.
    pub fn hears(&self, beginning: &str) -> String {
        eventually(beginning, || {
            assert!(
                !self.thread.as_ref().is_some_and(JoinHandle::is_finished),
                "the workers ended while waiting for `{beginning}`: {:?}",
                self.news()
            );
            self.news()
                .into_iter()
                .find(|line| line.starts_with(beginning))
        })
    }

    /// All news so far.
    pub fn news(&self) -> Vec<String> {
        self.news
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Records of the input that are done.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Stops them and says how they ended.
    pub fn stop(mut self) -> Vec<ExitReason> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is stopped once");
        thread.join().expect("no panic").expect("workers that ran")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A test that fails has its own panic already.
            let _ = thread.join();
        }
    }
}

/// The settings of one worker of this name.
pub fn settings(cluster: &Cluster, instance: &str) -> WorkerSettings {
    let admin = Admin::new(&cluster.connection(), WAIT).expect("an admin client");
    let names = cluster.topics();
    let events = admin
        .find(&names.events)
        .expect("looked up")
        .expect("the topics were created");
    let genesis = Genesis {
        cluster_id: admin.cluster_id().expect("a cluster has an id"),
        input_topic_id: events.id,
        partitions: events.partitions,
    };
    let mut flow = FlowSettings::new(&names.events, genesis.partitions);
    flow.transaction_timeout = 5_000;
    WorkerSettings {
        connection: cluster.connection(),
        group: cluster.name("group"),
        instance: cluster.name(instance),
        workers: 1,
        session_timeout: Duration::from_secs(6),
        transaction_timeout: Duration::from_millis(flow.transaction_timeout),
        flow,
        charging: Settings {
            live_calls: 100_000,
            silence_minutes: 10,
            late_by_minutes: 120,
            ..Settings::default()
        },
        journal: JournalSettings::default(),
        genesis,
        trims: true,
        leave: false,
        waiting: Waiting::default(),
        names,
    }
}

fn observer(news: &Arc<Mutex<Vec<String>>>, committed: &Arc<AtomicU64>) -> Observer {
    let news = Arc::clone(news);
    let committed = Arc::clone(committed);
    Arc::new(move |told: News<'_>| {
        let line = match told {
            // Told every second.
            News::End(_) => return,
            News::Committed { counts, took } => {
                committed.fetch_add(counts.records(), Ordering::Relaxed);
                format!("committed {} {took:?}", counts.records())
            }
            News::Stopped(partition, reason) => format!("stopped {partition}: {reason}"),
            News::Warned(warning) => format!("warned: {warning}"),
            News::JournalRead { partition, .. } => format!("read journal {partition}"),
            other => format!("{other:?}"),
        };
        news.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    })
}
