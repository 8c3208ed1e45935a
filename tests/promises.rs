//! Every test that docs/GUARANTEES.md names is there.
#![allow(missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

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

#[test]
fn every_test_that_the_promises_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for folder in ["src", "tests"] {
        sources(&root.join(folder), &mut code);
    }
    let text = fs::read_to_string(root.join("docs/GUARANTEES.md")).expect("the promises");
    let named = names_of_tests(&text);
    assert!(named.len() > 30, "{} tests are named", named.len());
    let missing: Vec<&str> = named
        .into_iter()
        .filter(|name| !code.contains(&format!("fn {name}(")))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}
