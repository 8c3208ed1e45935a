//! The seeds and findings of the fuzzers, replayed through the bodies of their targets, without a fuzzer.
#![allow(missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

#[cfg(feature = "kafka")]
#[path = "../fuzz/bodies/config.rs"]
mod config;
#[path = "../fuzz/bodies/events.rs"]
mod events;
#[path = "../fuzz/bodies/histories.rs"]
mod histories;
#[path = "../fuzz/bodies/journal.rs"]
mod journal;
#[path = "../fuzz/bodies/rates.rs"]
mod rates;
#[path = "corpora/seeds.rs"]
mod seeds;
#[path = "../fuzz/bodies/state.rs"]
mod state;

/// The most that all seeds of a target may take, so that the repository stays small.
const SEED_BYTES: u64 = 100 * 1024;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target)
}

#[expect(
    clippy::print_stdout,
    reason = "shown where a check fails: which seed it was"
)]
fn replay(target: &str, at_least: usize, check: fn(&[u8])) {
    let entries = fs::read_dir(folder(target)).expect("the seeds are there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() >= at_least, "the seeds of `{target}` are there");
    let mut bytes = 0;
    for file in files {
        let seed = fs::read(&file).expect("a seed can be read");
        bytes += u64::try_from(seed.len()).expect("a seed is small");
        println!("{}", file.display());
        check(&seed);
    }
    assert!(
        bytes <= SEED_BYTES,
        "the seeds of `{target}` take {bytes} bytes"
    );
}

#[test]
fn every_value_is_an_event_or_a_rejection() {
    replay("events", 40, events::check);
}

#[test]
fn every_history_is_charged_and_restored() {
    replay("histories", 30, histories::check);
}

#[test]
fn every_log_restores_or_is_refused() {
    replay("journal", 20, journal::check);
}

#[test]
fn every_rate_card_is_good_or_its_faults_are_named() {
    replay("rates", 20, rates::check);
}

#[cfg(feature = "kafka")]
#[test]
fn every_configuration_is_good_or_its_faults_are_named() {
    replay("config", 10, config::check);
}

/// Writes the seeds anew from what the repository has; findings of the fuzzers stay.
#[test]
#[ignore = "writes into fuzz/seeds"]
fn seeds_are_written() {
    seeds::write();
}
