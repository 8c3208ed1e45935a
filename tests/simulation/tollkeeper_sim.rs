//! The simulation by hand: `--seed N` shows one run, `--seeds A..B` runs many, `--crashes N` all crashes of
//! a short history.
#![allow(missing_docs, clippy::print_stdout)]

mod arriving;
mod balances;
mod books;
mod broker;
mod carrying;
mod checks;
mod client;
mod consumer;
mod coordinating;
mod dice;
mod encodings;
mod events;
mod faults;
mod group;
mod log;
mod network;
mod observing;
mod plan;
mod processes;
mod queue;
mod rates;
mod reference;
mod runner;
mod script;
mod standing;
mod takeover;
mod taking;
mod traffic;
mod worker;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use runner::{Failure, Totals};

/// Runs workers' own decisions against a model of Kafka.
#[derive(Debug, Parser)]
#[command(name = "tollkeeper-sim")]
struct Arguments {
    /// Run this seed and print what happened.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Run these seeds, the last one not included, up to the first that fails.
    #[arg(long, value_name = "A..B", value_parser = range)]
    seeds: Option<(u64, u64)>,
    /// Run a short history of this seed with a crash at every step of every worker.
    #[arg(long, value_name = "N")]
    crashes: Option<u64>,
    /// Threads for `--seeds`.
    #[arg(long, default_value_t = 2)]
    threads: u64,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let (from, to) = text
        .split_once("..")
        .ok_or("not two numbers with `..` between")?;
    let number = |text: &str| text.parse().map_err(|_| format!("`{text}` is no number"));
    Ok((number(from)?, number(to)?))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    std::panic::set_hook(Box::new(|_| {}));
    let begun = Instant::now();
    if let Some(seed) = arguments.seed {
        let Err(Failure { broken, trace, .. }) = runner::seed(seed, true) else {
            unreachable!("a traced run brings its trace")
        };
        println!("{}", trace.join("\n"));
        if broken.is_empty() {
            return ExitCode::SUCCESS;
        }
        println!("seed {seed}: {broken}");
        return ExitCode::FAILURE;
    }
    let result = match (arguments.seeds, arguments.crashes) {
        (Some((from, to)), _) => runner::seeds(from, to, arguments.threads),
        (None, Some(seed)) => runner::every_crash(seed),
        (None, None) => runner::seeds(0, 100, arguments.threads),
    };
    match result {
        Ok(totals) => {
            report(&totals, begun);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{}", failure.told());
            ExitCode::FAILURE
        }
    }
}

fn report(totals: &Totals, begun: Instant) {
    let Totals {
        seeds,
        commits,
        records,
        steps,
        ..
    } = totals;
    let took = begun.elapsed();
    println!(
        "{seeds} runs in {took:.1?}: {commits} transactions, {records} ledger records, {steps} steps"
    );
    for fault in plan::Fault::ALL {
        let times = totals.faults.get(&fault).copied().unwrap_or_default();
        println!("  {fault:?}: {times}");
    }
}
