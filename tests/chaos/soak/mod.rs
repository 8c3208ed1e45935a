//! A worker under steady load while time runs fast: what it remembers it must forget again, so that its
//! memory and its journal stay as they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tollkeeper::charging::Part;
use tollkeeper::domain::Moment;
use tollkeeper::journal::{JournalSettings, Restorer};
use tollkeeper::kafka::{
    Admin, CardFollower, Clock, Error, Isolation, Message as _, News, Observer, Start, TopicReader,
    TopicSettings, Wanted, WorkerSettings, found_journals, plan, run_workers,
};

use crate::PARTITIONS;
use crate::pause::pause;
use crate::platform::{Plan, Platform};
use crate::support::running::settings;
use crate::support::{Deployment, Own, WAIT, now};

/// How much faster time runs.
const FASTER: i64 = 60;
/// Until then closed calls are only remembered: two hours and five minutes of fast time, and some rounds
/// of the journal.
const WARM: Duration = Duration::from_secs(240);
const EVERY: Duration = Duration::from_secs(30);
/// What is kept of each partition of input and output, so that an hour needs no more disk than this.
const KEPT_BYTES: &str = "268435456";

/// What was measured at a moment.
struct Sample {
    resident_kib: u64,
    state_bytes: usize,
    journal_bytes: usize,
}

/// Runs for so long.
pub fn run(span: Duration, seed: u64, rate: u64) {
    pause(Duration::ZERO);
    let own = Own::start(1);
    let deployment = Deployment::of(own.cluster(), PARTITIONS, "");
    let settings = prepared(&deployment);
    let begun = now();
    let clock: Clock =
        Arc::new(move || begun.plus_millis((now().millis() - begun.millis()) * FASTER));
    let plan = Plan {
        seed,
        partitions: PARTITIONS,
        rate,
        tenants: 1_000,
        live_calls: usize::try_from(rate).expect("a rate fits"),
        silent_until: Instant::now() + span,
        grants: 1_000_000,
        clock: Arc::clone(&clock),
    };
    Platform::found(&deployment, &plan);
    let stop = AtomicBool::new(false);
    let progress = Arc::new(Seen::default());
    thread::scope(|scope| {
        // Whatever ends this, the worker ends with it.
        let _ends = Ends(&stop);
        let worker = scope.spawn(|| work(&settings, &clock, &progress, &stop));
        let samples = sampled(&deployment, &settings, plan, &progress, span);
        stop.store(true, Ordering::Relaxed);
        let exits = worker.join().expect("no panic").expect("workers that ran");
        println!("{exits:?}");
        judge(&samples);
    });
    println!("{}", deployment.done("audit"));
}

/// Stops the worker.
struct Ends<'s>(&'s AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Seen {
    events: AtomicU64,
    live_calls: AtomicU64,
    /// The worker has ended.
    ended: AtomicBool,
}

/// The topics as `tollkeeper topics create` makes them, but for timestamps, which are the platform's,
/// and for what is kept.
fn prepared(deployment: &Deployment) -> WorkerSettings {
    let cluster = deployment.cluster();
    let admin = Admin::new(&cluster.connection(), WAIT).expect("an admin client");
    let wanted = TopicSettings {
        partitions: PARTITIONS,
        replication: 1,
        min_insync_replicas: 1,
        events_retention_ms: -1,
        outputs_retention_ms: -1,
        balances: false,
    };
    let names = cluster.topics();
    for mut topic in plan(&names, &wanted) {
        let exactly = |text: &str| Wanted::Exactly(text.to_owned());
        if topic.name == names.events {
            topic.config.extend([
                ("message.timestamp.type", exactly("CreateTime")),
                (
                    "message.timestamp.after.max.ms",
                    exactly("9223372036854775807"),
                ),
            ]);
        }
        if topic.name != names.state && topic.name != names.rate_cards {
            topic.config.insert("retention.bytes", exactly(KEPT_BYTES));
            topic.config.insert("segment.bytes", exactly("67108864"));
        }
        admin.create(&topic).expect("created");
    }
    let settings = settings(deployment, "soak");
    found_journals(
        &settings.connection,
        &settings.names,
        &settings.group,
        &settings.genesis,
        JournalSettings::default(),
    )
    .expect("journals begun");
    settings
}

fn work(
    settings: &WorkerSettings,
    clock: &Clock,
    seen: &Arc<Seen>,
    stop: &AtomicBool,
) -> Result<Vec<tollkeeper::flow::ExitReason>, Error> {
    let cards = CardFollower::read(&settings.connection, &settings.names.rate_cards)?;
    let shelf = Arc::clone(cards.shelf());
    let _told = Ended(seen);
    let seen = Arc::clone(seen);
    let observer: Observer = Arc::new(move |news: News<'_>| {
        if let News::Committed { counts, .. } = news {
            seen.events.fetch_add(counts.records(), Ordering::Relaxed);
            let live = counts.lanes.first().map_or(0, |lane| lane.live_calls);
            let live = u64::try_from(live).expect("a count fits");
            seen.live_calls.store(live, Ordering::Relaxed);
        }
    });
    run_workers(settings, &shelf, clock, &observer, stop)
}

