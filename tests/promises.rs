//! What the documents name is there: tests, limits, metrics, keys of the configuration, reasons.
#![allow(missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn document(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).expect("a document of the repository")
}

fn code_of(folders: &[&str]) -> String {
    let mut code = String::new();
    for folder in folders {
        sources(&Path::new(ROOT).join(folder), &mut code);
    }
    code
}

fn sources(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path: PathBuf = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            *found += &fs::read_to_string(&path).expect("a source is text");
        }
    }
}

/// Names of tests are sentences: words in small letters, five or more.
fn names_of_tests(text: &str) -> Vec<&str> {
    let of_a_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.split(|c| !of_a_name(c))
        .filter(|word| word.matches('_').count() >= 4)
        .collect()
}

/// What stands between backticks, without labels and values behind it.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(|words| words.split(['{', ' ']).next().expect("it has a beginning"))
}

fn missing<'t>(
    named: impl Iterator<Item = &'t str>,
    at_least: usize,
    is_there: impl Fn(&str) -> bool,
) -> Vec<&'t str> {
    let named: Vec<&str> = named.collect();
    assert!(named.len() >= at_least, "{} are named", named.len());
    named.into_iter().filter(|name| !is_there(name)).collect()
}

#[test]
fn every_test_that_the_promises_name_exists() {
    let code = code_of(&["src", "tests"]);
    let text = document("docs/GUARANTEES.md");
    let named = names_of_tests(&text).into_iter();
    let there = |name: &str| code.contains(&format!("fn {name}("));
    assert_eq!(missing(named, 30, there), [""; 0]);
}

#[test]
fn every_limit_that_operators_are_told_of_exists() {
    let code = code_of(&["src"]);
    let text = document("docs/OPERATIONS.md");
    let (_, text) = text.split_once("\n## Limits\n").expect("it has limits");
    let (text, _) = text.split_once("\n## ").expect("something follows them");
    let limits = text.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
    // Two words or more; names of formats, signals and rejections have one.
    let named = limits.filter(|word| word.contains('_') && word.len() > 6);
    let there = |name: &str| code.contains(&format!("const {name}: "));
    assert_eq!(missing(named, 25, there), [""; 0]);
}

#[test]
fn every_metric_and_key_that_operators_are_told_of_exists_and_every_metric_is_told() {
    let telemetry = document("src/telemetry/metrics.rs");
    let keys: toml::Table = document("deploy/tollkeeper.toml").parse().expect("TOML");
    let has_key = |name: &str| {
        name.split_once('.')
            .and_then(|(section, key)| keys.get(section)?.get(key))
            .is_some()
    };
    let text = document("docs/OPERATIONS.md");
    let metrics = quoted(&text).filter(|name| name.starts_with("tollkeeper_"));
    let there = |name: &str| telemetry.contains(&format!("\"{name}\""));
    assert_eq!(missing(metrics, 17, there), [""; 0]);
    let sections: Vec<&str> = keys.keys().map(String::as_str).collect();
    let named = quoted(&text).filter(|name| {
        let section = name.split_once('.').map(|(section, _)| section);
        section.is_some_and(|section| sections.contains(&section)) && !name.contains('/')
    });
    assert_eq!(missing(named, 12, has_key), [""; 0]);
    let told = telemetry
        .split('"')
        .filter(|word| word.starts_with("tollkeeper_") && !word.contains([' ', '{', '\n']));
    let is_told = |name: &str| text.contains(&format!("`{name}"));
    assert_eq!(missing(told, 17, is_told), [""; 0]);
}

#[test]
fn every_reason_of_a_stopped_partition_is_explained() {
    let source = document("src/command/observe.rs");
    let reasons = source
        .lines()
        .filter(|line| line.trim_start().starts_with("StopReason::"))
        .filter_map(|line| line.split('"').nth(1));
    let text = document("docs/OPERATIONS.md");
    let is_told = |name: &str| text.contains(&format!("\n| `{name}` |"));
    assert_eq!(missing(reasons, 8, is_told), [""; 0]);
}
