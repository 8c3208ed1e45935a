//! Histories broken in one way each.

use super::world::World;
use crate::audit::Books;
use crate::domain::{Money, RatedUsage, RatedUsageKind, Record};

/// A few minutes in the life of two tenants: legs closed and live, money spent, a notice, orders, a
/// rejection, a parked end.
pub(super) fn world() -> World {
    let mut world = World::new();
    world.configure("rich");
    world.configure("poor");
    world.grant("rich", "p1", "10");
    world.grant("poor", "p1", "0.3");
    world.start("rich", "a");
    world.start("rich", "b");
    world.start("poor", "c");
    for minute in 1..4 {
        world.wait(60);
        world.tick("rich", "a", minute);
        world.tick("rich", "b", minute);
        world.tick("poor", "c", minute);
    }
    world.start("poor", "refused");
    world.end("rich", "a", 190);
    world.end("rich", "early", 10);
    world.take(b"nonsense");
    world.grant("rich", "p2", "1");
    world
}

/// What an audit finds first after a change to sound topics.
#[track_caller]
pub(super) fn check(expected: &str, change: impl FnOnce(&mut World)) {
    let mut world = world();
    assert_eq!(world.audit().violations, Vec::<String>::new());
    change(&mut world);
    let violations = world.audit().violations;
    assert_eq!(
        violations.first().map(String::as_str),
        Some(expected),
        "{violations:#?}"
    );
}

/// What an audit finds after a change to the books at the journal's end.
#[track_caller]
fn check_books(expected: &str, change: impl FnOnce(&mut Books)) {
    let world = world();
    let mut read = world.read_journal().expect("a sound journal");
    change(&mut read.books);
    assert_eq!(world.audit_beside(&read).violations, [expected]);
}

fn usage(world: &mut World, place: usize) -> &mut RatedUsage {
    match &mut world.ledger[place].1.1 {
        Record::RatedUsage(usage) => usage,
        other => panic!("not a RatedUsage: {other:?}"),
    }
}

/// Removes a record, its offset with it.
fn lose<T>(topic: &mut Vec<(i64, T)>, place: usize) {
    drop(topic.remove(place));
}

/// Writes a record a second time; those after it come one later.
fn repeat<T: Clone>(topic: &mut Vec<(i64, T)>, place: usize) {
    let (offset, record) = topic[place].clone();
    topic.insert(place + 1, (offset, record));
    for (offset, _) in &mut topic[place + 1..] {
        *offset += 1;
    }
}

/// Lets two neighbours trade places.
fn swap<T: Clone>(topic: &mut [(i64, T)], place: usize) {
    let second = topic[place + 1].1.clone();
    let first = std::mem::replace(&mut topic[place].1, second);
    topic[place + 1].1 = first;
}

const CENT: Money = Money::from_micros(10_000);

#[test]
fn a_record_of_the_ledger_lost_repeated_or_out_of_order() {
    check(
        "rated_usage partition 3 offset 3: tenant `rich`: entry_sequence `3` where `2` must be",
        |world| {
            lose(&mut world.ledger, 2);
        },
    );
    check(
        "rated_usage partition 3 offset 3: tenant `rich`: entry_sequence `2` where `3` must be",
        |world| {
            repeat(&mut world.ledger, 2);
        },
    );
    check(
        "rated_usage partition 3 offset 2: tenant `rich`: entry_sequence `3` where `2` must be",
        |world| {
            swap(&mut world.ledger, 2);
        },
    );
    check(
        "rated_usage partition 3 offset 3: its source offset `7` lies before that of a record before it, `15`",
        |world| {
            usage(world, 3).source.offset -= 10;
        },
    );
    check(
        "rated_usage partition 3 offset 11: tenant `rich`: the journal knows `9` entries, but the last one here is `8`",
        |world| {
            drop(world.ledger.pop());
        },
    );
    check(
        "rated_usage partition 3: tenant `poor`: the journal knows `4` entries, but the last one here is `0`",
        |world| {
            world
                .ledger
                .retain(|(_, (_, record))| !format!("{record:?}").contains("poor"));
        },
    );
}

