//! Finding the row of a number in a card of 100,000 rows, and pricing a leg.
#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tollkeeper::domain::{LegKind, Moment, Money, PhoneNumber};
use tollkeeper::rates::{RateCard, parse_csv, total};

const HEADER: &str = "kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium";

/// Spreads a count over the numbers of so many digits.
fn scattered(count: u64, digits: u32) -> String {
    let first = 10_u64.pow(digits - 1);
    (first + count.wrapping_mul(0x9E37_79B9_7F4A_7C15) % (9 * first)).to_string()
}

/// 100,000 prefixes of two to nine digits, each with the same cells in the columns of its band.
fn card(band: &str) -> RateCard {
    let mut prefixes = BTreeSet::new();
    for (count, digits) in (0..).zip((2..=9).cycle()) {
        prefixes.insert(scattered(count, digits));
        if prefixes.len() == 100_000 {
            break;
        }
    }
    let mut csv = format!("{HEADER}\n");
    for prefix in prefixes {
        writeln!(csv, "DIAL_OUT,{prefix},Somewhere,,0.018,,,,,,{band},,").expect("in memory");
    }
    RateCard::new(
        "bench",
        1,
        None,
        parse_csv(csv.as_bytes()).expect("a good card"),
    )
}

fn finding(criterion: &mut Criterion) {
    let numbers: Vec<PhoneNumber> = (0..4096)
        .map(|count| PhoneNumber::parse(&format!("+{}", scattered(count, 12))).expect("a number"))
        .collect();
    let at = Moment::parse("2026-11-23T10:00:00Z").expect("a moment");
    for (name, band) in [
        ("find in 100,000 rows", ",,,"),
        (
            "find in 100,000 rows with bands",
            "mon-fri,08:00,18:00,Europe/Berlin",
        ),
    ] {
        let card = card(band);
        let mut turn = numbers.iter().cycle();
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let number = *turn.next().expect("a cycle");
                card.find(LegKind::DialOut, black_box(number), at).until
            });
        });
    }
    let card = card(",,,");
    criterion.bench_function("lowest positive rate", |bencher| {
        bencher.iter(|| card.lowest_positive_rate(black_box(at)));
    });
}

fn pricing(criterion: &mut Criterion) {
    let rates = [
        (1, Money::from_micros(18_000)),
        (7, Money::from_micros(12_000)),
    ];
    criterion.bench_function("total of two runs", |bencher| {
        bencher.iter(|| total(black_box(Money::ZERO), rates, black_box(1_234)));
    });
}

criterion_group!(benches, finding, pricing);
criterion_main!(benches);
