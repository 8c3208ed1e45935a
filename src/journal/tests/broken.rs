//! Every way to bend a log is seen, and named with its place.

use expect_test::expect;

use super::model::{Happening, Log, PARTITION, Worker, genesis, restore, row};
use crate::charging::{Settings, Table};
use crate::journal::{
    Chain, Genesis, JournalError, JournalSettings, PositionMark, Restorer, describe, encode_genesis,
};

/// A short log with records in one part and in several, and rounds of several records.
fn worker() -> Worker {
    let mut worker = Worker::new(700);
    let load: Vec<_> = (0..12)
        .map(|slot| Happening::Write(row(Table::Tenant, slot), vec![7; 90], vec![8; 60]))
        .collect();
    worker.transact(&load);
    for turn in 0..8_u8 {
        let slot = u32::from(turn);
        worker.transact(&[
            Happening::Move(row(Table::Tenant, slot), vec![turn; 40]),
            Happening::Write(row(Table::Call, slot), vec![turn; 20], vec![turn]),
        ]);
    }
    worker.transact(&[Happening::Remove(row(Table::Call, 2))]);
    worker
}

fn refusal(log: &Log) -> String {
    restore(log, 700)
        .expect_err("a broken log is refused")
        .to_string()
}

#[test]
fn one_changed_bit_anywhere_is_refused() {
    let log = worker().log;
    for (at, (_, message)) in log.iter().enumerate() {
        for byte in 0..message.len() {
            let mut bent = log.clone();
            bent[at].1[byte] ^= 1 << (byte % 8);
            let (offset, error) = (log[at].0, refusal(&bent));
            assert!(
                error.contains(&format!("`{offset}`")),
                "byte {byte} of {offset}: {error}"
            );
        }
    }
}

#[test]
fn a_message_cut_short_or_made_longer_is_refused() {
    let log = worker().log;
    for at in 0..log.len() {
        for length in [0, 2, 3, 56, log[at].1.len() - 1, log[at].1.len() + 1] {
            let mut bent = log.clone();
            bent[at].1.resize(length, 0);
            let (offset, error) = (log[at].0, refusal(&bent));
            assert!(
                error.contains(&format!("`{offset}`")),
                "{length} bytes of {offset}: {error}"
            );
        }
    }
}

#[test]
fn a_message_missing_repeated_or_swapped_is_refused() {
    let whole = worker();
    let log = &whole.log;
    assert!(log.len() > 12, "there are records in parts");
    for at in 0..log.len() {
        let mut repeated = log.clone();
        repeated.insert(at, log[at].clone());
        refusal(&repeated);
        if at + 1 < log.len() {
            let mut swapped = log.clone();
            swapped.swap(at, at + 1);
            refusal(&swapped);
        }
        if at > 0 && at + 1 < log.len() {
            let mut missing = log.clone();
            missing.remove(at);
            refusal(&missing);
        }
    }
    assert_eq!(restore(log, 700).expect("the whole log").state, whole.state);
}

#[test]
fn a_record_of_another_history_does_not_fit() {
    let mut other = worker();
    let mut log = worker().log;
    other.transact(&[Happening::Remove(row(Table::Call, 0))]);
    let mut ours = worker();
    ours.transact(&[Happening::Remove(row(Table::Call, 1))]);
    ours.transact(&[]);
    let from_other = other.log.last().cloned().expect("a log");
    let ours_next = ours.log.last().cloned().expect("a log");
    log.push(from_other);
    log.push(ours_next);
    assert_eq!(
        &refusal(&log),
        "reading the journal at offset `38`: record `11`, part `2`, where record `11`, part `1`, must be"
    );
}

