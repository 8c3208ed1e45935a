//! A worker under steady load while time runs fast: what it remembers it must forget again, so that its
//! memory and its journal stay as they are.

mod journals;
mod worker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tollkeeper::domain::Moment;
use tollkeeper::journal::JournalSettings;
use tollkeeper::kafka::{
    Admin, Clock, TopicSettings, Wanted, WorkerSettings, found_journals, plan,
};

use crate::PARTITIONS;
use crate::pause::pause;
use crate::platform::{Plan, Platform};
use crate::support::running::settings;
use crate::support::{Deployment, Own, WAIT, now};

use worker::Worker;
pub use worker::work;

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
    let plan = Plan {
        seed,
        partitions: PARTITIONS,
        rate,
        tenants: 1_000,
        live_calls: usize::try_from(rate).expect("a rate fits"),
        silent_until: Instant::now() + span,
        grants: 1_000_000,
        clock: faster(begun),
    };
    Platform::found(&deployment, &plan);
    let worker = Worker::start(deployment.cluster(), begun);
    let samples = sampled(&deployment, &settings, plan, &worker, span);
    println!("{}", worker.stop());
    judge(&samples);
    println!("{}", deployment.done("audit"));
}

/// What time it is where time runs faster since this moment.
fn faster(begun: Moment) -> Clock {
    Arc::new(move || begun.plus_millis((now().millis() - begun.millis()) * FASTER))
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
    let settings = settings(cluster, worker::INSTANCE);
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

fn sampled(
    deployment: &Deployment,
    settings: &WorkerSettings,
    plan: Plan,
    worker: &Worker,
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
        let resident_kib = worker.resident_kib();
        let (state_bytes, journal_bytes) = journals::measured(settings);
        let sample = Sample {
            resident_kib,
            state_bytes,
            journal_bytes,
        };
        println!(
            "| {:.0?} | {} | {} | {} | {} | {} | {} | {} % |",
            begun.elapsed(),
            hours(first, clock()),
            worker.events(),
            worker.live_calls(),
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
