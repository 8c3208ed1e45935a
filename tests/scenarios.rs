//! The rulebook, rule by rule: each folder of `tests/scenarios` has a card, events and what must come of
//! them, put through the `simulate` command. `why.txt` says how the figures come about, `transcript.txt`
//! what is published in short, `expected.jsonl` in full.
#![allow(missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

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

/// Where what was published first differs from what was expected, in words.
fn difference(folder: &Path, expected: &str, published: &str) -> Option<String> {
    let (mut expected, mut published) = (expected.lines(), published.lines());
    (1..).find_map(|line| match (expected.next(), published.next()) {
        (None, None) => Some(None),
        (one, other) if one == other => None,
        (one, other) => Some(Some(format!(
            "{} line {line}:\n  expected {}\n  got      {}",
            folder.display(),
            one.unwrap_or("nothing"),
            other.unwrap_or("nothing"),
        ))),
    })?
}

/// The transcript's line for a record: `U` rated usage, `W` wallet entry, `N` notice, `O` order about a
/// call, `T` order about the tenant, `R` rejected.
fn in_short(line: &str) -> String {
    let record: Value = serde_json::from_str(line).expect("a JSON line");
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    let unless = |name: &str, nothing: &str, label: &str| match text(name) {
        value if value == nothing || value.is_empty() => String::new(),
        value => format!(" {label}{value}"),
    };
    match text("type") {
        "RatedUsage" => {
            let pool = match record["pool_minutes"].as_i64() {
                Some(0) | None => String::new(),
                Some(minutes) => format!(" pool={minutes}"),
            };
            let unrated = if record["unrated"] == true {
                " unrated"
            } else {
                ""
            };
            format!(
                "U {} {} {} {} {}{}{pool}{unrated}",
                text("record_id"),
                text("amount"),
                text("call_total"),
                text("cause"),
                text("balance_after"),
                unless("uncovered", "0", "unc=")
            )
        }
        "WalletEntry" => format!(
            "W {} {} {}{}",
            text("record_id"),
            text("amount"),
            text("balance_after"),
            unless("debt_paid", "0", "debt=")
        ),
        "BalanceNotice" => {
            let threshold = &record["threshold"];
            let of = |name: &str| threshold[name].as_str().unwrap_or_default();
            let threshold = match threshold {
                Value::Null => String::new(),
                _ => format!(" {}/{}", of("kind"), of("value")),
            };
            let detail = text("detail").split(' ').next().unwrap_or_default();
            let call = unless("call_id", "", "");
            let detail = if detail.is_empty() {
                String::new()
            } else {
                format!(" {detail}")
            };
            let request = unless("request_id", "", "");
            format!("N {}{threshold}{request}{detail}{call}", text("kind"))
        }
        "CallOrder" => {
            let cut = text("cut_at");
            let cut = cut.get(11..cut.len().max(1) - 1);
            let cut = cut.map_or_else(String::new, |time| format!(" @{time}"));
            format!(
                "O {} {} {}{cut}",
                text("order_id"),
                text("kind"),
                text("reason")
            )
        }
        "TenantOrder" => format!("T {}", text("kind")),
        _ => format!("R {} {}", text("reason"), record["line"]),
    }
}

#[test]
fn every_scenario_publishes_exactly_what_the_rulebook_says() {
    let folders = scenarios();
    assert!(folders.len() >= 80, "the catalogue is there");
    let mut wrong = Vec::new();
    for folder in &folders {
        let expected = fs::read_to_string(folder.join("expected.jsonl")).expect("expectations");
        wrong.extend(difference(folder, &expected, &simulate(folder)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_transcripts_say_in_short_what_is_expected() {
    let mut wrong = Vec::new();
    for folder in scenarios() {
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect("the file is there");
        let short: Vec<String> = read("expected.jsonl").lines().map(in_short).collect();
        wrong.extend(difference(
            &folder,
            &read("transcript.txt"),
            &short.join("\n"),
        ));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rules_name_every_scenario() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/RULES.md");
    let rules = fs::read_to_string(rules).expect("the rules are there");
    for folder in scenarios() {
        let name = folder.file_name().expect("a name").to_string_lossy();
        let link = format!("(../tests/scenarios/{name})");
        assert!(
            rules.contains(&link),
            "docs/RULES.md does not name `{name}`"
        );
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for folder in scenarios() {
        assert_eq!(simulate(&folder), simulate(&folder), "{}", folder.display());
    }
}
