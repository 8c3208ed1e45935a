//! Rate cards: checked, published as versions, looked up.

use std::fmt::Write as _;
use std::process::Command;

use crate::support::{Cluster, Deployment};

const HEADER: &str = "kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium";

fn deployed() -> Deployment {
    Deployment::created(Cluster::shared(), 1)
}

/// A card of one row, for Germany, at this rate.
pub fn card(rate: &str) -> String {
    format!("{HEADER}\nDIAL_OUT,+49,Germany,DE,{rate},,,,,,,,,,,\n")
}

#[test]
fn each_publication_is_the_next_version_and_lookup_shows_the_latest() {
    let deployment = deployed();
    let first = deployment.file("first.csv", &card("0.018"));
    let second = deployment.file("second.csv", &card("0.02"));
    let without = deployment.run(&format!("rates publish {first} --card standard"));
    assert_eq!(without.code, Some(2), "{without:?}");
    assert!(without.err.contains("`--currency`"), "{}", without.err);

    let said = deployment.done(&format!(
        "rates publish {first} --card standard --currency EUR"
    ));
    assert_eq!(
        said,
        "rate card `standard` version 1 is published: 1 row in 1 part\n"
    );
    // The currency of the version before is kept.
    let said = deployment.done(&format!("rates publish {second} --card standard"));
    assert!(said.contains("version 2"), "{said}");
    let said = deployment.done("rates lookup --card standard --to +493012345678");
    assert!(
        said.starts_with("rate card `standard` version 2 (EUR)"),
        "{said}"
    );
    assert!(said.contains("rate     0.02 a minute"), "{said}");
    assert!(!said.contains("493012345678"), "{said}");

    let before =
        deployment.run("rates lookup --card standard --to +493012345678 --at 2020-01-01T00:00:00Z");
    assert_eq!(before.code, Some(1), "{before:?}");
    let unknown = deployment.run("rates lookup --card gold --to +493012345678");
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    let number = deployment.run("rates lookup --card standard --to 03012345678");
    assert_eq!(number.code, Some(2), "{number:?}");
    assert!(!number.err.contains("03012345678"), "{}", number.err);
}

#[test]
fn a_large_card_travels_in_parts_and_comes_together() {
    let deployment = deployed();
    let mut csv = format!("{HEADER}\n");
    for row in 0..100_000_u64 {
        // Noise that does not compress.
        let noise = row.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let (micros, prefix) = (noise % 1_000_000, 10_000_000 + row);
        writeln!(csv, "DIAL_OUT,{prefix},{noise:x},,0.{micros:06},,,,,,,,,,,").expect("in memory");
    }
    let file = deployment.file("large.csv", &csv);
    let said = deployment.done(&format!("rates publish {file} --card large --currency USD"));
    assert!(said.contains("100000 rows in"), "{said}");
    assert!(!said.contains("in 1 part"), "{said}");
    let said = deployment.done("rates lookup --card large --to +10099999123");
    assert!(said.contains("row: prefix 10099999"), "{said}");
}

#[test]
fn a_broken_card_is_told_fault_by_fault_and_not_published() {
    let deployment = deployed();
    let broken = deployment.file("broken.csv", &card("0.0000001").replace("DE", "Germany"));
    let told = format!(
        "tollkeeper: 2 faults in `{broken}`\n  line 2, column 4 (country): `Germany` is not a \
         country of two capital letters (ISO 3166-1)\n  line 2, column 5 (rate_per_minute): \
         `0.0000001`: more than six decimals\n"
    );
    let checked = Command::new(env!("CARGO_BIN_EXE_tollkeeper"))
        .args(["rates", "check", &broken])
        .output()
        .expect("the program can be started");
    assert_eq!(checked.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&checked.stderr), told);
    let published = deployment.run(&format!("rates publish {broken} --card c --currency EUR"));
    assert_eq!((published.code, published.err), (Some(1), told));
    let unknown = deployment.run("rates lookup --card c --to +4930123");
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
}

#[test]
fn publishers_of_one_card_at_the_same_time_never_share_a_version() {
    let deployment = deployed();
    let file = deployment.file("card.csv", &card("0.018"));
    let arguments = format!("rates publish {file} --card busy --currency EUR");
    let running: Vec<_> = (0..4)
        .map(|_| {
            deployment
                .command(&arguments)
                .spawn()
                .expect("the program can be started")
        })
        .collect();
    let mut versions: Vec<i64> = Vec::new();
    for child in running {
        let output = child.wait_with_output().expect("the program ends");
        let said = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            let version = said
                .split_whitespace()
                .nth(4)
                .and_then(|word| word.parse::<i64>().ok());
            versions.push(version.unwrap_or_else(|| panic!("a version in {said}")));
        } else {
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{told}");
        }
    }
    versions.sort_unstable();
    let gap_free: Vec<i64> = (1..).take(versions.len()).collect();
    assert_eq!(versions, gap_free);
    let said = deployment.done("rates lookup --card busy --to +4930123");
    assert!(
        said.contains(&format!("version {} ", versions.len())),
        "{said}"
    );
}
