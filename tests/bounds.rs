//! Every bound of the pure rooms, driven to its limit, and what is answered there. docs/OPERATIONS.md lists
//! them all.
#![allow(missing_docs)]

#[path = "bounds/cards.rs"]
mod cards;
#[path = "bounds/desk.rs"]
mod desk;

use tollkeeper::charging::{Part, Partition, RowKey, Settings, Table};
use tollkeeper::codec::{EventDecoder, RecordEncoder, SchemaSet};
use tollkeeper::domain::{
    CallOrderKind, Country, Money, OrderReason, Record, RejectReason, TenantStatus, Threshold,
    ThresholdKind,
};
use tollkeeper::journal::{
    DEFAULT_MESSAGE_BYTES, Genesis, JournalSettings, Restorer, encode_genesis,
};

use desk::{Desk, configuration, grant, number, start, tick};

fn small() -> Settings {
    Settings {
        live_calls: 100,
        kept: 50,
        ..Settings::default()
    }
}

/// The reasons of what was rejected since the last look.
fn reasons(desk: &mut Desk) -> Vec<RejectReason> {
    let rejected = desk.facts.rejected.drain(..);
    rejected.map(|rejected| rejected.reason).collect()
}

fn orders(desk: &Desk, kind: CallOrderKind, reason: OrderReason) -> usize {
    let of_kind = |record: &&Record| matches!(record, Record::CallOrder(order) if order.kind == kind && order.reason == reason);
    desk.facts.records.iter().filter(of_kind).count()
}

#[test]
fn a_call_parks_1500_events_and_no_more() {
    let mut desk = Desk::new(Settings::default());
    desk.tenant("acme", |_| {});
    for event in 0..1_500 {
        desk.take("acme", tick("call", event % 1_440 + 1));
    }
    assert_eq!(reasons(&mut desk), []);
    desk.take("acme", tick("call", 1));
    assert_eq!(reasons(&mut desk), [RejectReason::Orphan]);
    desk.take("acme", tick("other", 1));
    assert_eq!(reasons(&mut desk), [], "another call's are parked");
}

#[test]
fn a_partition_parks_10000_events_and_has_room_again_when_they_are_orphans() {
    let mut desk = Desk::new(Settings::default());
    desk.tenant("acme", |_| {});
    for call in 0..10_000 {
        desk.take("acme", tick(&format!("call-{call}"), 1));
    }
    assert_eq!(reasons(&mut desk), []);
    desk.take("acme", tick("one-more", 1));
    assert_eq!(reasons(&mut desk), [RejectReason::Orphan]);
    desk.pass_seconds(601);
    assert_eq!(reasons(&mut desk).len(), 10_000, "the start never came");
    desk.take("acme", tick("one-more", 1));
    assert_eq!(reasons(&mut desk), []);
}

#[test]
fn a_partition_parks_64_mib_and_no_more_also_after_a_restart() {
    let mut desk = Desk::new(Settings::default());
    desk.tenant("acme", |_| {});
    desk.padding = 1024 * 1024 - 100;
    for call in 0..64 {
        desk.take("acme", tick(&format!("call-{call}"), 1));
    }
    assert_eq!(reasons(&mut desk), []);
    desk.restart();
    desk.take("acme", tick("one-more", 1));
    assert_eq!(reasons(&mut desk), [RejectReason::Orphan]);
    desk.take("acme", start("call-0", number(0)));
    desk.take("acme", tick("one-more", 1));
    assert_eq!(reasons(&mut desk), [], "a start made room");
}

#[test]
fn a_start_beyond_the_live_calls_is_refused_for_capacity_and_an_emergency_is_not() {
    let mut desk = Desk::new(Settings {
        kept: 1_000,
        ..small()
    });
    desk.tenant("acme", |_| {});
    for call in 0..100 {
        desk.take("acme", start(&format!("call-{call}"), number(call)));
    }
    assert_eq!(desk.partition.live_calls(), 100);
    desk.take("acme", start("one-more", number(0)));
    let refused = orders(&desk, CallOrderKind::CallRefused, OrderReason::Capacity);
    assert_eq!((refused, OrderReason::Capacity.code()), (1, 3004));
    desk.take_emergency("acme", "help");
    assert_eq!(desk.partition.live_calls(), 101);
    assert_eq!(reasons(&mut desk), []);
}

#[test]
fn calls_beyond_what_is_kept_are_turned_away_and_forgotten_ones_make_room() {
    let mut desk = Desk::new(small());
    desk.tenant("acme", |_| {});
    for call in 0..50 {
        let id = format!("call-{call}");
        desk.take("acme", start(&id, number(call)));
        desk.take("acme", desk::end(&id, 30));
    }
    assert_eq!(reasons(&mut desk), []);
    desk.take("acme", start("one-more", number(0)));
    assert_eq!(reasons(&mut desk), [RejectReason::Capacity]);
    let refused = orders(&desk, CallOrderKind::CallRefused, OrderReason::Capacity);
    assert_eq!(refused, 1, "the platform is told to hang up");
    desk.take("acme", desk::end("call-7", 30));
    assert_eq!(reasons(&mut desk), [], "a repeat is known");
    desk.take_emergency("acme", "help");
    assert_eq!(desk.partition.live_calls(), 1);
    desk.pass_seconds(126 * 60);
    desk.take("acme", start("one-more", number(0)));
    assert_eq!(reasons(&mut desk), []);
}

