//! Chaos on a real Apache Kafka: workers, brokers and the network between them fail by a seed, under
//! load, round after round, and after each round the books must balance.
//!
//! `cargo test --release --test chaos -- --for 4m --seed 1`, as `./check` runs it; `--help` says what else
//! there is. Without arguments it does nothing, so that `cargo test` passes over it.
#![allow(missing_docs, clippy::disallowed_methods)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod chaos;
mod draw;
mod faults;
mod fleet;
mod pause;
mod platform;
mod soak;
#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports)]
mod support;
mod table;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

use chaos::{Chaos, PATIENCE, audit};
use draw::Draw;
use faults::Fault;
use fleet::Fleet;
use pause::pause;
use platform::{Plan, Platform};
use support::proxy::Proxies;
use support::{Deployment, Own, now};
use table::Table;
use watch::Watch;

const PARTITIONS: i32 = 8;
/// Of silence, after which a call is closed.
const SILENCE: Duration = Duration::from_secs(60);

/// Breaks a deployment of tollkeeper on Apache Kafka, again and again, and sees whether its books
/// balance all the same.
#[derive(Debug, Parser)]
#[command(name = "chaos", max_term_width = 100)]
struct Arguments {
    /// How many rounds.
    #[arg(long)]
    rounds: Option<u64>,
    /// For how long rounds are begun: 90s, 4m, 1h.
    #[arg(long = "for", value_parser = duration)]
    span: Option<Duration>,
    /// What is drawn by.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// 1 or 3.
    #[arg(long, default_value_t = 3)]
    brokers: u32,
    /// Worker processes; one more comes and goes.
    #[arg(long, default_value_t = 3)]
    workers: usize,
    /// Events a second.
    #[arg(long, default_value_t = 5_000)]
    rate: u64,
    /// What may break; all of it, if nothing is named.
    #[arg(long, value_enum, value_delimiter = ',')]
    faults: Vec<Fault>,
    /// Instead of breaking anything, run one worker for so long with time sixty times as fast, and see
    /// that its memory and its journal stay as they are.
    #[arg(long, value_parser = duration)]
    soak: Option<Duration>,
    /// The worker that `--soak` starts.
    #[arg(long, hide = true, num_args = 3, value_names = ["BOOTSTRAP", "PREFIX", "BEGUN"])]
    soak_worker: Option<Vec<String>>,
    /// Keep a deployment that does not come back, for a look at it.
    #[arg(long)]
    hold: bool,
}

