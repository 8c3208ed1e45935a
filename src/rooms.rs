//! The order of the rooms and the purity of those that decide, read from the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room may use those of the lines above its own.
const STOREYS: &[&[&str]] = &[
    &["domain"],
    &["codec", "rates", "wallet"],
    &["calls"],
    &["charging"],
    &["journal"],
    &["audit", "flow"],
    &["telemetry", "view"],
    &["kafka"],
    &["config", "http"],
    &["command"],
];

/// The last storey that decides; above it is the shell.
const LAST_PURE: &str = "flow";

/// What only the shell may do: talk, wait, look at a clock, remember on disk, throw dice, log.
const IMPURE: &[&str] = &[
    "rdkafka",
    "tokio",
    "axum",
    "prometheus",
    "tracing",
    "crossbeam_channel",
    "std::env",
    "std::fs",
    "stdin",
    "stdout",
    "stderr",
    "std::net",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "RandomState",
    "println!",
    "eprintln!",
];

/// A dependency is known to one room, its owner.
const OWNERS: &[(&str, &[&str])] = &[
    ("rdkafka", &["kafka"]),
    ("crossbeam_channel", &["kafka"]),
    ("pollster", &["kafka"]),
    ("apache_avro", &["codec"]),
    ("serde_avro_fast", &["codec"]),
    ("csv", &["rates"]),
    ("zstd", &["rates"]),
    ("sha2", &["rates"]),
    ("phonenumber", &["domain"]),
    ("blake3", &["audit", "charging", "journal"]),
    ("rust_decimal", &["domain", "rates"]),
    ("jiff", &["domain", "rates", "command"]),
    ("axum", &["http"]),
    ("tokio", &["http"]),
    ("prometheus", &["telemetry"]),
    ("toml", &["config"]),
    ("clap", &["command"]),
    ("indicatif", &["command"]),
];

struct SourceFile {
    room: String,
    path: PathBuf,
    text: String,
}

fn sources() -> Vec<SourceFile> {
    let folder_of_all = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![folder_of_all.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the sources can be listed") {
            let path = entry.expect("the sources can be listed").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path
                .strip_prefix(&folder_of_all)
                .expect("below the root")
                .to_owned();
            if inside.extension().is_some_and(|ending| ending == "rs")
                && let (Some(room), true) = (inside.iter().next(), inside.iter().count() > 1)
            {
                let text = fs::read_to_string(&path).expect("a source is text");
                let room = room.to_string_lossy().into_owned();
                found.push(SourceFile {
                    room,
                    path: inside,
                    text,
                });
            }
        }
    }
    assert!(found.len() > 50, "the sources were found");
    found
}

fn storey(room: &str) -> usize {
    STOREYS
        .iter()
        .position(|rooms| rooms.contains(&room))
        .unwrap_or_else(|| panic!("room `{room}` has a place in the order"))
}

/// The code without comments, and without the tests at its end or in files of their own.
fn code(source: &SourceFile) -> String {
    let of_tests = source.path.iter().any(|part| {
        let part = part.to_string_lossy();
        part == "tests" || part == "tests.rs"
    });
    if of_tests {
        return String::new();
    }
    let text = source.text.as_str();
    let text = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text);
    let lines = text.lines();
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    code.fold(String::new(), |text, line| text + line + "\n")
}

/// Every `…::name` behind a path root such as `crate`.
fn names_behind<'t>(text: &'t str, root: &str) -> BTreeSet<&'t str> {
    text.match_indices(root)
        .filter_map(|(at, _)| {
            let rest = &text[at + root.len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
            Some(&rest[..end])
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whether a word stands in a text by itself.
fn mentions(text: &str, word: &str) -> bool {
    let part_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(part_of_a_name) && !after.is_some_and(part_of_a_name)
    })
}

#[test]
fn a_room_uses_only_the_rooms_below_it() {
    let mut wrong = Vec::new();
    for source in sources() {
        for used in names_behind(&source.text, "crate::") {
            if used != source.room && storey(used) >= storey(&source.room) {
                wrong.push(format!("{} uses `{used}`", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_decides_does_no_input_or_output_and_reads_no_clock() {
    let mut wrong = Vec::new();
    for source in sources() {
        if storey(&source.room) > storey(LAST_PURE) {
            continue;
        }
        let code = code(&source);
        for word in IMPURE.iter().filter(|word| mentions(&code, word)) {
            wrong.push(format!("{} mentions `{word}`", source.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_dependency_is_used_by_its_owner_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        let code = code(&source);
        for (dependency, owners) in OWNERS {
            let used = ["::", ";", " as "]
                .iter()
                .any(|behind| mentions_root(&code, dependency, behind));
            if used && !owners.contains(&source.room.as_str()) {
                wrong.push(format!("{} uses `{dependency}`", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a path begins with this name, followed by `behind`.
fn mentions_root(code: &str, name: &str, behind: &str) -> bool {
    let root = format!("{name}{behind}");
    code.match_indices(&root).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let path_start = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
        path_start && (behind == "::" || code[..at].ends_with("use "))
    })
}

#[test]
fn the_checks_see_what_they_look_for() {
    let text = "use crate::domain::Money;\nlet a = std::fs::read(x); csv::Reader::new();";
    assert_eq!(names_behind(text, "crate::"), BTreeSet::from(["domain"]));
    assert!(mentions(text, "std::fs"));
    assert!(!mentions("an Instantiation", "Instant"));
    assert!(mentions_root(text, "csv", "::"));
    assert!(!mentions_root("super::csv::Reader", "csv", "::"));
}
