//! The CSV of a rate card: faults, each with its line, or a card that survives its canonical form and
//! its publication, and prices every number.

use tollkeeper::domain::{Currency, LegKind, Moment, PhoneNumber, Symbol};
use tollkeeper::rates::{PartAssembler, RateCard, RateRow, canonical_csv, parse_csv, split, total};

const NUMBERS: [&str; 4] = ["+4930123456", "+12025550123", "+390669812345", "+99"];
/// In winter, in summer, where clocks change in Europe, and at the ends of time.
const MOMENTS: [&str; 4] = [
    "2026-01-15T12:00:00Z",
    "2026-07-05T23:30:00Z",
    "2026-10-25T00:59:59.999Z",
    "1970-01-01T00:00:00Z",
];

/// Checks one file.
pub fn check(data: &[u8]) {
    match parse_csv(data) {
        Ok(rows) => card(rows),
        Err(faults) => {
            assert!(!faults.is_empty());
            assert!(
                faults
                    .iter()
                    .all(|fault| fault.line > 0 && !fault.what.is_empty())
            );
            assert!(faults.is_sorted_by_key(|fault| fault.line));
        }
    }
}

fn card(rows: Vec<RateRow>) {
    let text = canonical_csv(&rows);
    let again = parse_csv(text.as_bytes()).expect("the canonical form is good");
    assert_eq!(again, rows);
    assert_eq!(canonical_csv(&again), text);
    let card = RateCard::new("card", 1, Currency::parse("EUR"), rows);
    for at in MOMENTS {
        let at = Moment::parse(at).expect("a moment");
        for number in NUMBERS {
            for kind in LegKind::ALL {
                price(
                    &card,
                    *kind,
                    PhoneNumber::parse(number).expect("a number"),
                    at,
                );
            }
        }
    }
    publish(&card);
}

fn price(card: &RateCard, kind: LegKind, number: PhoneNumber, at: Moment) {
    let found = card.find(kind, number, at);
    assert!(found.until > at);
    let Some(row) = found.row else { return };
    assert!(!row.rate_per_minute.is_negative() && !row.connection_fee.is_negative());
    let runs = [(1, row.rate_per_minute)];
    let increments = row.increments();
    let mut before = total(row.connection_fee, runs, 0);
    for connected in [1, 59, 61, 3_601, 86_400] {
        let billed = increments.billed(connected);
        assert!(billed >= connected);
        let now = total(row.connection_fee, runs, billed);
        assert!(now >= before, "more time never costs less");
        before = now;
    }
}

fn publish(card: &RateCard) {
    let currency = card.currency().expect("it was given one");
    let parts = split(card.id(), 1, currency, card.rows()).expect("a good card can be cut");
    let mut assembler = PartAssembler::default();
    let mut whole = None;
    for part in parts {
        assert!(whole.is_none(), "a card is whole with its last part");
        whole = assembler
            .take(part, Moment::EARLIEST)
            .expect("each part fits");
    }
    let (whole, _) = whole.expect("all parts were taken");
    assert_eq!(whole.rows(), card.rows());
}
