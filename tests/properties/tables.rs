//! Whole legs by the table: what is billed and what it costs, second by second, against a formula that
//! is written again here.

use tollkeeper::domain::{Money, RatedUsage, Record};
use tollkeeper::rates::total;

use crate::history::{Step, What};
use crate::run::Run;

/// Every pair of initial time and increment that tariffs have.
const INCREMENTS: [(i64, i64); 6] = [(60, 60), (60, 1), (30, 6), (6, 6), (1, 1), (180, 60)];
const FEE: i64 = 70_001;
/// Of the minutes that begin in the first two minutes of the leg, and of those after.
const RATES: [i64; 2] = [333_333, 123_457];
const LONGEST_S: i64 = 400;

fn billed(connected: i64, (initial, increment): (i64, i64)) -> i64 {
    if connected == 0 {
        return 0;
    }
    let ends = (0..).map(|steps| initial + steps * increment);
    ends.into_iter()
        .find(|end| *end >= connected)
        .expect("steps reach everything")
}

/// Sixtieths of a millionth that so many billed seconds cost, the fee included: exact.
fn sixtieths(billed: i64) -> i64 {
    let rate = |second: i64| RATES[usize::from((second - 1) / 60 >= 2)];
    60 * FEE + (1..=billed).map(rate).sum::<i64>()
}

/// True if so many millionths are the nearest to an exact amount, the even one of two as near.
fn is_rounded(micros: i64, sixtieths: i64) -> bool {
    let off = (60 * micros - sixtieths).abs();
    off < 30 || (off == 30 && micros % 2 == 0)
}

/// The records of a leg of so many seconds, ticked each minute; answered when the run begins.
fn leg(connected: i32, increments: (i64, i64)) -> Vec<RatedUsage> {
    let (initial, increment) = increments;
    let row = |rate: i64, from: &str, to: &str| {
        let (rate, fee) = (Money::from_micros(rate), Money::from_micros(FEE));
        format!("DIAL_OUT,49,Germany,DE,{rate},{fee},{initial},{increment},{from},{to},,,,,,\n")
    };
    let change = "2026-11-23T10:02:00Z";
    let rows = row(RATES[0], "", change) + &row(RATES[1], change, "");
    let mut run = Run::on_card(&rows, [0, 0], false);
    let mut happens = |after_s: i64, what: What| {
        let tenant = 0;
        run.step(&Step {
            after_s,
            tenant,
            what,
        });
    };
    let (id, answers) = (0, None);
    happens(
        0,
        What::Grant {
            id,
            millis: 100_000,
            answers,
        },
    );
    happens(0, What::Start { call: 0 });
    for minute in 1..=connected / 60 {
        happens(60, What::Tick { call: 0, minute });
    }
    happens(
        i64::from(connected % 60),
        What::End {
            call: 0,
            seconds: connected,
        },
    );
    let usage = run.published.into_iter().filter_map(|record| match record {
        Record::RatedUsage(usage) => Some(*usage),
        _ => None,
    });
    usage.collect()
}

#[test]
fn every_increment_bills_whole_legs_by_the_formula() {
    for increments in INCREMENTS {
        for connected in 0..=i32::try_from(LONGEST_S).expect("a small number") {
            let records = leg(connected, increments);
            let last = records.last().expect("every leg has a FINAL");
            let seconds = billed(i64::from(connected), increments);
            let at = format!("{increments:?}, {connected} s");
            assert_eq!(i64::from(last.billed_seconds), seconds, "{at}");
            assert!(
                is_rounded(last.call_total.micros(), sixtieths(seconds)),
                "{at}"
            );
            let mut sum = Money::ZERO;
            for record in &records {
                sum += record.amount;
                let seconds = billed(i64::from(record.connected_seconds), increments);
                assert_eq!(i64::from(record.billed_seconds), seconds, "{at}");
                assert!(
                    is_rounded(sum.micros(), sixtieths(seconds)),
                    "{at}: each record"
                );
            }
            assert_eq!(sum, last.call_total, "{at}: the records add up");
        }
    }
}

#[test]
fn totals_are_rounded_half_even_at_the_sixth_decimal_once() {
    let mut ties = 0;
    for rate in 0..=1_200 {
        for (fee, seconds) in (0..=240_u32).map(|second| (i64::from(second % 7), second)) {
            let exact = 60 * fee + rate * i64::from(seconds);
            let runs = [(1, Money::from_micros(rate))];
            let cost = total(Money::from_micros(fee), runs, seconds).micros();
            assert!(
                is_rounded(cost, exact),
                "{seconds} s at {rate} millionths: {cost}"
            );
            ties += usize::from(exact % 60 == 30);
        }
    }
    assert!(ties > 1_000, "ties are among them: {ties}");
}