#[test]
fn amounts_that_do_not_add_up() {
    check(
        "rated_usage partition 3 offset 2: tenant `rich`, entry `2`: balance_after is `9.93`, but its amount leads to `9.92`",
        |world| {
            usage(world, 2).amount += CENT;
        },
    );
    check(
        "rated_usage partition 3 offset 2: tenant `rich`, entry `2`: balance_before is `10.01`, but the entry before left `10`",
        |world| {
            let usage = usage(world, 2);
            usage.balance_before += CENT;
            usage.amount += CENT;
        },
    );
    check(
        "rated_usage partition 3 offset 2: tenant `rich`, call `a`: call_total is `0.08`, but its records add up to `0.07`",
        |world| {
            usage(world, 2).call_total += CENT;
        },
    );
    check_books(
        "rated_usage partition 3 offset 12: tenant `rich`, entry `9`: balance_after is `10.61`, but the journal has `10.62`",
        |books| {
            books.tenants.get_mut("rich").expect("it is there").balance += CENT;
        },
    );
    check_books(
        "rated_usage partition 3 offset 9: tenant `rich`, call `b`: the ledger adds up to `0.17`, but the journal has `0.18`",
        |books| {
            books
                .legs
                .get_mut("rich")
                .expect("it is there")
                .get_mut("b")
                .expect("it is live")
                .total += CENT;
        },
    );
}

#[test]
fn legs_closed_twice_never_or_in_the_wrong_order() {
    check(
        "rated_usage partition 3 offset 2: tenant `rich`, call `a`: an ADJUSTMENT without a FINAL",
        |world| {
            usage(world, 2).kind = RatedUsageKind::Adjustment(1);
        },
    );
    check(
        "rated_usage partition 3 offset 5: tenant `rich`, call `a`: a MINUTE record after its FINAL",
        |world| {
            usage(world, 2).kind = RatedUsageKind::Final;
        },
    );
    check_books(
        "events partition 3 offset 11: the start of call `b` of tenant `rich` led to nothing: no record, no live call, no rejection, and it is no repeat",
        |books| {
            books.legs.get_mut("rich").expect("it is there").remove("b");
        },
    );
    check_books(
        "rated_usage partition 3: tenant `rich`, call `more`: the ledger adds up to `0`, but the journal has `0.17`",
        |books| {
            let legs = books.legs.get_mut("rich").expect("it is there");
            let more = legs["b"];
            legs.insert("more".to_owned(), more);
        },
    );
    check_books(
        "events partition 3 offset 33: the start of call `refused` of tenant `poor` led to nothing: no record, no live call, no rejection, and it is no repeat",
        |books| {
            books
                .legs
                .get_mut("poor")
                .expect("it is there")
                .remove("refused");
        },
    );
}

#[test]
fn entries_of_a_tenant_that_the_journal_does_not_know() {
    let world = world();
    let mut read = world.read_journal().expect("a sound journal");
    read.books.tenants.remove("poor");
    let violations = world.audit_beside(&read).violations;
    let unknown = "tenant `poor` has entries, but the journal does not know it";
    assert!(
        violations
            .iter()
            .any(|line| line.starts_with("rated_usage") && line.ends_with(unknown)),
        "{violations:#?}"
    );
}

#[test]
fn a_leg_lost_and_a_second_final_where_the_input_is_no_longer_retained() {
    let mut world = world();
    world.events.clear();
    let mut read = world.read_journal().expect("a sound journal");
    read.books
        .legs
        .get_mut("rich")
        .expect("it is there")
        .remove("b");
    let lost = "rated_usage partition 3 offset 9: tenant `rich`, call `b`: neither closed by a FINAL nor live in the journal";
    assert_eq!(world.audit_beside(&read).violations, [lost]);

    // The last minute of a leg as its FINAL, and then the real one.
    usage(&mut world, 8).kind = RatedUsageKind::Final;
    let second = "rated_usage partition 3 offset 11: tenant `rich`, call `a`: a second FINAL";
    assert_eq!(world.audit().violations, [second]);
}

