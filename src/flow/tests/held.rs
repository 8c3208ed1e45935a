//! What is held back until a commit, so that an order can be committed with its partition alone.

use expect_test::expect;

use super::stage::{P, Raw, Stage, configured, junk, unknown_start};
use crate::flow::{Failure, Happened};

/// A flow that holds back what it has, with two partitions at work. A configuration at offset 1 trips an
/// assertion.
fn two() -> Stage {
    let mut stage = Stage::at_work(|settings| {
        settings.held_bytes = 1_000;
        settings.trip_on_event = Some("e1".to_owned());
    });
    stage.tell(Happened::Assigned(vec![1]));
    stage.tell(Happened::Time);
    stage.find(1);
    stage.tell(Happened::Time);
    stage
}

/// The same with a record of partition 1 held back, and an order on partition 0.
fn with_an_order() -> Stage {
    let mut stage = two();
    assert_eq!(stage.poll_of(1, 0, &[junk(0)]), "");
    assert_eq!(stage.pass(10).poll(0, &[unknown_start(0)]), "");
    stage
}

/// The order's partition is committed, and nothing else.
fn commits_the_order(stage: &mut Stage) {
    expect![[r#"
        Begin
        send offsets 0@1 record 1
    "#]]
    .assert_eq(&stage.tell(Happened::Time));
    expect![[r#"
        send CallControl(e0) Rejected(UNKNOWN_TENANT) State
        Commit
        report 1 records
    "#]]
    .assert_eq(&stage.commit_all());
}

/// The record of partition 1 is committed, whose positions are being placed.
fn commits_the_other(stage: &mut Stage) {
    expect![[r#"
        send Rejected(UNDECODABLE) State
        Commit
        report 1 records
    "#]]
    .assert_eq(&stage.commit_all());
}

/// Bytes that fill what is held back.
fn large(offset: i64) -> Raw {
    Raw {
        payload: vec![b'x'; 1_000],
        ..junk(offset)
    }
}

#[test]
fn an_order_is_committed_with_its_partition_alone() {
    let mut stage = with_an_order();
    commits_the_order(&mut stage);
    // The other one does not wait longer for that.
    assert_eq!(stage.pass(39).tell(Happened::Time), "");
    expect![[r#"
        Begin
        send offsets 1@1 record 1
    "#]]
    .assert_eq(&stage.pass(1).tell(Happened::Time));
    commits_the_other(&mut stage);
}

#[test]
fn each_partition_waits_for_its_own_interval() {
    let mut stage = two();
    stage.poll_of(1, 0, &[junk(0)]);
    stage.pass(20).poll(0, &[junk(0)]);
    stage.pass(30).tell(Happened::Time);
    commits_the_other(&mut stage);
    assert_eq!(stage.pass(19).tell(Happened::Time), "");
    expect![[r#"
        Begin
        send offsets 0@1 record 1
    "#]]
    .assert_eq(&stage.pass(1).tell(Happened::Time));
}

#[test]
fn what_is_due_goes_with_an_order() {
    let mut stage = two();
    stage.poll_of(1, 0, &[junk(0)]);
    stage.pass(50).poll(0, &[unknown_start(0)]);
    stage.tell(Happened::Time);
    expect![[r#"
        send CallControl(e0) Rejected(UNKNOWN_TENANT) State
        send Rejected(UNDECODABLE) State
        Commit
        report 2 records
    "#]]
    .assert_eq(&stage.commit_all());
}

#[test]
fn once_something_is_sent_all_goes_with_an_order() {
    let mut stage = two();
    expect![[r#"
        Begin
        send Rejected(UNDECODABLE)
    "#]]
    .assert_eq(&stage.poll_of(1, 0, &[large(0)]));
    expect![[r#"
        send CallControl(e0) Rejected(UNKNOWN_TENANT)
    "#]]
    .assert_eq(&stage.poll(0, &[unknown_start(0)]));
    expect![[r#"
        send State
        send State
    "#]]
    .assert_eq(&stage.tell(Happened::Time));
    expect![[r#"
        send offsets 0@1 record 1 1@1 record 1
        Commit
        report 2 records
    "#]]
    .assert_eq(&stage.commit_all());
}

#[test]
fn a_partition_with_nothing_to_commit_leaves_the_others_what_they_have() {
    let mut stage = two();
    stage.poll(0, &[configured(1)]);
    stage.pass(50).tell(Happened::Time);
    stage.find(P);
    // It halts before its first record, which tripped an assertion.
    assert_eq!(stage.poll(0, &[configured(1)]), "");
    assert_eq!(stage.pass(10).poll_of(1, 0, &[junk(0)]), "");
    expect![[r#"
        report 0 records
        AskEnd(0)
        Unread([0])
        stop 0: the record at offset `1` trips an assertion (tripped by a test); `tollkeeper skip` moves it to the rejected topic
    "#]].assert_eq(&stage.pass(40).tell(Happened::Time));
    expect![[r#"
        Begin
        send offsets 1@1 record 1
        AskEnd(0)
        AskPermit(0)
    "#]]
    .assert_eq(&stage.pass(10).tell(Happened::Time));
    commits_the_other(&mut stage);
}

#[test]
fn a_failure_drops_what_is_held_back_too() {
    let mut stage = with_an_order();
    stage.tell(Happened::Time);
    let why = || "because".to_owned();
    expect![[r#"
        warn: aborting a transaction: because
        Unread([0, 1])
    "#]]
    .assert_eq(&stage.tell(Happened::Failed(Failure::Abortable(why()))));
    stage.rebuild();
    assert_eq!(
        stage.pass(50).tell(Happened::Time),
        "restore 0\nrestore 1\n"
    );
    assert_eq!(stage.find(1), "Resumed(1)\nread 1 from 0\n");
}

#[test]
fn losing_a_partition_that_is_held_back_costs_no_transaction() {
    let mut stage = with_an_order();
    assert_eq!(stage.tell(Happened::Lost(vec![1])), "GiveUp([1])\n");
    commits_the_order(&mut stage);
}

#[test]
fn a_revocation_in_the_middle_of_an_order_waits_for_what_is_held_back() {
    let mut stage = with_an_order();
    stage.tell(Happened::Time);
    assert_eq!(stage.tell(Happened::Revoked(vec![1])), "");
    expect![[r#"
        send CallControl(e0) Rejected(UNKNOWN_TENANT) State
        Commit
        report 1 records
        Begin
        send offsets 1@1 record 1
    "#]]
    .assert_eq(&stage.commit_all());
    expect![[r#"
        send Rejected(UNDECODABLE) State
        Commit
        report 1 records
        GiveUp([1])
    "#]]
    .assert_eq(&stage.commit_all());
}

#[test]
fn a_partition_assigned_anew_forgets_what_it_held_back() {
    let mut stage = two();
    stage.poll(0, &[junk(0)]);
    assert_eq!(stage.tell(Happened::Assigned(vec![P])), "Accept\n");
    assert_eq!(stage.pass(50).tell(Happened::Time), "restore 0\n");
}

#[test]
fn a_transaction_that_cannot_begin_counts_as_one_failure() {
    let mut stage = two();
    stage.poll(0, &[unknown_start(0)]);
    expect![[r#"
        Begin
        send offsets 0@1 record 1
    "#]]
    .assert_eq(&stage.tell(Happened::Time));
    let fenced = || Happened::Failed(Failure::FencedProducer("because".to_owned()));
    expect![[r#"
        warn: making a new producer: because
        Unread([0])
    "#]]
    .assert_eq(&stage.tell(fenced()));
    assert_eq!(stage.tell(fenced()), "", "the offsets, of the same one");
    assert_eq!(stage.pass(50).tell(Happened::Time), "BuildProducer\n");
}
