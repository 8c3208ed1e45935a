//! Upgrades: journals that older versions wrote restore, a way back stays open, newer formats are refused.
//!
//! `upgrade/format-N` was recorded by `upgrade/record.rs`, compiled with the first version that wrote
//! that format: `journal`, and beside it the rows and figures that this very version had in memory.
#![allow(missing_docs)]

#[path = "upgrade/record.rs"]
mod record;

use expect_test::expect;
use tollkeeper::charging::Layout;
use tollkeeper::journal::{JournalSettings, READABLE_FORMATS, describe};

use record::{EVENTS, Log, RECORDED, begun, cards, charge, figures, restore, rows};

struct Recorded {
    format: u8,
    layout: Layout,
    journal: &'static [u8],
    rows: &'static str,
    figures: &'static str,
}

/// What each format was recorded as. It never changes.
const RECORDINGS: [Recorded; 2] = [
    Recorded {
        format: 1,
        layout: Layout::One,
        journal: include_bytes!("upgrade/format-1/journal"),
        rows: include_str!("upgrade/format-1/rows.txt"),
        figures: include_str!("upgrade/format-1/figures.txt"),
    },
    Recorded {
        format: 2,
        layout: Layout::Two,
        journal: include_bytes!("upgrade/format-2/journal"),
        rows: include_str!("upgrade/format-2/rows.txt"),
        figures: include_str!("upgrade/format-2/figures.txt"),
    },
];

fn settings(write_format: u8) -> JournalSettings {
    JournalSettings {
        write_format,
        ..JournalSettings::default()
    }
}

fn log_of(mut file: &[u8]) -> Log {
    let mut log = Log::new();
    while let Some((offset, rest)) = file.split_first_chunk::<8>() {
        let (length, rest) = rest.split_first_chunk::<4>().expect("a length");
        let length = usize::try_from(u32::from_le_bytes(*length)).expect("a message is small");
        let (message, rest) = rest.split_at(length);
        log.push((i64::from_le_bytes(*offset), message.to_vec()));
        file = rest;
    }
    log
}

fn formats_in(log: &Log) -> Vec<u8> {
    let mut formats: Vec<u8> = log.iter().map(|(_, message)| message[2]).collect();
    formats.dedup();
    formats
}

#[test]
fn every_format_there_ever_was_is_recorded() {
    let recorded: Vec<u8> = RECORDINGS.iter().map(|recorded| recorded.format).collect();
    assert_eq!(recorded, READABLE_FORMATS.collect::<Vec<u8>>());
    for recorded in RECORDINGS {
        assert_eq!(formats_in(&log_of(recorded.journal)), [recorded.format]);
    }
}

#[test]
fn a_journal_of_every_format_restores_to_what_its_writer_had() {
    for recorded in RECORDINGS {
        let log = log_of(recorded.journal);
        let restored = restore(&log, settings(recorded.format)).expect("it restores");
        let partition = restored.partition;
        assert_eq!(figures(&partition), recorded.figures, "{}", recorded.format);
        let write = |key, part, out: &mut Vec<u8>| {
            partition.write_row_as(recorded.layout, key, part, out);
        };
        assert_eq!(
            rows(&partition, write),
            recorded.rows,
            "{}",
            recorded.format
        );
        assert!(partition.live_calls() > 5, "calls were live");
    }
}

/// Before `journal.write_format` is raised, after it, and back again where the way back was kept open.
#[test]
fn a_journal_goes_on_in_the_format_that_is_asked_for_and_restores() {
    let cards = cards();
    for recorded in RECORDINGS {
        for write_format in READABLE_FORMATS {
            let mut log = log_of(recorded.journal);
            let mut restored = restore(&log, settings(write_format)).expect("it restores");
            charge(
                &mut restored,
                &mut log,
                &cards,
                EVENTS.lines().skip(RECORDED),
            );
            let mut formats = vec![recorded.format, write_format];
            formats.dedup();
            assert_eq!(formats_in(&log), formats);
            let again = restore(&log, settings(write_format)).expect("it restores");
            assert_eq!(figures(&again.partition), figures(&restored.partition));
        }
    }
}

#[test]
fn what_a_call_pays_for_minute_1_is_the_same_in_every_format() {
    let cards = cards();
    let ends: Vec<String> = READABLE_FORMATS
        .map(|write_format| {
            let mut log = begun(settings(write_format));
            let mut restored = restore(&log, settings(write_format)).expect("a genesis restores");
            for line in EVENTS.lines() {
                charge(&mut restored, &mut log, &cards, std::iter::once(line));
                restored = restore(&log, settings(write_format)).expect("it restores");
            }
            figures(&restored.partition)
        })
        .collect();
    assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{ends:#?}");
}

#[test]
fn a_newer_format_is_refused_with_the_reason() {
    let mut log = log_of(RECORDINGS[1].journal);
    let (at, newest) = (log.len() - 1, *READABLE_FORMATS.end());
    log[at].1[2] = newest + 1;
    let refusal = restore(&log, settings(newest)).expect_err("a newer format");
    expect![
        "reading the journal at offset `48`: format `3`, but this version reads formats `1` to `2`"
    ]
    .assert_eq(&refusal.to_string());
    expect!["unreadable: format `3`, but this version reads formats `1` to `2`"]
        .assert_eq(&describe(&log[at].1).to_string());
}

/// For the next format: compile this test with the version that writes it first.
#[test]
#[ignore = "writes into tests/upgrade"]
fn a_journal_is_recorded() {
    let folder = format!("tests/upgrade/format-{}", READABLE_FORMATS.end());
    record::record(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
}
