//! Transactions that fail, and what then.

use expect_test::expect;

use super::stage::{P, Stage, junk};
use crate::flow::{Failure, Happened};

/// A flow whose commit is under way.
fn committing() -> Stage {
    let mut stage = Stage::at_work(|_| {});
    stage.poll(0, &[junk(0)]);
    stage.pass(50).tell(Happened::Time);
    stage.sent();
    stage.sent();
    assert_eq!(stage.tell(Happened::OffsetsSent), "Commit\n");
    stage
}

/// A flow whose offsets are being placed.
fn placing() -> Stage {
    let mut stage = Stage::at_work(|_| {});
    stage.poll(0, &[junk(0)]);
    stage.pass(50).tell(Happened::Time);
    stage.sent();
    assert_eq!(stage.sent(), "send offsets 0@1 record 1\n");
    stage
}

fn why() -> String {
    "because".to_owned()
}

#[test]
fn an_abort_drops_memory_and_restores() {
    let mut stage = placing();
    expect![[r#"
        warn: aborting a transaction: because
        Unread([0])
    "#]]
    .assert_eq(&stage.tell(Happened::Failed(Failure::Abortable(why()))));
    stage.rebuild();
    assert_eq!(stage.pass(50).tell(Happened::Time), "restore 0\n");
    assert_eq!(stage.find(P), "Resumed(0)\nread 0 from 0\n");
}

#[test]
fn a_transaction_is_aborted_by_a_new_producer_and_never_by_its_own() {
    let mut stage = placing();
    stage.tell(Happened::Failed(Failure::Abortable(why())));
    assert_eq!(stage.tell(Happened::Time), "BuildProducer\n");
    expect![[r#"
        warn: making a new producer: because
    "#]]
    .assert_eq(&stage.tell(Happened::Failed(Failure::Retriable(why()))));
    assert_eq!(stage.pass(49).tell(Happened::Time), "");
    assert_eq!(stage.pass(1).tell(Happened::Time), "BuildProducer\n");
    // Nothing is restored before that is done: the old transaction may still be undecided.
    stage.tell(Happened::ProducerReady);
    assert_eq!(stage.tell(Happened::Time), "restore 0\n");
}

#[test]
fn a_commit_that_is_not_known_yet_is_asked_again_and_then_ambiguous() {
    let mut stage = committing();
    for _ in 0..3 {
        let failed = Happened::Failed(Failure::Retriable(why()));
        assert_eq!(stage.pass(2_000).tell(failed), "Commit\n");
    }
    // Never reuse that producer: a new one of the same name fences what is still on its way.
    expect![[r#"
        warn: making a new producer: because
        Unread([0])
    "#]]
    .assert_eq(
        &stage
            .pass(3_000)
            .tell(Happened::Failed(Failure::Retriable(why()))),
    );
    assert_eq!(stage.tell(Happened::Time), "");
    assert_eq!(stage.pass(50).tell(Happened::Time), "BuildProducer\n");
    // Nothing is taken and nothing restored before it is there.
    assert_eq!(stage.poll(1, &[junk(1)]), "");
    assert_eq!(stage.tell(Happened::ProducerReady), "");
    assert_eq!(stage.tell(Happened::Time), "restore 0\n");
}

#[test]
fn a_zombie_is_told_by_its_generation_and_holds_until_the_group_moves_on() {
    let mut stage = placing();
    expect![[r#"
        warn: aborting a transaction: because
        Unread([0])
    "#]]
    .assert_eq(&stage.tell(Happened::Failed(Failure::StaleGeneration(why()))));
    stage.rebuild();
    assert_eq!(stage.pass(5_000).tell(Happened::Time), "");
    expect![[r#"
        GiveUp([0])
    "#]]
    .assert_eq(&stage.tell(Happened::Lost(vec![P])));
    assert_eq!(stage.tell(Happened::Assigned(vec![P])), "Accept\n");
    assert_eq!(stage.tell(Happened::Time), "restore 0\n");
}

#[test]
fn a_fenced_producer_is_made_anew_and_ends_the_worker_when_that_goes_on() {
    let mut stage = committing();
    let mut waits = Vec::new();
    let fenced = || Happened::Failed(Failure::FencedProducer(why()));
    stage.tell(fenced());
    for _ in 0..4 {
        let mut waited = 0;
        while stage.tell(Happened::Time) != "BuildProducer\n" {
            stage.pass(50);
            waited += 50;
        }
        waits.push(waited);
        assert_eq!(
            stage.tell(fenced()),
            "warn: making a new producer: because\n"
        );
    }
    assert_eq!(waits, [50, 100, 200, 400]);
    stage.pass(1_000).tell(Happened::Time);
    expect![[r#"
        Exit(ProducerFenced("because"))
    "#]]
    .assert_eq(&stage.tell(fenced()));
}

#[test]
fn a_fenced_instance_ends_the_worker_at_once() {
    for happened in [
        Happened::InstanceFenced,
        Happened::Failed(Failure::FencedInstance(why())),
    ] {
        let mut stage = committing();
        assert_eq!(stage.tell(happened), "Exit(InstanceFenced)\n");
        assert_eq!(stage.tell(Happened::Time), "", "nothing follows an exit");
    }
}

#[test]
fn a_partition_whose_records_are_refused_again_and_again_is_stopped() {
    let mut stage = Stage::at_work(|_| {});
    let mut last = String::new();
    for _ in 0..3 {
        stage.poll(0, &[junk(0)]);
        let outgoing = stage.buffer();
        last = stage.tell(Happened::SendFailed(outgoing, P, why()));
        stage.rebuild();
        if !last.contains("stop") {
            stage.pass(1_000).tell(Happened::Time);
            stage.find(P);
        }
    }
    expect![[r#"
        warn: aborting a transaction: because
        Unread([0])
        Unread([0])
        stop 0: its records are refused: because
    "#]]
    .assert_eq(&last);
}

#[test]
fn a_call_that_is_not_answered_costs_its_producer_and_too_many_of_them_the_worker() {
    let mut stage = placing();
    let unanswered = || Happened::Failed(Failure::Unanswered(why()));
    // Not even an abort may be asked of it.
    expect![[r#"
        warn: making a new producer: because
        Unread([0])
    "#]]
    .assert_eq(&stage.tell(unanswered()));
    for _ in 1..8 {
        assert_eq!(stage.pass(5_000).tell(Happened::Time), "BuildProducer\n");
        let last = stage.tell(unanswered());
        assert_eq!(last, "warn: making a new producer: because\n");
    }
    stage.pass(5_000).tell(Happened::Time);
    assert_eq!(
        stage.tell(unanswered()),
        "Exit(ProducersLost(\"because\"))\n"
    );
}

#[test]
fn a_commit_clears_what_failed_before() {
    let mut stage = placing();
    stage.tell(Happened::Failed(Failure::Abortable(why())));
    stage.rebuild();
    stage.pass(50).tell(Happened::Time);
    stage.find(P);
    stage.poll(0, &[junk(0)]);
    stage.pass(50).tell(Happened::Time);
    stage.commit_all();
    stage.poll(1, &[junk(1)]);
    stage.pass(50).tell(Happened::Time);
    stage.sent();
    stage.sent();
    stage.tell(Happened::Failed(Failure::Abortable(why())));
    stage.rebuild();
    // The wait begins anew.
    assert_eq!(stage.pass(50).tell(Happened::Time), "restore 0\n");
}
