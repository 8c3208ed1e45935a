//! Partitions that are taken over.

use expect_test::expect;

use super::stage::{P, Stage, junk};
use crate::flow::{CommittedOffset, Happened, Permit};
use crate::journal::{Fault, JournalError, PositionMark, READABLE_FORMATS};

/// A flow with a producer, whose partition is being restored.
fn taking_over() -> Stage {
    let mut stage = Stage::new(|_| {});
    stage.tell(Happened::Time);
    stage.tell(Happened::ProducerReady);
    stage.tell(Happened::Assigned(vec![P]));
    stage.tell(Happened::Time);
    stage
}

/// The same, after a transaction with one record was committed and the worker began anew.
fn taking_over_again() -> Stage {
    let mut stage = Stage::at_work(|_| {});
    stage.poll(0, &[junk(0)]);
    stage.pass(50).tell(Happened::Time);
    stage.commit_all();
    stage.tell(Happened::Lost(vec![P]));
    stage.tell(Happened::Assigned(vec![P]));
    stage.tell(Happened::Time);
    stage
}

#[test]
fn nothing_is_restored_before_older_transactions_are_decided() {
    let mut stage = Stage::new(|_| {});
    expect![[r#"
        Accept
    "#]]
    .assert_eq(&stage.tell(Happened::Assigned(vec![P])));
    expect![[r#"
        BuildProducer
    "#]]
    .assert_eq(&stage.tell(Happened::Time));
    assert_eq!(stage.tell(Happened::Time), "");
    assert_eq!(stage.tell(Happened::ProducerReady), "");
    expect![[r#"
        restore 0
    "#]]
    .assert_eq(&stage.tell(Happened::Time));
    expect![[r#"
        Resumed(0)
        read 0 from 0
    "#]]
    .assert_eq(&stage.find(P));
}

#[test]
fn a_partition_goes_on_where_its_journal_ends() {
    let mut stage = taking_over_again();
    expect![[r#"
        Resumed(0)
        read 0 from 1
    "#]]
    .assert_eq(&stage.find(P));
}

#[test]
fn an_offset_that_somebody_else_set_is_ignored() {
    let mut stage = taking_over_again();
    let mut found = stage.found(P);
    found.committed = Some(CommittedOffset {
        next_offset: 700,
        mark: None,
    });
    expect![[r#"
        warn: partition `0`: the group's offset `700` was not set by us; going on at the journal's `1`
        Resumed(0)
        read 0 from 1
    "#]]
    .assert_eq(&stage.finds(P, found));
}

#[test]
fn a_journal_ahead_of_the_group_counts() {
    let mut stage = taking_over_again();
    let mut found = stage.found(P);
    found.committed = Some(CommittedOffset {
        next_offset: 0,
        mark: Some(PositionMark {
            sequence: 0,
            hash: [0; 32],
        }),
    });
    expect![[r#"
        warn: partition `0`: the journal has record `1`, the group's offset names `0`; going on with the journal
        Resumed(0)
        read 0 from 1
    "#]]
    .assert_eq(&stage.finds(P, found));
}

#[test]
fn a_journal_behind_the_group_is_waited_for_and_then_stops_the_partition() {
    let mut stage = taking_over();
    let behind = |stage: &Stage| {
        let mut found = stage.found(P);
        found.committed = Some(CommittedOffset {
            next_offset: 9,
            mark: Some(PositionMark {
                sequence: 3,
                hash: [0; 32],
            }),
        });
        found.journal = Err(JournalError::Behind {
            ends_with: 0,
            expected: 3,
        });
        found
    };
    let found = behind(&stage);
    assert_eq!(stage.finds(P, found), "");
    assert_eq!(stage.pass(49).tell(Happened::Time), "");
    assert_eq!(stage.pass(1).tell(Happened::Time), "restore 0\n");
    let found = behind(&stage);
    expect![[r#"
        stop 0: reading the journal: it ends with record `0`, but the group's offset was committed with record `3`
    "#]]
    .assert_eq(&stage.pass(9_000).finds(P, found));
}

#[test]
fn without_a_committed_offset_nothing_may_be_undecided() {
    let mut stage = taking_over();
    let mut found = stage.found(P);
    found.undecided = true;
    assert_eq!(stage.finds(P, found), "");
    assert_eq!(stage.pass(50).tell(Happened::Time), "restore 0\n");
    let mut found = stage.found(P);
    found.undecided = true;
    expect![[r#"
        stop 0: a transaction on its journal stayed undecided beyond its time-out
    "#]]
    .assert_eq(&stage.pass(9_000).finds(P, found));
}

#[test]
fn an_empty_journal_is_never_a_new_one() {
    let mut stage = taking_over();
    let mut found = stage.found(P);
    found.journal = Err(JournalError::Empty);
    let stopped = stage.finds(P, found);
    assert!(
        stopped.starts_with("stop 0: reading the journal: it is empty"),
        "{stopped}"
    );
}

#[test]
fn a_journal_of_a_newer_format_stops_its_partition_and_says_why() {
    let mut stage = taking_over();
    let mut found = stage.found(P);
    let fault = Fault::Format {
        found: READABLE_FORMATS.end() + 1,
        readable: READABLE_FORMATS,
    };
    found.journal = Err(JournalError::At { offset: 48, fault });
    expect![[r#"
        stop 0: reading the journal at offset `48`: format `3`, but this version reads formats `1` to `2`
    "#]]
    .assert_eq(&stage.finds(P, found));
}

#[test]
fn an_answer_to_an_earlier_take_over_is_not_taken() {
    let mut stage = taking_over();
    let earlier = stage.found(P);
    let attempt = stage.attempts[&P];
    stage.tell(Happened::Revoked(vec![P]));
    stage.tell(Happened::Assigned(vec![P]));
    stage.tell(Happened::Time);
    let found = Box::new(earlier);
    let partition = P;
    assert_eq!(
        stage.tell(Happened::Found {
            partition,
            attempt,
            found
        }),
        ""
    );
    assert_eq!(stage.find(P), "Resumed(0)\nread 0 from 0\n");
}

#[test]
fn lost_input_stops_a_partition_until_an_operator_accepts_it() {
    let mut stage = taking_over_again();
    let mut found = stage.found(P);
    found.input_start = 5;
    expect![[r#"
        stop 0: input from offset `1` to `5` is lost; `tollkeeper skip --gap` accepts it
    "#]]
    .assert_eq(&stage.finds(P, found));
    assert_eq!(stage.tell(Happened::Time), "AskEnd(0)\nAskPermit(0)\n");
    // Another gap was meant.
    stage.tell(Happened::Permitted(P, Permit::AcceptGap(0)));
    assert_eq!(stage.tell(Happened::Time), "");
    stage.tell(Happened::Permitted(P, Permit::AcceptGap(1)));
    assert_eq!(stage.tell(Happened::Time), "restore 0\n");
    let mut found = stage.found(P);
    found.input_start = 5;
    found.permit = Some(Permit::AcceptGap(1));
    expect![[r#"
        warn: partition `0`: lost input from `1` to `5` was accepted by an operator
        Resumed(0)
        read 0 from 5
    "#]]
    .assert_eq(&stage.finds(P, found));
    // Journaled, though no record follows.
    expect![[r#"
        Begin
        send offsets 0@5 record 2
        AskEnd(0)
    "#]]
    .assert_eq(&stage.pass(50).tell(Happened::Time));
}

#[test]
fn input_that_ends_before_the_journals_position_stops_a_partition() {
    let mut stage = taking_over_again();
    let mut found = stage.found(P);
    found.input_end = 0;
    expect![[r#"
        stop 0: input ends at offset `0`, but the journal has `1` applied already
    "#]]
    .assert_eq(&stage.finds(P, found));
}

#[test]
fn a_take_over_that_kafka_does_not_answer_is_tried_again() {
    let mut stage = taking_over();
    let attempt = stage.attempts[&P];
    let why = "no broker answers".to_owned();
    let partition = P;
    expect![[r#"
        warn: partition `0`: taking over: no broker answers; trying again
    "#]]
    .assert_eq(&stage.tell(Happened::NotFound {
        partition,
        attempt,
        why,
    }));
    assert_eq!(stage.pass(500).tell(Happened::Time), "restore 0\n");
}

#[test]
fn a_partition_stopped_for_what_was_undecided_is_looked_at_again() {
    let mut stage = taking_over();
    let mut found = stage.found(P);
    found.undecided = true;
    stage.pass(9_000).finds(P, found);
    assert_eq!(stage.pass(1_999).tell(Happened::Time), "AskEnd(0)\n");
    stage.pass(1).tell(Happened::Time);
    assert_eq!(stage.tell(Happened::Time), "restore 0\n");
    expect![[r#"
        Resumed(0)
        read 0 from 0
    "#]]
    .assert_eq(&stage.find(P));
}

#[test]
fn a_journal_that_seems_empty_behind_something_undecided_is_waited_for() {
    let mut stage = taking_over();
    let mut found = stage.found(P);
    found.undecided = true;
    found.journal = Err(JournalError::Empty);
    assert_eq!(stage.finds(P, found), "");
    assert_eq!(stage.pass(50).tell(Happened::Time), "restore 0\n");
    expect![[r#"
        Resumed(0)
        read 0 from 0
    "#]]
    .assert_eq(&stage.find(P));
}

#[test]
fn a_worker_that_is_another_member_than_its_partitions_were_given_to_joins_anew() {
    let member = |name: &str| Happened::Member(name.to_owned());
    let mut stage = Stage::new(|_| {});
    stage.tell(Happened::Time);
    stage.tell(Happened::ProducerReady);
    // Without partitions it does not matter who it was.
    assert_eq!(stage.tell(member("a")), "");
    assert_eq!(stage.tell(member("b")), "");
    stage.tell(Happened::Assigned(vec![P]));
    stage.tell(Happened::Time);
    stage.find(P);
    assert_eq!(stage.tell(member("b")), "");
    assert_eq!(stage.flow.may_commit_as("b"), Ok(()));
    assert!(stage.flow.may_commit_as("a").is_err());
    stage.poll(0, &[junk(0)]);
    assert_eq!(stage.tell(member("c")), "Exit(Evicted)\n");
    assert_eq!(
        stage.pass(50).tell(Happened::Time),
        "",
        "nothing is committed"
    );
}

#[test]
fn partitions_taken_while_the_group_knows_no_name_of_ours_are_not_those_of_the_next_name() {
    let mut stage = Stage::at_work(|_| {});
    let member = Happened::Member("b".to_owned());
    assert_eq!(stage.tell(member), "Exit(Evicted)\n");
}
