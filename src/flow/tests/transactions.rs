//! Transactions that go well.

use expect_test::expect;

use super::stage::{P, Stage, configured, event, junk, moment, stray_tick, unknown_start};
use crate::codec::{Partitioner, partition_of};
use crate::flow::{EndOfPartition, Happened, LaneView};

#[test]
fn a_batch_is_committed_50_milliseconds_after_its_first_record() {
    let mut stage = Stage::at_work(|_| {});
    expect![[r#"
        Begin
        send Rejected(UNDECODABLE) Rejected(UNDECODABLE)
    "#]]
    .assert_eq(&stage.poll(0, &[junk(0), junk(1)]));
    assert_eq!(stage.sent(), "");
    assert_eq!(stage.pass(49).tell(Happened::Time), "");
    expect![[r#"
        send State
    "#]]
    .assert_eq(&stage.pass(1).tell(Happened::Time));
    expect![[r#"
        send offsets 0@2 record 1
    "#]]
    .assert_eq(&stage.sent());
    expect![[r#"
        Commit
    "#]]
    .assert_eq(&stage.tell(Happened::OffsetsSent));
    expect![[r#"
        report 2 records
    "#]]
    .assert_eq(&stage.commits());
}

#[test]
fn an_order_is_committed_at_once() {
    let mut stage = Stage::at_work(|_| {});
    expect![[r#"
        Begin
        send CallControl(e0) Rejected(UNKNOWN_TENANT)
    "#]]
    .assert_eq(&stage.poll(0, &[unknown_start(0)]));
    stage.sent();
    expect![[r#"
        send State
    "#]]
    .assert_eq(&stage.tell(Happened::Time));
}

#[test]
fn a_transaction_of_timers_alone_places_the_position_that_did_not_move() {
    let mut stage = Stage::at_work(|_| {});
    stage.poll(0, &[configured(0), stray_tick(1)]);
    stage.pass(50).tell(Happened::Time);
    stage.commit_all();
    // Parked for ten minutes of partition time; the clock moves it only at the partition's end, and to
    // a second before, as records may be shown that late.
    stage.pass(10 * 60_000 - 51 + 1_000);
    assert_eq!(stage.reach_end(2), "");
    stage.pass(2);
    expect![[r#"
        Begin
        send Rejected(ORPHAN)
    "#]]
    .assert_eq(&stage.reach_end(2));
    stage.sent();
    expect![[r#"
        AskEnd(0)
        send State
        send offsets 0@2 record 2
        Commit
        trim 0 before 2
        report 0 records
    "#]]
    .assert_eq(&{
        let mut lines = stage.pass(50).tell(Happened::Time);
        lines = lines.replace("send State\n", "");
        lines + "send State\n" + &stage.commit_all()
    });
}

#[test]
fn timers_beyond_the_bound_go_into_transactions_of_their_own_before_the_next_record() {
    let mut stage = Stage::at_work(|settings| settings.timers_per_transaction = 2);
    let ticks: Vec<_> = (1..=3).map(stray_tick).collect();
    stage.poll(0, &[configured(0)]);
    stage.poll(1, &ticks);
    stage.pass(50).tell(Happened::Time);
    stage.commit_all();
    stage.pass(11 * 60_000);
    let mut late = junk(4);
    late.at = stage.clock;
    expect![[r#"
        Begin
        send offsets 0@4 record 2
    "#]]
    .assert_eq(&stage.poll(4, &[late.clone()]));
    expect![[r#"
        send Rejected(ORPHAN) Rejected(ORPHAN) State
        Commit
        trim 0 before 2
        report 0 records
        Offer(0)
    "#]]
    .assert_eq(&stage.commit_all());
    expect![[r#"
        Begin
        send Rejected(ORPHAN) Rejected(UNDECODABLE)
    "#]]
    .assert_eq(&stage.poll(4, &[late]));
}

#[test]
fn records_beyond_the_bound_are_offered_again_after_the_commit() {
    let mut stage = Stage::at_work(|settings| settings.records_per_transaction = 2);
    let records = [junk(0), junk(1), junk(2)];
    expect![[r#"
        Begin
        send offsets 0@2 record 1
    "#]]
    .assert_eq(&stage.poll(0, &records));
    expect![[r#"
        send Rejected(UNDECODABLE) Rejected(UNDECODABLE) State
        Commit
        report 2 records
        Offer(0)
    "#]]
    .assert_eq(&stage.commit_all());
    expect![[r#"
        Begin
        send Rejected(UNDECODABLE)
    "#]]
    .assert_eq(&stage.poll(2, &records[2..]));
}

#[test]
fn records_that_were_applied_before_are_dropped() {
    let mut stage = Stage::at_work(|_| {});
    stage.poll(0, &[junk(0), junk(1)]);
    assert_eq!(stage.poll(0, &[junk(0), junk(1)]), "");
    assert_eq!(stage.flow.position(P), Some(2));
    expect![[r#"
        send Rejected(UNDECODABLE)
    "#]]
    .assert_eq(&stage.poll(0, &[junk(1), junk(2)]));
}

#[test]
fn records_that_do_not_follow_on_are_read_again() {
    let mut stage = Stage::at_work(|_| {});
    expect![[r#"
        read 0 from 0
    "#]]
    .assert_eq(&stage.poll(5, &[junk(5)]));
    // Markers and aborted records may lie between the position and the first record.
    expect![[r#"
        Begin
        send Rejected(UNDECODABLE)
    "#]]
    .assert_eq(&stage.poll(0, &[junk(7)]));
}

#[test]
fn a_record_under_another_key_than_its_tenant_is_misrouted() {
    let mut stage = Stage::at_work(|_| {});
    let mut record = configured(0);
    record.key = b"fabrikam".to_vec();
    expect![[r#"
        Begin
        send Rejected(MISROUTED)
    "#]]
    .assert_eq(&stage.poll(0, &[record]));
}

#[test]
fn a_revoked_partition_is_given_up_once_it_is_committed() {
    let mut stage = Stage::at_work(|_| {});
    stage.poll(0, &[junk(0)]);
    stage.sent();
    expect![[r#"
        send State
    "#]]
    .assert_eq(&stage.tell(Happened::Revoked(vec![P])));
    expect![[r#"
        send offsets 0@1 record 1
        Commit
        report 1 records
        GiveUp([0])
    "#]]
    .assert_eq(&stage.commit_all());
    assert_eq!(stage.flow.lanes().count(), 0);
}

#[test]
fn a_lost_partition_is_dropped_and_the_transaction_aborted() {
    let mut stage = Stage::at_work(|_| {});
    stage.poll(0, &[junk(0)]);
    stage.sent();
    expect![[r#"
        warn: aborting a transaction: its partitions were lost
        Unread([0])
        GiveUp([0])
    "#]]
    .assert_eq(&stage.tell(Happened::Lost(vec![P])));
    stage.rebuild();
    assert_eq!(stage.flow.lanes().count(), 0);
}

#[test]
fn a_stop_commits_what_is_open_and_exits() {
    let mut stage = Stage::at_work(|_| {});
    stage.poll(0, &[junk(0)]);
    stage.sent();
    expect![[r#"
        send State
    "#]]
    .assert_eq(&stage.tell(Happened::Stop { leave: false }));
    expect![[r#"
        send offsets 0@1 record 1
        Commit
        report 1 records
        Exit(Stopped { leave: false })
    "#]]
    .assert_eq(&stage.commit_all());
}

#[test]
fn a_stop_that_cannot_commit_in_time_exits_all_the_same() {
    let mut stage = Stage::at_work(|_| {});
    stage.poll(0, &[junk(0)]);
    stage.tell(Happened::Stop { leave: false });
    assert_eq!(stage.pass(3_999).tell(Happened::Time), "AskEnd(0)\n");
    expect![[r#"
        Exit(StoppedInTheMiddle)
    "#]]
    .assert_eq(&stage.pass(1).tell(Happened::Time));
}

#[test]
fn partition_time_never_runs_ahead_of_the_readers_clock() {
    let mut stage = Stage::at_work(|_| {});
    let mut early = junk(0);
    early.at = moment("2030-01-01T00:00:00.000Z");
    stage.poll(0, &[early]);
    stage.pass(50).tell(Happened::Time);
    let clock = stage.clock;
    stage.sent();
    stage.sent();
    stage.tell(Happened::OffsetsSent);
    stage.commits();
    let found = stage.found(P).journal.expect("restored");
    assert_eq!(found.partition.time(), clock.plus_millis(-50));
    assert!(matches!(
        stage.flow.lanes().next(),
        Some((P, LaneView::Live))
    ));
}

#[test]
fn the_journal_is_trimmed_once_a_committed_record_names_a_complete_round() {
    let mut stage = Stage::at_work(|_| {});
    let mut trims = String::new();
    for offset in 0..4 {
        stage.poll(offset, &[junk(offset)]);
        stage.pass(50).tell(Happened::Time);
        let lines = stage.commit_all();
        trims.extend(lines.lines().filter(|line| line.starts_with("trim")));
    }
    assert!(trims.starts_with("trim 0 before 2"), "{trims}");
}

#[test]
fn balances_go_out_once_a_tenant_and_transaction_where_they_are_wanted() {
    let mut stage = Stage::at_work(|settings| settings.balances = true);
    let grant = |offset: i64| {
        let fields =
            format!(r#""payment_id":"p{offset}","amount":"5","currency":"EUR","kind":"PURCHASE""#);
        event(offset, "CreditGranted", &fields)
    };
    expect![[r#"
        Begin
        send RatedUsage(e1) RatedUsage(e2)
    "#]]
    .assert_eq(&stage.poll(0, &[configured(0), grant(1), grant(2)]));
    stage.sent();
    expect![[r#"
        send Balances State
    "#]]
    .assert_eq(&stage.pass(50).tell(Happened::Time));
}

#[test]
fn a_worker_that_is_behind_commits_less_often() {
    let mut stage = Stage::at_work(|_| {});
    stage.pass(1_001);
    stage.poll(0, &[junk(0)]);
    assert_eq!(stage.pass(249).tell(Happened::Time), "AskEnd(0)\n");
    expect![[r#"
        send State
    "#]]
    .assert_eq(&stage.pass(1).tell(Happened::Time));
}

#[test]
fn the_clock_fires_nothing_while_records_lie_beyond_what_was_applied() {
    let mut stage = Stage::at_work(|_| {});
    stage.poll(0, &[configured(0), stray_tick(1)]);
    stage.pass(50).tell(Happened::Time);
    stage.commit_all();
    stage.pass(11 * 60_000);
    let asked_at = stage.clock;
    let end = |position| {
        Happened::End(EndOfPartition {
            partition: P,
            asked_at,
            position,
            start: 0,
            end: 4,
        })
    };
    assert_eq!(stage.tell(end(2)), "");
    // Behind the last record stand only markers, which the consumer's position has passed.
    assert_eq!(stage.tell(end(4)), "Begin\nsend Rejected(ORPHAN)\n");
}

#[test]
fn a_record_on_a_partition_that_its_key_does_not_belong_to_is_misrouted() {
    let elsewhere = (2..1_000)
        .find(|count| partition_of(Partitioner::Murmur2, b"contoso", *count) != P)
        .expect("some number of partitions puts it elsewhere");
    let mut stage = Stage::at_work(|settings| settings.partitions = elsewhere);
    expect![[r#"
        Begin
        send Rejected(MISROUTED)
    "#]]
    .assert_eq(&stage.poll(0, &[configured(0)]));
}

#[test]
fn time_goes_on_where_retention_deleted_the_markers_behind_the_last_record() {
    let mut stage = Stage::at_work(|_| {});
    stage.poll(0, &[junk(0)]);
    stage.pass(50).tell(Happened::Time);
    stage.commit_all();
    let asked_at = stage.pass(60_000).clock;
    stage.tell(Happened::End(EndOfPartition {
        partition: P,
        asked_at,
        position: 2,
        start: 2,
        end: 2,
    }));
    let standing = stage.flow.standing(P).expect("it goes on");
    assert_eq!(standing.time, asked_at.plus_millis(-1_000));
}
