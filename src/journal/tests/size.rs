//! The journal stays within four times the state.

use super::model::{Happening, State, Worker, restore, row};
use crate::charging::Table;

fn state_bytes(state: &State) -> usize {
    state
        .values()
        .map(|(fixed, moving)| fixed.len() + moving.len())
        .sum()
}

fn log_bytes(worker: &Worker, before: Option<i64>) -> usize {
    let kept = worker
        .log
        .iter()
        .filter(|(offset, _)| Some(*offset) >= before);
    kept.map(|(_, message)| message.len()).sum()
}

#[test]
fn a_trimmed_journal_is_within_four_times_the_state() {
    for changes in [1_u32, 40, 2_000] {
        let mut worker = Worker::new(900 * 1024);
        let load: Vec<_> = (0..5_000)
            .map(|slot| Happening::Write(row(Table::Call, slot), vec![1; 200], vec![2; 64]))
            .collect();
        worker.transact(&load);
        let state = state_bytes(&worker.state);
        let (mut largest, mut slot, mut trims) = (0, 0_u32, 0);
        while trims < 6 {
            let ticks: Vec<_> = (0..changes)
                .map(|_| {
                    slot = (slot + 7919) % 5_000;
                    Happening::Move(row(Table::Call, slot), vec![3; 64])
                })
                .collect();
            let bound = worker.writer.trim_before();
            worker.transact(&ticks);
            // The load counts for the rounds it is part of; after them it is the steady state.
            if trims > 2 {
                largest = largest.max(log_bytes(&worker, bound));
            }
            trims += u32::from(worker.writer.trim_before() != bound);
        }
        let hundredths = largest * 100 / state;
        assert!(
            (150..=400).contains(&hundredths),
            "{changes} changes: {hundredths} % of the state"
        );
        assert_eq!(
            restore(&worker.log, 900 * 1024).expect("it restores").state,
            worker.state
        );
    }
}
