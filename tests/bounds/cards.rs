//! Rate cards at their bounds.

use std::fmt::Write as _;

use tollkeeper::domain::{Currency, LegKind, Moment, PhoneNumber};
use tollkeeper::rates::{PartAssembler, RateCard, canonical_csv, parse_csv, split};

use super::desk::COLUMNS;

#[test]
fn a_rate_card_of_100000_rows_is_read_published_and_found_in() {
    let mut csv = format!("{COLUMNS}\n");
    for row in 0..100_000 {
        writeln!(csv, "DIAL_OUT,49{row:06},,DE,0.01,,60,60,,,,,,,,").expect("a string takes all");
    }
    let rows = parse_csv(csv.as_bytes()).expect("a good card");
    assert_eq!(rows.len(), 100_000);
    assert_eq!(canonical_csv(&rows).lines().count(), 100_001);
    let eur = Currency::parse("EUR").expect("a currency");
    let mut assembler = PartAssembler::default();
    let mut whole = None;
    for part in split("large", 1, eur, &rows).expect("it can be cut") {
        assert!(part.rows.len() <= 512 * 1024);
        whole = assembler.take(part, Moment::EARLIEST).expect("a part");
    }
    let (card, _) = whole.expect("its last part was taken");
    assert_eq!(card.rows().len(), 100_000);
    check_found(&card, "+4901234578", Some("49012345"));
    check_found(&card, "+3312345678", None);
}

fn check_found(card: &RateCard, number: &str, prefix: Option<&str>) {
    let number = PhoneNumber::parse(number).expect("a number");
    let kind = LegKind::DialOut;
    let found = card.find(kind, number, Moment::from_millis(1_800_000_000_000));
    assert_eq!(found.row.map(|row| &*row.prefix), prefix);
}

#[test]
fn a_rate_card_beyond_its_bounds_is_refused_and_says_so() {
    let first = |csv: &[u8]| parse_csv(csv).expect_err("beyond a bound");
    let large = vec![b'x'; 64 * 1024 * 1024 + 1];
    assert_eq!(first(&large)[0].what, "the file is larger than 64 MiB");

    let mut csv = format!("{COLUMNS}\n");
    csv += &"DIAL_OUT,49\n".repeat(10_001);
    let faults = first(csv.as_bytes());
    assert_eq!(faults.len(), 10_001);
    let last = &faults[10_000].what;
    assert_eq!(last, "after 10000 faults the rest is not checked");
}

#[test]
fn a_rate_card_of_more_than_a_million_rows_is_refused() {
    let mut csv = format!("{COLUMNS}\n");
    for row in 0..=1_000_000 {
        writeln!(csv, "DIAL_OUT,1{row:07},,,0,,,,,,,,,,,").expect("a string takes all");
    }
    let faults = parse_csv(csv.as_bytes()).expect_err("too many rows");
    assert_eq!(faults[0].what, "more than 1000000 rows");
}