#[test]
fn a_record_that_follows_in_number_but_was_written_after_another_is_refused() {
    let after = |first: u8| {
        let mut worker = Worker::new(100_000);
        worker.transact(&[Happening::Write(row(Table::Tenant, 0), vec![first], vec![])]);
        worker.transact(&[]);
        worker.log
    };
    let (mut log, other) = (after(1), after(2));
    let last = log.pop().expect("a log");
    assert_eq!(last.0, other[2].0, "each record is one message");
    log.push(other[2].clone());
    assert_eq!(
        &refusal(&log),
        "reading the journal at offset `4`: record `2` was written after another record than the one before it"
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let log = worker().log;
    let check = |bend: &dyn Fn(&mut Log), expected: &str| {
        let mut bent = log.clone();
        bend(&mut bent);
        assert_eq!(refusal(&bent), expected);
    };
    check(
        &|log| log.clear(),
        "reading the journal: it is empty, not even a genesis (was it made by `topics create`?)",
    );
    check(
        &|log| log[0].1[2] = 3,
        "reading the journal at offset `0`: format `3`, but this version reads formats `1` to `2`",
    );
    check(
        &|log| log[0].1[0] = b'X',
        "reading the journal at offset `0`: not a journal record",
    );
    check(
        &|log| log[1].1[60] ^= 1,
        "reading the journal at offset `2`: the checksum of record `1` does not agree with its bytes",
    );
    check(
        &|log| log.retain(|(offset, _)| *offset >= 34),
        "reading the journal at offset `34`: neither a genesis nor a complete sweep is left up to here, so rows may be missing",
    );
    check(
        &|log| drop(log.drain(..2)),
        "reading the journal at offset `3`: record `1` is not whole: the log begins after its first part",
    );
    check(
        &|log| log.truncate(2),
        "reading the journal at offset `2`: record `1` is not whole: the log ends before its last part",
    );
    check(
        &|log| drop(log.remove(2)),
        "reading the journal at offset `4`: record `1`, part `3`, where record `1`, part `2`, must be",
    );
}

#[test]
fn another_cluster_topic_number_of_partitions_or_partition_is_refused() {
    let settings = JournalSettings::default();
    let check = |change: &dyn Fn(&mut Genesis), partition, expected: &str| {
        let mut other = genesis();
        change(&mut other);
        let message = encode_genesis(&other, partition, settings);
        let error = Chain::new(genesis(), PARTITION)
            .follow(0, &message)
            .expect_err("another");
        assert_eq!(error.to_string(), expected);
    };
    check(
        &|other| other.cluster_id = "elsewhere".into(),
        PARTITION,
        "reading the journal at offset `0`: written for cluster `elsewhere`, but this is `5L6g3nShT-eMCtK--X86sw`",
    );
    check(
        &|other| other.input_topic_id = "made anew".into(),
        PARTITION,
        "reading the journal at offset `0`: written for input topic id `made anew`, but this is `1f0ea4e5-3d1c-4a2c-9b5e-6f0d8a1b2c3d`",
    );
    check(
        &|other| other.partitions = 8,
        PARTITION,
        "reading the journal at offset `0`: written for a number of partitions of `8`, but this is `16`",
    );
    check(
        &|_| (),
        4,
        "reading the journal at offset `0`: written for partition `4`, but this is `3`",
    );
}

#[test]
fn the_identity_is_still_checked_after_a_trim() {
    let worker = worker();
    let log = worker.trimmed(worker.writer.trim_before().expect("a round is complete"));
    let mut chain = Chain::new(
        Genesis {
            partitions: 8,
            ..genesis()
        },
        PARTITION,
    );
    let error = log
        .iter()
        .try_for_each(|(offset, message)| chain.follow(*offset, message).map(drop));
    let error = error.expect_err("another number of partitions").to_string();
    assert!(
        error.contains("number of partitions of `16`, but this is `8`"),
        "{error}"
    );
}

#[test]
fn a_journal_behind_or_beside_the_groups_mark_is_refused() {
    let settings = Settings {
        live_calls: 1,
        silence_minutes: 10,
        late_by_minutes: 120,
        kept: 1_000,
    };
    let genesis_only = encode_genesis(&genesis(), PARTITION, JournalSettings::default());
    let feed = |expected| -> Result<(), JournalError> {
        let journal = JournalSettings::default();
        let mut restorer = Restorer::new(genesis(), PARTITION, journal, settings, expected);
        restorer.feed(0, &genesis_only)?;
        assert_eq!(
            restorer.reached(),
            expected.is_some_and(|mark| mark.sequence == 0)
        );
        restorer.finish().map(|_| ())
    };
    let mut chain = Chain::new(genesis(), PARTITION);
    chain.follow(0, &genesis_only).expect("a genesis");
    let mark = chain.mark().expect("a record");
    feed(None).expect("no mark");
    feed(Some(mark)).expect("its mark");
    let check = |mark, expected: &str| {
        assert_eq!(
            feed(Some(mark)).expect_err("another mark").to_string(),
            expected
        );
    };
    check(
        PositionMark {
            sequence: 4,
            ..mark
        },
        "reading the journal: it ends with record `0`, but the group's offset was committed with record `4`",
    );
    check(
        PositionMark {
            hash: [0; 32],
            ..mark
        },
        "reading the journal at offset `0`: record `0` is another one than the group's offset was committed with",
    );
}

#[test]
fn a_message_is_described_in_words() {
    let mut worker = Worker::new(100_000);
    worker.transact(&[Happening::Write(
        row(Table::Tenant, 0),
        vec![1; 9],
        vec![2; 9],
    )]);
    worker.writer.note_gap(1..4);
    worker.transact(&[
        Happening::Move(row(Table::Tenant, 0), vec![3]),
        Happening::Write(row(Table::Call, 7), vec![1; 9], vec![2; 9]),
        Happening::Remove(row(Table::Call, 7)),
    ]);
    worker.transact(&[]);
    let words: Vec<_> = worker
        .log
        .iter()
        .map(|(_, message)| describe(message).to_string())
        .collect();
    expect![[r#"
        record 0, 126 bytes, format 2, logic 1, hash b957c683, after 00000000; input 0..0; time 1970-01-01T00:00:00.000Z; genesis: cluster 5L6g3nShT-eMCtK--X86sw, input topic 1f0ea4e5-3d1c-4a2c-9b5e-6f0d8a1b2c3d, partition 3 of 16; changes: none
        record 1, 175 bytes, format 2, logic 1, hash 95578d88, after b957c683; input 0..1; time 1970-01-01T00:00:00.007Z; genesis: cluster 5L6g3nShT-eMCtK--X86sw, input topic 1f0ea4e5-3d1c-4a2c-9b5e-6f0d8a1b2c3d, partition 3 of 16; changes: 1 tenant written; sweep: round 1 from the first row to tenant/0, its end: 1 tenant written
        record 2, 153 bytes, format 2, logic 1, hash e1d7fefa, after 95578d88; input 1..4; time 1970-01-01T00:00:00.028Z; genesis: cluster 5L6g3nShT-eMCtK--X86sw, input topic 1f0ea4e5-3d1c-4a2c-9b5e-6f0d8a1b2c3d, partition 3 of 16; gap accepted: input 1..4; changes: 1 tenant moved, 1 call removed; sweep: round 2 from the first row to tenant/0, its end: 1 tenant written; dead before offset 2
        record 3, 145 bytes, format 2, logic 1, hash bd1e14ed, after e1d7fefa; input 4..4; time 1970-01-01T00:00:00.028Z; genesis: cluster 5L6g3nShT-eMCtK--X86sw, input topic 1f0ea4e5-3d1c-4a2c-9b5e-6f0d8a1b2c3d, partition 3 of 16; changes: none; sweep: round 3 from the first row to tenant/0, its end: 1 tenant written; dead before offset 4
    "#]].assert_eq(&(words.join("\n") + "\n"));
    assert_eq!(
        &describe(b"hello").to_string(),
        "unreadable: not a journal record"
    );
}
