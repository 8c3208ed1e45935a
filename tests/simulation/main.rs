//! The simulation in CI: workers' own decisions against a model of Kafka, seed after seed.
#![allow(missing_docs)]

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

use std::panic;

/// Partitions trip assertions on purpose; what matters of a panic is in the failure.
fn quiet() {
    panic::set_hook(Box::new(|_| {}));
}

fn told(result: Result<runner::Totals, runner::Failure>) -> runner::Totals {
    result.unwrap_or_else(|failure| {
        let _ = panic::take_hook();
        panic!("{}", failure.told())
    })
}

#[test]
fn nothing_is_lost_or_charged_twice_whatever_breaks() {
    quiet();
    let totals = told(runner::seeds(0, 10_000, 2));
    for fault in plan::Fault::ALL {
        assert!(totals.faults.contains_key(&fault), "{fault:?} never came");
    }
}

#[test]
fn a_crash_at_any_step_of_any_worker_changes_nothing() {
    quiet();
    for seed in 1..=8 {
        told(runner::every_crash(seed));
    }
}
