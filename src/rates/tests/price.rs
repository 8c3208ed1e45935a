use proptest::prelude::*;
use rust_decimal::{Decimal, RoundingStrategy};

use super::money;
use crate::domain::Money;
use crate::rates::{Increments, total};

const fn steps(initial_s: u32, increment_s: u32) -> Increments {
    Increments {
        initial_s,
        increment_s,
    }
}

#[test]
fn connected_time_is_billed_in_steps() {
    let connected = [
        0, 1, 5, 6, 7, 29, 30, 31, 59, 60, 61, 120, 121, 179, 180, 181,
    ];
    for (increments, billed) in [
        (
            Increments::DEFAULT,
            [
                0, 60, 60, 60, 60, 60, 60, 60, 60, 60, 120, 120, 180, 180, 180, 240,
            ],
        ),
        (
            steps(60, 1),
            [
                0, 60, 60, 60, 60, 60, 60, 60, 60, 60, 61, 120, 121, 179, 180, 181,
            ],
        ),
        (
            steps(30, 6),
            [
                0, 30, 30, 30, 30, 30, 30, 36, 60, 60, 66, 120, 126, 180, 180, 186,
            ],
        ),
        (
            steps(6, 6),
            [
                0, 6, 6, 6, 12, 30, 30, 36, 60, 60, 66, 120, 126, 180, 180, 186,
            ],
        ),
        (
            steps(1, 1),
            [
                0, 1, 5, 6, 7, 29, 30, 31, 59, 60, 61, 120, 121, 179, 180, 181,
            ],
        ),
        (
            steps(180, 60),
            [
                0, 180, 180, 180, 180, 180, 180, 180, 180, 180, 180, 180, 180, 180, 180, 240,
            ],
        ),
    ] {
        let found = connected.map(|seconds| increments.billed(seconds));
        assert_eq!(found, billed, "{increments:?}");
    }
}

#[test]
fn each_second_costs_a_sixtieth_of_its_minutes_rate() {
    let day = [(1, money("0.02")), (3, money("0.01")), (10, Money::ZERO)];
    for (fee, billed, cost) in [
        ("0", 0, "0"),
        ("0.5", 0, "0.5"),
        ("0", 60, "0.02"),
        ("0", 61, "0.020333"),
        ("0", 62, "0.020667"),
        ("0.5", 120, "0.54"),
        ("0", 126, "0.041"),
        ("0", 540, "0.11"),
        ("0", 86_400, "0.11"),
    ] {
        assert_eq!(total(money(fee), day, billed), money(cost), "{billed} s");
    }
}

#[test]
fn halves_of_a_millionth_go_to_the_even_one() {
    for (rate, billed, cost) in [
        ("0.000001", 30, "0"),
        ("0.000003", 30, "0.000002"),
        ("0.000005", 30, "0.000002"),
        ("0.000001", 31, "0.000001"),
        ("0.000001", 29, "0"),
        ("0.000001", 90, "0.000002"),
    ] {
        assert_eq!(
            total(Money::ZERO, [(1, money(rate))], billed),
            money(cost),
            "{rate} for {billed} s"
        );
    }
}

#[test]
fn a_pool_funded_minute_costs_nothing_wherever_it_falls() {
    let runs = [(1, Money::ZERO), (2, money("0.06")), (3, Money::ZERO)];
    assert_eq!(total(Money::ZERO, runs, 60), Money::ZERO);
    assert_eq!(total(Money::ZERO, runs, 90), money("0.03"));
    assert_eq!(total(Money::ZERO, runs, 180), money("0.06"));
}

#[test]
fn the_longest_leg_at_the_highest_price_is_still_money() {
    let highest = crate::rates::MAX_PRICE;
    let cost = total(highest, [(1, highest)], 24 * 3600);
    assert_eq!(cost, money("1441000000"));
}

/// The rulebook's formula, second by second, in fractions of decimals.
fn slow_total(fee: Money, rates: &[Money], billed: u32) -> Money {
    let of_second = |second: u32| {
        let minute = usize::try_from(second.div_ceil(60)).expect("small");
        rates[minute.min(rates.len()) - 1].to_decimal()
    };
    let sixtieths: Decimal = (1..=billed).map(of_second).sum();
    let exact = fee.to_decimal() + sixtieths / Decimal::from(60);
    let rounded = exact.round_dp_with_strategy(6, RoundingStrategy::MidpointNearestEven);
    Money::from_decimal(rounded).expect("six decimals")
}

fn slow_billed(increments: Increments, connected: u32) -> u32 {
    if connected == 0 {
        return 0;
    }
    let mut billed = increments.initial_s;
    while billed < connected {
        billed += increments.increment_s;
    }
    billed
}

proptest! {
    #[test]
    fn billed_time_is_the_first_step_that_reaches_the_connected_time(
        initial_s in 1..=3600_u32,
        increment_s in 1..=60_u32,
        connected in 0..=10_000_u32,
    ) {
        let increments = steps(initial_s, increment_s);
        prop_assert_eq!(increments.billed(connected), slow_billed(increments, connected));
    }

    #[test]
    fn totals_are_those_of_exact_fractions(
        fee in 0..5_000_000_i64,
        rates in prop::collection::vec(0..300_i64, 1..12),
        billed in 0..=900_u32,
    ) {
        let fee = Money::from_micros(fee);
        let rates: Vec<Money> = rates.into_iter().map(Money::from_micros).collect();
        let mut runs: Vec<(u32, Money)> = (1..).zip(rates.iter().copied()).collect();
        prop_assert_eq!(total(fee, runs.clone(), billed), slow_total(fee, &rates, billed));
        // Equal neighbours may be one run.
        runs.dedup_by_key(|run| run.1);
        prop_assert_eq!(total(fee, runs, billed), slow_total(fee, &rates, billed));
    }
}