fn main() -> ExitCode {
    if std::env::args().len() == 1 {
        println!("chaos: `cargo test --release --test chaos -- --for 4m` lets it loose");
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::parse();
    if let Some([bootstrap, prefix, begun]) = arguments.soak_worker.as_deref() {
        soak::work(bootstrap, prefix, begun);
        return ExitCode::SUCCESS;
    }
    if arguments.rounds.is_none() && arguments.span.is_none() {
        arguments.span = Some(Duration::from_secs(240));
    }
    if arguments.faults.is_empty() {
        let all = Fault::value_variants().iter().copied();
        arguments.faults = all.filter(|fault| *fault != Fault::DiskFull).collect();
    }
    let run = catch_unwind(AssertUnwindSafe(|| match arguments.soak {
        Some(span) => soak::run(span, arguments.seed, arguments.rate),
        None => run(&arguments),
    }));
    if run.is_err() {
        let seed = arguments.seed;
        eprintln!("chaos: FAILED with seed {seed}: {arguments:?}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(arguments: &Arguments) {
    // From here on a signal ends it in order.
    pause(Duration::ZERO);
    let begun = Instant::now();
    let brokers = usize::try_from(arguments.brokers).expect("few brokers");
    let mut proxies = Proxies::bind(arguments.workers + 1, brokers);
    let own = Own::start_as(
        arguments.brokers,
        &[
            ("KAFKA_PROXIED", &proxies.wanted()),
            ("KAFKA_HEAP", "256m"),
            // Brokers that come and go are not worth being compiled well.
            ("KAFKA_JAVA", "-XX:TieredStopAtLevel=1"),
        ],
    );
    proxies.forward(&own);
    let rules = "[rules]\nsilence_minutes = 1\nlate_by_minutes = 3\n[shutdown]\nleave = true\n";
    let cluster = own.cluster();
    let deployment = Deployment::replicated(cluster, PARTITIONS, arguments.brokers, rules);
    deployment.done("topics create");
    let span = arguments.span.unwrap_or(Duration::from_secs(86_400));
    let plan = Plan {
        seed: arguments.seed,
        partitions: PARTITIONS,
        rate: arguments.rate,
        tenants: 200,
        live_calls: 4_000,
        silent_until: Instant::now() + span.saturating_sub(SILENCE),
        grants: 1_000,
        clock: Arc::new(now),
    };
    Platform::found(&deployment, &plan);
    let ways = (0..proxies.workers()).map(|worker| proxies.bootstrap(worker));
    let mut fleet = Fleet::new(&deployment, ways.collect());
    for place in 0..arguments.workers {
        fleet.start(place);
    }
    let mut chaos = Chaos {
        draw: Draw::new(arguments.seed),
        own: &own,
        brokers: arguments.brokers,
        partitions: PARTITIONS,
        checkpoint: deployment.file("unused", "").replace("unused", "audit"),
        deployment: &deployment,
        proxies: &proxies,
        fleet,
        platform: Platform::start(&deployment, plan.clone()),
        watch: Watch::start(deployment.cluster(), PARTITIONS),
        table: Table::default(),
        auditing: None,
        hold: arguments.hold,
    };
    chaos.recovers("start", Instant::now());
    chaos.in_sync();
    println!("chaos: all is well after {:.1?}", begun.elapsed());
    let (well, mut round) = (Instant::now(), 0);
    while arguments.rounds.is_none_or(|rounds| round < rounds) && well.elapsed() < span {
        round += 1;
        let fault = match round {
            2 if arguments.faults.contains(&Fault::DiskFull) => Fault::DiskFull,
            _ => Fault::draw(&mut chaos.draw, &arguments.faults),
        };
        let since = Instant::now();
        chaos.round(fault);
        println!(
            "round {round}: {fault:?}, well after {:.1?}",
            since.elapsed()
        );
    }
    settle(chaos, round);
    println!(
        "chaos: seed {}, {:.1?} in all",
        arguments.seed,
        begun.elapsed()
    );
}

/// The load ends: every call must be closed, and the books balance from their first record on.
fn settle(mut chaos: Chaos<'_>, rounds: u64) {
    let (sent, _) = chaos.platform.sent();
    let calls = chaos.platform.stop();
    let since = Instant::now();
    while chaos.watch.closed().0 < calls {
        let open = chaos.watch.open(calls);
        assert!(
            since.elapsed() < PATIENCE + SILENCE,
            "{} calls have no FINAL, {:?} among them",
            open.len(),
            &open[..open.len().min(10)]
        );
        chaos.fleet.mind();
        pause(Duration::from_millis(50));
    }
    chaos.audited();
    let whole = audit(&mut chaos.deployment.command("audit"));
    let (_, wrong) = chaos.watch.closed();
    assert!(wrong.is_empty(), "the ledger is wrong: {wrong:?}");
    for place in chaos.fleet.running() {
        chaos.fleet.stop(place);
    }
    for ended in &chaos.fleet.ended {
        println!("{ended}");
    }
    print!("{whole}");
    println!("{rounds} rounds, {sent} events, {calls} calls, each with its FINAL\n");
    println!("{}", chaos.table);
}

/// A time as people write it: 90s, 4m, 1h.
fn duration(text: &str) -> Result<Duration, String> {
    let unit = |suffix: &str, seconds: u64| {
        let number: u64 = text.strip_suffix(suffix)?.parse().ok()?;
        Some(Duration::from_secs(number * seconds))
    };
    let parsed = unit("s", 1)
        .or_else(|| unit("m", 60))
        .or_else(|| unit("h", 3_600));
    parsed.ok_or_else(|| format!("`{text}` is not a time such as 90s, 4m or 1h"))
}
