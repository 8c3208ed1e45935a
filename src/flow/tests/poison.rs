//! Records that trip an assertion or do not fit.

use expect_test::expect;

use super::stage::{P, Raw, Stage, configured, event, junk};
use crate::flow::{EndOfPartition, Happened, Permit};

/// An event that a test's hook trips over.
fn poison(offset: i64) -> Raw {
    event(offset, "RechargeFailed", r#""request_id":"recharge/1""#)
}

fn tripping() -> Stage {
    Stage::at_work(|settings| settings.trip_on_event = Some("e1".to_owned()))
}

/// Restores the partition after an abort.
fn restored(stage: &mut Stage) {
    stage.pass(50).tell(Happened::Time);
    stage.find(P);
}

#[test]
fn a_record_that_trips_an_assertion_quarantines_its_partition_behind_all_before_it() {
    let mut stage = tripping();
    let records = [junk(0), poison(1), junk(2)];
    expect![[r#"
        Begin
        send Rejected(UNDECODABLE)
    "#]]
    .assert_eq(&stage.poll(0, &records[..1]));
    stage.sent();
    expect![[r#"
        warn: aborting a transaction: partition `0` tripped an assertion: tripped by a test
        Unread([0])
    "#]]
    .assert_eq(&stage.poll(1, &records[1..]));
    stage.rebuild();
    restored(&mut stage);
    // What came before it is taken; it is not met again.
    expect![[r#"
        Begin
        send Rejected(UNDECODABLE)
    "#]]
    .assert_eq(&stage.poll(0, &records));
    stage.sent();
    expect![[r#"
        AskEnd(0)
        send State
    "#]]
    .assert_eq(&reordered(&stage.pass(50).tell(Happened::Time)));
    expect![[r#"
        send offsets 0@1 record 1
        Commit
        report 1 records
        Unread([0])
        stop 0: the record at offset `1` trips an assertion (tripped by a test); `tollkeeper skip` moves it to the rejected topic
    "#]]
    .assert_eq(&stage.commit_all());
}

/// The question about the end first, whichever came first.
fn reordered(lines: &str) -> String {
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    lines.join("\n") + "\n"
}

#[test]
fn an_assertion_before_anything_is_sent_costs_no_producer() {
    let mut stage = tripping();
    expect![[r#"
        warn: aborting a transaction: partition `0` tripped an assertion: tripped by a test
        Unread([0])
    "#]]
    .assert_eq(&stage.poll(0, &[configured(0), poison(1)]));
    assert_eq!(stage.pass(50).tell(Happened::Time), "restore 0\n");
}

#[test]
fn a_skipped_record_goes_to_the_rejected_topic_and_the_partition_goes_on() {
    let mut stage = tripping();
    let records = [configured(0), poison(1), junk(2)];
    stage.poll(0, &records);
    restored(&mut stage);
    stage.poll(0, &records);
    stage.pass(50).tell(Happened::Time);
    stage.commit_all();
    assert_eq!(stage.tell(Happened::Time), "AskEnd(0)\nAskPermit(0)\n");
    stage.tell(Happened::Permitted(P, Permit::SkipRecord(1)));
    assert_eq!(stage.tell(Happened::Time), "restore 0\n");
    stage.find(P);
    expect![[r#"
        Begin
        send Rejected(INVALID) Rejected(UNDECODABLE)
    "#]]
    .assert_eq(&stage.poll(1, &records[1..]));
}

#[test]
fn how_much_waits_behind_a_stopped_partition_is_asked_for_and_told() {
    let mut stage = tripping();
    let records = [configured(0), poison(1)];
    stage.poll(0, &records);
    restored(&mut stage);
    stage.poll(0, &records);
    stage.pass(50).tell(Happened::Time);
    stage.commit_all();
    stage.tell(Happened::Time);
    assert_eq!(stage.pass(999).tell(Happened::Time), "");
    assert_eq!(stage.pass(1).tell(Happened::Time), "AskEnd(0)\n");
    let end = EndOfPartition {
        partition: P,
        asked_at: stage.clock,
        position: 0,
        start: 0,
        end: 9,
    };
    let told = stage.flow.ended(end, None);
    assert_eq!(told.map(|end| (end.position, end.end)), Some((1, 9)));
    assert_eq!(stage.tell(Happened::End(end)), "");
}

#[test]
fn a_rejected_record_too_large_for_the_topic_is_cut_and_says_so() {
    let mut stage = Stage::at_work(|settings| settings.record_bytes = 10_000);
    let mut large = junk(0);
    large.payload = vec![b'x'; 20_000];
    large.headers = vec![("from", Some(b"here"))];
    stage.poll(0, &[large]);
    let outgoing = stage.buffer();
    let mut headers = Vec::new();
    let record = outgoing.record(0, &mut headers);
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len))
        .sum::<usize>()
        + record.payload.map_or(0, <[u8]>::len);
    assert!(size <= 10_000, "{size}");
    assert_eq!(headers[0], ("from", Some(&b"here"[..])));
    let cut = ("tollkeeper.errors.truncated", Some(&b"20000"[..]));
    assert!(headers.contains(&cut), "{headers:?}");
}

#[test]
fn traces_are_passed_on() {
    let mut stage = Stage::at_work(|_| {});
    let mut start = super::stage::unknown_start(0);
    start.headers = vec![("traceparent", Some(b"00-abc"))];
    stage.poll(0, &[start]);
    let outgoing = stage.buffer();
    let mut headers = Vec::new();
    outgoing.record(0, &mut headers);
    assert_eq!(
        headers,
        [
            ("tollkeeper.cause", Some(&b"e0"[..])),
            ("traceparent", Some(&b"00-abc"[..])),
        ]
    );
}

#[test]
fn a_gap_before_a_record_that_trips_an_assertion_is_journaled_before_it_is_skipped() {
    let mut stage = Stage::new(|settings| settings.trip_on_event = Some("e5".to_owned()));
    stage.tell(Happened::Time);
    stage.tell(Happened::ProducerReady);
    stage.tell(Happened::Assigned(vec![P]));
    stage.tell(Happened::Time);
    let accepted = |stage: &mut Stage| {
        let mut found = stage.found(P);
        found.input_start = 5;
        found.permit = Some(Permit::AcceptGap(0));
        stage.finds(P, found)
    };
    accepted(&mut stage);
    stage.poll(5, &[poison(5)]);
    stage.pass(50).tell(Happened::Time);
    accepted(&mut stage);
    stage.poll(5, &[poison(5)]);
    stage.pass(50).tell(Happened::Time);
    expect![[r#"
        send State
        Commit
        report 0 records
        Unread([0])
        stop 0: the record at offset `5` trips an assertion (tripped by a test); `tollkeeper skip` moves it to the rejected topic
    "#]]
    .assert_eq(&stage.commit_all());
}