#[test]
fn money_held_for_no_live_call() {
    check_books(
        "state partition 3: tenant `rich`: holds are `0.11`, but its `1` live calls hold `0.1`",
        |books| {
            let tenant = books.tenants.get_mut("rich").expect("it is there");
            tenant.holds += CENT;
        },
    );
    check_books(
        "state partition 3: tenant `rich`: holds are `0.1`, but its `0` live calls hold `0.1`",
        |books| {
            let tenant = books.tenants.get_mut("rich").expect("it is there");
            tenant.live_calls = 0;
        },
    );
}

#[test]
fn notices_and_orders_lost_or_repeated() {
    check(
        "balance_notices partition 3: tenant `poor`, notices: the journal knows `1`, but the last one here is `0`",
        |world| lose(&mut world.notices, 0),
    );
    check(
        "balance_notices partition 3 offset 1: tenant `poor`: notice_sequence `1` where `2` must be",
        |world| repeat(&mut world.notices, 0),
    );
    check(
        "call_control partition 3: tenant `poor`, call `refused`: the journal knows `1`, but the last one here is `0`",
        |world| lose(&mut world.orders, 0),
    );
    check(
        "call_control partition 3 offset 1: tenant `poor`, call `refused`: order_sequence `1` where `2` must be",
        |world| repeat(&mut world.orders, 0),
    );
    check(
        "call_control partition 3: tenant `poor`, orders about the tenant itself: the journal knows `1`, but the last one here is `0`",
        |world| world.orders.clear(),
    );
    check(
        "balance_notices partition 3: tenant `poor`, notices: the journal knows `1`, but the last one here is `0`",
        |world| world.notices.clear(),
    );
}

#[test]
fn events_that_led_to_nothing() {
    check(
        "events partition 3 offset 39: a record that makes no sense led to nothing: no record, no live call, no rejection, and it is no repeat",
        |world| world.rejected.clear(),
    );
    check(
        "rejected partition 3 offset 1: the input record at `39` is rejected twice",
        |world| repeat(&mut world.rejected, 0),
    );
    check(
        "events partition 3 offset 10: the start of call `z` of tenant `rich` led to nothing: no record, no live call, no rejection, and it is no repeat",
        |world| {
            let (at, line) = world.events[4].1.clone();
            let line = String::from_utf8(line)
                .expect("JSON")
                .replace(r#""call_id":"a""#, r#""call_id":"z""#);
            world
                .events
                .insert(5, (world.events[4].0 + 1, (at, line.into_bytes())));
        },
    );
    check(
        "events partition 3 offset 8: `payment/p9` of tenant `poor` led to nothing: no record, no live call, no rejection, and it is no repeat",
        |world| {
            let (at, line) = world.events[3].1.clone();
            let line = String::from_utf8(line).expect("JSON");
            let line = line.replace(r#""payment_id":"p1""#, r#""payment_id":"p9""#);
            let offset = world.events[3].0 + 1;
            world.events.insert(4, (offset, (at, line.into_bytes())));
        },
    );
    check_books(
        "events partition 3 offset 37: the end of call `early` of tenant `rich` led to nothing: no record, no live call, no rejection, and it is no repeat",
        |books| {
            assert_eq!(books.parked.len(), 1);
            books.parked.clear();
        },
    );
}

#[test]
fn records_that_are_not_ours() {
    check(
        "rated_usage partition 3 offset 2: its source is `tollkeeper.events` partition `4`, not this partition of the input",
        |world| usage(world, 2).source.partition = 4,
    );
    check(
        "rejected partition 3 offset 0: unreadable: its headers do not say where it stood and why it is rejected",
        |world| world.rejected[0].1[2].1 = "soon".to_owned(),
    );
    check(
        "balance_notices partition 3 offset 1: a record that does not belong in this topic",
        |world| {
            let place = world.ledger.len() - 1;
            world.notices.push((1, world.ledger[place].1.clone()));
        },
    );
}