#[test]
fn tenants_and_payments_beyond_what_is_kept_are_rejected() {
    let mut desk = Desk::new(small());
    for tenant in 0..50 {
        desk.tenant(&format!("tenant-{tenant}"), |_| {});
    }
    assert_eq!(reasons(&mut desk), []);
    desk.tenant("one-more", |_| {});
    assert_eq!(reasons(&mut desk), [RejectReason::Capacity]);
    // Each tenant had a payment when it was made.
    desk.take("tenant-0", grant("p", "1"));
    assert_eq!(reasons(&mut desk), [RejectReason::Capacity]);
    desk.take("tenant-0", grant("first", "1000000"));
    assert_eq!(reasons(&mut desk), [], "a repeat is known");
}

#[test]
fn a_wallet_takes_1000_lots_and_a_record_that_uses_all_of_them_fits_its_topic() {
    let mut desk = Desk::new(Settings::default());
    desk.tenant_without_credit("acme");
    let long = "x".repeat(500);
    for lot in 0..1_000 {
        desk.take("acme", grant(&format!("{long}{lot:04}"), "0.001"));
    }
    assert_eq!(reasons(&mut desk), []);
    desk.take("acme", grant("one-more", "1"));
    assert_eq!(reasons(&mut desk), [RejectReason::Capacity]);
    desk.facts.records.clear();
    desk.take("acme", start("call", number(0)));
    desk.take("acme", tick("call", 9));
    let usage = desk.facts.records.iter().find_map(|record| match record {
        Record::RatedUsage(usage) => Some(usage),
        _ => None,
    });
    assert_eq!(usage.expect("minutes were proved").lots.len(), 1_000);
    let encoder = RecordEncoder::new("tollkeeper.events");
    for record in &desk.facts.records {
        let mut bytes = Vec::new();
        encoder.encode(record, &mut bytes);
        assert!(bytes.len() < 700_000, "{} bytes", bytes.len());
    }
    desk.take("acme", grant("one-more", "1"));
    assert_eq!(reasons(&mut desk), [], "there is room again");
}

#[test]
fn names_have_512_bytes_at_most() {
    for (length, expected) in [(512, &[][..]), (513, &[RejectReason::Invalid])] {
        let name = "n".repeat(length);
        let mut desk = Desk::new(Settings::default());
        desk.tenant("acme", |_| {});
        for body in desk::bodies_with(&name) {
            let what = body.name();
            desk.take("acme", body);
            assert_eq!(reasons(&mut desk), expected, "{what} of {length} bytes");
        }
        desk.event_id.clone_from(&name);
        desk.take("acme", grant("p", "1"));
        assert_eq!(
            reasons(&mut desk),
            expected,
            "an event_id of {length} bytes"
        );
    }
}

#[test]
fn a_configuration_has_32_thresholds_and_300_countries_at_most() {
    let threshold = Threshold {
        kind: ThresholdKind::Amount,
        value: Money::ZERO,
    };
    let country = Country::parse("DE").expect("a country");
    for (thresholds, countries, expected) in [
        (32, 300, &[][..]),
        (33, 0, &[RejectReason::Invalid]),
        (0, 301, &[RejectReason::Invalid]),
    ] {
        let mut desk = Desk::new(Settings::default());
        desk.tenant("acme", |config| {
            config.low_credit = vec![threshold; thresholds];
            config.zone_a = Some(vec![country; countries]);
        });
        let found = reasons(&mut desk);
        // The grant finds no tenant where there is none.
        assert_eq!(
            &found[..expected.len()],
            expected,
            "{thresholds} {countries}"
        );
    }
}

#[test]
fn what_is_nested_too_deep_or_has_too_many_items_is_undecodable() {
    let decoder = EventDecoder::new(SchemaSet::builtin());
    let tick = |lists: usize| {
        let (open, close) = ("[".repeat(lists), "]".repeat(lists));
        format!(
            r#"{{"type":"CallMinuteTick","event_id":"e","tenant_id":"t","occurred_at":"2026-11-23T10:00:00Z","call_id":"c","minute":1,"unknown":{open}{close}}}"#
        )
    };
    // The event itself is one of the 128.
    for (lists, readable) in [(126, true), (127, false), (1_000_000, false)] {
        let line = tick(lists);
        let reason = decoder
            .decode(Some(line.as_bytes()))
            .map_err(|why| why.reason);
        assert_eq!(reason.is_ok(), readable, "{lists}");
        assert!(readable || reason == Err(RejectReason::Undecodable));
    }

    let country = Country::parse("DE").expect("a country");
    for (countries, readable) in [(10_000, true), (10_001, false)] {
        let mut config = configuration();
        config.zone_a = Some(vec![country; countries]);
        let payload = desk::encoded("acme", config);
        assert_eq!(
            decoder.decode(Some(&payload)).is_ok(),
            readable,
            "{countries}"
        );
    }
}

