//! Journals, groups and checkpoints that do not belong to each other.

use super::broken::{check, world};
use crate::audit::{Checkpoint, CheckpointError, GroupPosition};
use crate::journal::{Genesis, PositionMark};

#[test]
fn a_journal_or_group_that_does_not_fit() {
    check(
        "state partition 3: reading the journal: it is empty, not even a genesis (was it made by `topics create`?); nothing else of this partition was checked",
        |world| world.journal.clear(),
    );
    check(
        "state partition 3 offset 46: reading the journal at offset `46`: the checksum of record `23` does not agree with its bytes; nothing else of this partition was checked",
        |world| world.journal[0].1[60] ^= 1,
    );
    check(
        "state partition 3: reading the journal: it ends with record `23`, but the group's offset was committed with record `24`; nothing else of this partition was checked",
        |world| drop(world.journal.pop()),
    );
    check(
        "state partition 3 offset 46: reading the journal at offset `46`: written for a number of partitions of `16`, but this is `8`; nothing else of this partition was checked",
        |world| world.genesis.partitions = 8,
    );
    let other = |sequence| PositionMark {
        sequence,
        hash: [7; 32],
    };
    check(
        "state partition 3 offset 48: the group's offset is `41`, but record `24` of the journal, which it names, ends at input position `42`",
        |world| {
            let group = world.group.as_mut().expect("it has committed");
            group.next_offset -= 1;
        },
    );
    check(
        "events partition 3: the group's offset `3` was not committed by a worker: its metadata names no record of the journal",
        |world| {
            world.group = Some(GroupPosition {
                next_offset: 3,
                mark: None,
            });
        },
    );
    check(
        "state partition 3 offset 48: record `24` of the journal is not the one that the last audit saw",
        |world| {
            let sequence = world
                .group
                .and_then(|group| group.mark)
                .expect("a mark")
                .sequence;
            world.checkpoint.journal = Some((sequence, other(sequence).hash));
        },
    );
    check(
        "state partition 3: the journal ends with record `24`, but the last audit saw record `999`",
        |world| {
            world.checkpoint.journal = Some((999, [0; 32]));
        },
    );
}

#[test]
fn a_checkpoint_damaged_or_of_elsewhere_is_refused() {
    let genesis = world().genesis;
    let checkpoint = Checkpoint::beginning(&genesis);
    let bytes = checkpoint.encode();
    for place in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[place] ^= 1;
        assert_eq!(
            Checkpoint::decode(&bent, &genesis),
            Err(CheckpointError::Unreadable),
            "{place}"
        );
    }
    let elsewhere = Genesis {
        cluster_id: "another".to_owned(),
        ..genesis
    };
    assert_eq!(
        Checkpoint::decode(&bytes, &elsewhere),
        Err(CheckpointError::Elsewhere)
    );
}
