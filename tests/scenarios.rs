//! The rulebook, rule by rule: each folder of `tests/scenarios` has a card, events and what must come of
//! them, put through the `simulate` command. `why.txt` says how the figures come about.
#![allow(missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = fs::read_dir(folder).expect("the scenarios are there");
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder").path())
        .collect();
    folders.sort();
    folders
}

fn simulate(folder: &Path) -> String {
    let arguments = fs::read_to_string(folder.join("args")).expect("`args` is there");
    let output = Command::new(env!("CARGO_BIN_EXE_tollkeeper"))
        .arg("simulate")
        .args(arguments.split_whitespace())
        .arg("events.jsonl")
        .current_dir(folder)
        .output()
        .expect("the command runs");
    assert!(
        output.status.success(),
        "{}: {}",
        folder.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("JSON lines are UTF-8")
}

#[test]
fn every_scenario_publishes_exactly_what_the_rulebook_says() {
    let folders = scenarios();
    assert!(folders.len() >= 30, "the catalogue is there");
    let mut wrong = Vec::new();
    for folder in &folders {
        let expected = fs::read_to_string(folder.join("expected.jsonl")).expect("expectations");
        let published = simulate(folder);
        let first_difference = expected
            .lines()
            .zip(published.lines())
            .position(|(one, other)| one != other);
        if let Some(line) = first_difference {
            wrong.push(format!(
                "{} line {}:\n  expected {}\n  got      {}",
                folder.display(),
                line + 1,
                expected.lines().nth(line).unwrap_or_default(),
                published.lines().nth(line).unwrap_or_default(),
            ));
        } else if expected.lines().count() != published.lines().count() {
            wrong.push(format!(
                "{}: {} records expected, {} published",
                folder.display(),
                expected.lines().count(),
                published.lines().count()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for folder in scenarios() {
        assert_eq!(simulate(&folder), simulate(&folder), "{}", folder.display());
    }
}