#[test]
fn no_more_timers_fire_than_a_transaction_takes() {
    let mut desk = Desk::new(Settings::default());
    desk.tenant("acme", |_| {});
    for call in 0..2_500 {
        desk.take("acme", tick(&format!("call-{call}"), 1));
    }
    let later = desk.now.plus_seconds(601);
    let mut fired = Vec::new();
    loop {
        let done = desk
            .partition
            .advance(later, &desk.cards, 1_000, &mut desk.facts);
        fired.push(reasons(&mut desk).len());
        if done {
            break;
        }
    }
    assert_eq!(fired, [1_000, 1_000, 500]);
}

#[test]
fn a_slot_that_no_table_has_is_damage() {
    let slot = 1 << 27;
    let mut restoring = Partition::restore(0, Settings::default());
    for table in [
        Table::Partition,
        Table::Tenant,
        Table::Call,
        Table::Closed,
        Table::Payment,
        Table::Parked,
    ] {
        let key = RowKey { table, slot };
        // What a row of zeros says is a row of some table, or none.
        if let Err(error) = restoring.put(key, Part::Fixed, &[0; 28]) {
            assert!(!error.to_string().is_empty());
        } else {
            panic!("{table:?} took slot {slot}");
        }
    }
}

/// 100,000 calls of one tenant are closed by one event: one transaction, journalled in parts.
#[test]
fn a_tenant_with_100000_live_calls_is_cut_journalled_and_restored() {
    const CALLS: usize = 100_000;
    let mut desk = Desk::new(Settings::default());
    desk.tenant("acme", |_| {});
    for call in 0..CALLS {
        desk.take("acme", start(&format!("call-{call}"), number(call)));
        desk.facts.records.clear();
    }
    assert_eq!(desk.partition.live_calls(), CALLS);
    desk.tenant("acme", |config| {
        config.version = 2;
        config.status = TenantStatus::Closed;
    });
    let cut = orders(&desk, CallOrderKind::CutOff, OrderReason::Closed);
    assert_eq!(cut, CALLS);

    let genesis = Genesis {
        cluster_id: "cluster".to_owned(),
        input_topic_id: "topic".to_owned(),
        partitions: 1,
    };
    let restorer = || {
        let journal = JournalSettings::default();
        Restorer::new(genesis.clone(), 0, journal, Settings::default(), None)
    };
    let first = encode_genesis(&genesis, 0, JournalSettings::default());
    let mut begun = restorer();
    begun.feed(0, &first).expect("a genesis");
    let mut writer = begun.finish().expect("a genesis restores").writer;
    let written = writer.next(&mut desk.partition);
    assert!(written.messages.len() > 10, "{}", written.messages.len());
    let longest = written.messages.iter().map(Vec::len).max();
    assert!(longest <= Some(DEFAULT_MESSAGE_BYTES));

    let mut again = restorer();
    again.feed(0, &first).expect("a genesis");
    for (offset, message) in (1..).zip(&written.messages) {
        again.feed(offset, message).expect("a part");
    }
    let back = again.finish().expect("all parts are there").partition;
    assert_eq!(back.live_calls(), CALLS);
    assert_eq!(back.balance_of("acme"), desk.partition.balance_of("acme"));
}

/// Every end gives a hold back, so that every call under a cut might be covered longer.
#[test]
fn ends_among_100000_calls_under_a_cut_are_answered_at_once() {
    const CALLS: usize = 100_000;
    const ENDS: usize = 2_000;
    let mut desk = Desk::new(Settings::default());
    // Each call has minutes 1 and 2, and nothing is left for minute 3.
    desk.tenant_without_credit("acme");
    desk.take("acme", grant("p", "62000"));
    for call in 0..CALLS {
        desk.take("acme", start(&format!("call-{call:06}"), number(0)));
    }
    for call in 0..CALLS {
        desk.take("acme", tick(&format!("call-{call:06}"), 1));
    }
    let cut = orders(&desk, CallOrderKind::CutOff, OrderReason::Credit);
    assert_eq!(cut, CALLS);
    desk.facts.records.clear();
    for call in 0..ENDS {
        let last = CALLS - 1 - call;
        desk.take("acme", desk::end(&format!("call-{last:06}"), 60));
    }
    assert_eq!(reasons(&mut desk), []);
    // What an end gave back covered minute 3 of one call each time.
    let again = orders(&desk, CallOrderKind::CutOffCancelled, OrderReason::Credit);
    assert_eq!(again, ENDS);
}
