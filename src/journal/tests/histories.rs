//! Random histories: whatever happened, the log restores to it, whole or trimmed.

use proptest::collection::vec;
use proptest::prelude::*;

use super::model::{Happening, Worker, restore, row};
use crate::charging::{RowKey, Table};
use crate::journal::{Fault, JournalError};

/// One transaction, committed or not.
#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Happening>),
    Abort(Vec<Happening>),
}

fn key() -> impl Strategy<Value = RowKey> {
    let table = prop_oneof![
        Just(Table::Partition),
        Just(Table::Tenant),
        Just(Table::Call),
        Just(Table::Parked)
    ];
    (table, 0_u32..200).prop_map(|(table, slot)| row(table, slot))
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![9 => vec(any::<u8>(), 0..60), 1 => vec(any::<u8>(), 0..3000)]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (key(), bytes(), bytes()).prop_map(|(key, fixed, moving)| Happening::Write(key, fixed, moving)),
        4 => (key(), bytes()).prop_map(|(key, moving)| Happening::Move(key, moving)),
        2 => key().prop_map(Happening::Remove),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => vec(happening(), 0..12).prop_map(Step::Commit),
        1 => vec(happening(), 0..4).prop_map(Step::Abort),
    ]
}

/// Steps after a load that takes a round several records.
fn history() -> impl Strategy<Value = Vec<Step>> {
    (vec(happening(), 0..150), vec(step(), 1..40)).prop_map(|(load, mut steps)| {
        steps.insert(0, Step::Commit(load));
        steps
    })
}

/// A few bytes of a record in each message at least: more than 65,535 parts of a record cannot be.
fn message_bytes() -> impl Strategy<Value = usize> {
    prop_oneof![Just(64), 65_usize..400, Just(900 * 1024)]
}

/// The log from `before` on restores to what the worker has.
fn same(worker: &Worker, before: i64, message_bytes: usize) -> Result<(), TestCaseError> {
    let restored = restore(&worker.trimmed(before), message_bytes)
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&restored.state, &worker.state);
    prop_assert_eq!(restored.time, worker.time);
    prop_assert_eq!(restored.next_offset, worker.next_offset);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_log_restores_to_the_state_at_any_point_and_after_any_permitted_trim(
        steps in history(),
        message_bytes in message_bytes(),
    ) {
        let mut worker = Worker::new(message_bytes);
        let mut bounds = vec![0];
        for step in steps {
            match step {
                Step::Commit(happenings) => {
                    worker.transact(&happenings);
                }
                Step::Abort(happenings) => worker.abort(&happenings),
            }
            let bound = worker.writer.trim_before().unwrap_or(0);
            if !bounds.contains(&bound) {
                bounds.push(bound);
            }
            same(&worker, bound, message_bytes)?;
        }
        for bound in bounds {
            same(&worker, bound, message_bytes)?;
        }
    }

    #[test]
    fn a_restored_writer_goes_on_byte_for_byte_like_the_first(
        before in history(),
        after in vec(vec(happening(), 0..8), 1..6),
    ) {
        let commit = |step: &Step| match step {
            Step::Commit(happenings) | Step::Abort(happenings) => happenings.clone(),
        };
        let mut first = Worker::new(300);
        for step in &before {
            first.transact(&commit(step));
        }
        let log = first.trimmed(first.writer.trim_before().unwrap_or(0));
        let mut second = Worker::new(300);
        let restored = restore(&log, 300).expect("a trimmed log restores");
        second.state = restored.state;
        second.time = restored.time;
        second.next_offset = restored.next_offset;
        second.writer = restored.writer;
        second.log = log;
        second.log_end = first.log_end;
        for happenings in &after {
            prop_assert_eq!(first.transact(happenings), second.transact(happenings));
            prop_assert_eq!(first.writer.trim_before(), second.writer.trim_before());
        }
    }

    #[test]
    fn a_log_cut_within_the_last_complete_round_is_refused_or_lacks_nothing(
        steps in history(),
    ) {
        let mut worker = Worker::new(400);
        for step in steps {
            match step {
                Step::Commit(happenings) | Step::Abort(happenings) => worker.transact(&happenings),
            };
        }
        for before in 0..worker.log_end {
            match restore(&worker.trimmed(before), 400) {
                Ok(restored) => prop_assert_eq!(&restored.state, &worker.state),
                Err(
                    JournalError::Empty
                    | JournalError::At { fault: Fault::NoWholeRound | Fault::Parts { .. }, .. },
                ) => (),
                Err(other) => return Err(TestCaseError::fail(other.to_string())),
            }
        }
    }
}

/// A load of rows that takes a round many records.
fn loaded() -> Worker {
    let mut worker = Worker::new(100_000);
    let rows: Vec<_> = (0..100)
        .map(|slot| Happening::Write(row(Table::Tenant, slot), vec![1; 100], vec![2; 100]))
        .collect();
    worker.transact(&rows);
    worker
}

#[test]
fn a_removal_stays_while_an_older_write_of_the_row_does() {
    // Wherever the sweep stands when the row goes, before it, past it or in another round.
    for removed_at in 0..40 {
        let mut worker = loaded();
        let gone = row(Table::Tenant, 50);
        for turn in 0..100 {
            if turn == removed_at {
                worker.transact(&[Happening::Remove(gone)]);
            }
            worker.transact(&[Happening::Move(row(Table::Tenant, 0), vec![turn])]);
            let trimmed = worker.trimmed(worker.writer.trim_before().unwrap_or(0));
            let restored = restore(&trimmed, 100_000).expect("a permitted trim");
            let there = restored.state.contains_key(&gone);
            assert_eq!(
                there,
                turn < removed_at,
                "removed at {removed_at}, turn {turn}"
            );
        }
        assert!(worker.writer.trim_before() > Some(100), "rounds went on");
    }
}

#[test]
fn trimming_to_the_beginning_of_an_unfinished_round_is_refused() {
    let mut worker = loaded();
    let mut early = None;
    for turn in 0..60_u8 {
        let offset = worker.log_end;
        let had = worker.writer.trim_before();
        worker.transact(&[Happening::Move(row(Table::Tenant, 0), vec![turn])]);
        // The round before has just been named as complete: the next one began a record ago.
        if worker.writer.trim_before() != had {
            early = Some(offset);
            let error = restore(&worker.trimmed(offset), 100_000).expect_err("a round is open");
            assert!(
                error
                    .to_string()
                    .contains("neither a genesis nor a complete sweep"),
                "{error}"
            );
        }
    }
    assert!(early.is_some(), "a round ended");
}

#[test]
fn a_slot_taken_by_another_row_within_a_transaction_is_that_row() {
    let mut worker = loaded();
    let slot = row(Table::Tenant, 5);
    worker.transact(&[
        Happening::Move(slot, vec![8]),
        Happening::Remove(slot),
        Happening::Write(slot, vec![9], vec![10]),
        Happening::Move(slot, vec![11]),
    ]);
    let restored = restore(&worker.log, 100_000).expect("a whole log");
    assert_eq!(restored.state[&slot], (vec![9], vec![11]));
}
