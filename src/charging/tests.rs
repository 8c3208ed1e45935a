//! What a partition keeps in memory, and for how long.

use std::collections::BTreeSet;

use super::{Facts, Partition, RawRef, Remembered, Settings};
use crate::codec::parse_line;
use crate::domain::{Moment, Money};
use crate::rates::RateCards;

/// Takes one event of JSON, its `occurred_at` apart, at a moment.
fn take(partition: &mut Partition, at: Moment, tenant: &str, rest: &str) {
    let line = format!(r#"{{"event_id":"e","tenant_id":"{tenant}","occurred_at":"{at}",{rest}}}"#);
    let (cards, mut facts) = (RateCards::default(), Facts::default());
    assert!(partition.advance(at, &cards, 1_000, &mut facts));
    let raw = RawRef {
        offset: partition.next_offset(),
        timestamp: at,
        key: None,
        payload: Some(line.as_bytes()),
        headers: &[],
    };
    let (before, event) = (partition.next_offset(), parse_line(&line).event);
    partition.apply(raw, event, &cards, &mut facts);
    assert_eq!(partition.next_offset(), before + 1);
    assert!(facts.rejected.is_empty(), "{:?}", facts.rejected);
}

/// Tenants, calls, closed calls, payments, parked events: rows of each, and entries of its index.
fn kept(partition: &Partition) -> [(usize, usize); 5] {
    [
        (partition.accounts.len(), partition.account_index.len()),
        (partition.calls.len(), partition.call_index.len()),
        (partition.packed.len(), partition.packed_index.len()),
        (partition.payments.len(), partition.payment_index.len()),
        (partition.parked.len(), partition.parked_index.len()),
    ]
}

const CONFIGURED: &str = r#""type":"TenantConfigured","version":1,"currency":"USD","country":"US","rate_card":"card","billing_mode":"PREPAID""#;

fn started(call: &str, at: Moment) -> String {
    format!(
        r#""type":"CallStarted","call_id":"{call}","answered_at":"{at}","leg":"DIAL_IN_TOLL","bridge_number":"+14155550100","organizer_id":"o","organizer_country":"US","license":"SUBSCRIPTION""#
    )
}

#[test]
fn what_is_forgotten_leaves_nothing_in_tables_and_indexes() {
    let start = Moment::parse("2026-11-23T10:00:00Z").expect("a moment");
    let at = |seconds| start.plus_seconds(seconds);
    let mut partition = Partition::new(0, Settings::default());
    let status = |status| format!(r#"{CONFIGURED},"status":"{status}""#);
    take(&mut partition, at(0), "closed", &status("CLOSED"));
    take(&mut partition, at(0), "active", &status("ACTIVE"));
    for call in ["ended", "silent", "early"] {
        take(&mut partition, at(1), "active", &started(call, at(1)));
    }
    let ended =
        |call: &str| format!(r#""type":"CallEnded","call_id":"{call}","duration_seconds":1"#);
    take(&mut partition, at(2), "active", &ended("ended"));
    take(&mut partition, at(3), "active", &ended("never started"));
    let granted = r#""type":"CreditGranted","payment_id":"p","amount":"1","currency":"USD","kind":"PURCHASE","expires_at":"2026-11-24T00:00:00Z""#;
    take(&mut partition, at(4), "active", granted);
    assert_eq!(kept(&partition), [(2, 2), (2, 2), (1, 1), (1, 1), (1, 1)]);
    assert_eq!((partition.live_calls(), partition.tenants()), (2, 2));
    check_figures(&partition);

    let pass = |partition: &mut Partition, to: Moment| {
        assert!(partition.advance(to, &RateCards::default(), 1_000, &mut Facts::default()));
        kept(partition)
    };
    // Past 10 minutes silent calls are closed and parked events given back, past 2 hours and 5 more
    // minutes ended calls are forgotten, 10 minutes later silent ones are.
    let hour = 3_600;
    assert_eq!(
        pass(&mut partition, at(610)),
        [(2, 2), (2, 2), (1, 1), (1, 1), (0, 0)]
    );
    assert_eq!((partition.live_calls(), partition.timers_fired()), (0, 3));
    assert_eq!(partition.parked_bytes, 0);
    assert_eq!(
        pass(&mut partition, at(2 * hour + 310)),
        [(2, 2), (2, 2), (0, 0), (1, 1), (0, 0)]
    );
    assert_eq!(
        pass(&mut partition, at(3 * hour)),
        [(2, 2), (0, 0), (0, 0), (1, 1), (0, 0)]
    );
    // On the day after 400 days the closed tenant goes, a day after that the payment.
    let day = 24 * hour;
    for (days, left) in [(400, (2, 1)), (401, (1, 1)), (402, (1, 0))] {
        let (tenants, payments) = left;
        let expected = [
            (tenants, tenants),
            (0, 0),
            (0, 0),
            (payments, payments),
            (0, 0),
        ];
        assert_eq!(
            pass(&mut partition, at(days * day)),
            expected,
            "{days} days"
        );
    }
}

/// What is said of the partition in the middle of it.
fn check_figures(partition: &Partition) {
    let balance = partition.balance_of("active").expect("a tenant");
    assert_eq!(balance.balance, Money::from_micros(1_000_000));
    assert_eq!(partition.parked_offsets(), BTreeSet::from([6]));
    let legs = partition.leg_figures().map(|leg| leg.call_id.to_string());
    let legs: BTreeSet<String> = legs.collect();
    assert_eq!(legs, ["early", "silent"].map(String::from).into());
    let remembered: BTreeSet<_> = partition.remembered().collect();
    let leg = Remembered::Leg.key("active", "ended");
    let payment = Remembered::Payment.key("active", "p");
    let adjustment = Remembered::Adjustment.key("active", "p");
    assert_eq!(
        remembered,
        [(leg, Some(Money::ZERO)), (payment, None)].into()
    );
    assert_eq!(BTreeSet::from([leg, payment, adjustment]).len(), 3);
}