/// Tells that the worker has ended, however it did.
struct Ended<'s>(&'s Seen);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

fn sampled(
    deployment: &Deployment,
    settings: &WorkerSettings,
    plan: Plan,
    seen: &Seen,
    span: Duration,
) -> Vec<Sample> {
    let clock = Arc::clone(&plan.clock);
    let mut platform = Platform::start(deployment, plan);
    let begun = Instant::now();
    let mut samples = Vec::new();
    println!(
        "| after | record time | events | live calls of a partition | memory MiB | state KiB | journal KiB | journal / state |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let first = clock();
    while begun.elapsed() < span {
        pause(EVERY);
        platform.must_be_well();
        let ended = seen.ended.load(Ordering::Relaxed);
        assert!(!ended, "the worker has ended by itself");
        // Before the journals are read, which takes memory of its own.
        let resident_kib = resident_kib();
        let (state_bytes, journal_bytes) = journal(settings);
        let sample = Sample {
            resident_kib,
            state_bytes,
            journal_bytes,
        };
        println!(
            "| {:.0?} | {} | {} | {} | {} | {} | {} | {} % |",
            begun.elapsed(),
            hours(first, clock()),
            seen.events.load(Ordering::Relaxed),
            seen.live_calls.load(Ordering::Relaxed),
            sample.resident_kib / 1_024,
            state_bytes / 1_024,
            journal_bytes / 1_024,
            journal_bytes * 100 / state_bytes.max(1)
        );
        if begun.elapsed() > WARM {
            samples.push(sample);
        }
    }
    let calls = platform.stop();
    println!("{calls} calls");
    samples
}

fn hours(from: Moment, to: Moment) -> String {
    let minutes = (to.millis() - from.millis()) / 60_000;
    format!("{} h {} min", minutes / 60, minutes % 60)
}

/// The bytes of the state and of the journals that hold it.
fn journal(settings: &WorkerSettings) -> (usize, usize) {
    let mut whole = (0, 0);
    for partition in 0..PARTITIONS {
        let (state, journal) = loop {
            match of_partition(settings, partition) {
                // Trimmed meanwhile: again, from its new start.
                Err(Error::Trimmed { .. }) => {}
                read => break read.expect("the journal can be read"),
            }
        };
        whole = (whole.0 + state, whole.1 + journal);
    }
    whole
}

fn of_partition(settings: &WorkerSettings, partition: i32) -> Result<(usize, usize), Error> {
    let topic = &settings.names.state;
    let mut reader = TopicReader::open(
        &settings.connection,
        topic,
        Isolation::Committed,
        None,
        WAIT,
    )?;
    let (genesis, charging) = (settings.genesis.clone(), settings.charging);
    let mut restorer = Restorer::new(genesis, partition, settings.journal, charging, None);
    let mut journal = 0;
    reader.read_to_end(&[(partition, Start::Beginning)], WAIT, |message| {
        let payload = message.payload().unwrap_or_default();
        journal += payload.len();
        let fed = restorer.feed(message.offset(), payload);
        fed.expect("a sound journal");
        std::ops::ControlFlow::Continue(())
    })?;
    let partition = restorer.finish().expect("a whole journal").partition;
    let (mut row, mut bytes) = (partition.next_row(None), Vec::new());
    while let Some(key) = row {
        partition.write_row(key, Part::Fixed, &mut bytes);
        partition.write_row(key, Part::Moving, &mut bytes);
        row = partition.next_row(Some(key));
    }
    Ok((bytes.len(), journal))
}

/// The memory of this process, in which worker and platform both are.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// Once warm, memory and journal stay as they are, and the journal within four times the state.
///
/// Memory goes up and down by what lies fetched and unsent at the moment, so that quarters of the run are
/// compared, by their medians, and not single samples.
fn judge(samples: &[Sample]) {
    let quarter = samples.len() / 4;
    if quarter < 3 {
        println!("too short to be judged: {WARM:?} pass before anything is forgotten");
        return;
    }
    let first = median_kib(&samples[..quarter]);
    let last = median_kib(&samples[samples.len() - quarter..]);
    println!("memory: {first} KiB in the first quarter, {last} KiB in the last");
    assert!(last <= first * 11 / 10, "memory grew");
    for sample in samples {
        let memory = sample.resident_kib;
        assert!(memory <= first * 3 / 2, "{memory} KiB at one time");
        let (journal, state) = (sample.journal_bytes, sample.state_bytes);
        assert!(
            journal <= state * 4,
            "{journal} bytes of journal for {state} of state"
        );
    }
}

fn median_kib(samples: &[Sample]) -> u64 {
    let mut kib: Vec<_> = samples.iter().map(|sample| sample.resident_kib).collect();
    kib.sort_unstable();
    kib[kib.len() / 2]
}
