use std::sync::Arc;

use proptest::prelude::*;

use super::{at, card_rows, money};
use crate::domain::{Currency, LegKind, Moment, Money, RateCardPart};
use crate::rates::{PartAssembler, PartFault, RateCard, RateRow, part_key, split};

fn euro() -> Currency {
    Currency::parse("EUR").expect("a currency")
}

/// Rows whose rates look random, so that they compress badly and take several parts.
fn many_rows(count: u64, seed: u64) -> Vec<RateRow> {
    let row = |number: u64| {
        let noise = (number ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let micros = i64::try_from(noise % 1_000_000_000_000).expect("small");
        RateRow {
            kind: LegKind::DialOut,
            prefix: Arc::from((10_000_000 + number).to_string()),
            destination: Some(Arc::from(format!("{noise:x}{:x}", noise.rotate_left(17)))),
            country: None,
            rate_per_minute: Money::from_micros(micros),
            connection_fee: Money::ZERO,
            initial_s: 60,
            increment_s: 60,
            effective_from: Moment::EARLIEST,
            effective_to: None,
            band: None,
            barred: false,
            premium: false,
        }
    };
    (0..count).map(row).collect()
}

fn several_parts() -> Vec<RateCardPart> {
    let parts = split("gold", 3, euro(), &many_rows(80_000, 1)).expect("parts");
    assert!(parts.len() >= 3, "{} parts", parts.len());
    parts
}

/// Puts parts through an assembler, a second apart from midnight: what came of each, in words.
fn transcript(assembler: &mut PartAssembler, parts: Vec<RateCardPart>) -> Vec<String> {
    let midnight = at("2026-11-23T00:00:00Z");
    (0..)
        .zip(parts)
        .map(
            |(second, part)| match assembler.take(part, midnight.plus_seconds(second)) {
                Ok(None) => "-".to_owned(),
                Ok(Some((card, published))) => {
                    format!(
                        "{}@{} {} rows {published}",
                        card.id(),
                        card.version(),
                        card.rows().len()
                    )
                }
                Err(error) => error.to_string(),
            },
        )
        .collect()
}

#[test]
fn a_version_is_there_with_its_last_part_and_repeats_change_nothing() {
    let parts = several_parts();
    let last = parts.len() - 1;
    assert_eq!(part_key(&parts[last]), format!("gold@3#{}", last + 1));
    let mut order = vec![parts[0].clone(), parts[0].clone()];
    order.extend(parts[1..].iter().rev().cloned());
    order.extend(parts.clone());
    let told = transcript(&mut PartAssembler::default(), order);
    let published = format!("gold@3 80000 rows 2026-11-23T00:00:0{}.000Z", last + 1);
    assert_eq!(told[last + 1], published);
    assert_eq!(
        told.iter().filter(|line| *line == "-").count(),
        told.len() - 1
    );
}

#[test]
fn parts_that_never_came_are_named() {
    let mut parts = several_parts();
    let count = parts.len();
    parts.remove(1);
    let mut assembler = PartAssembler::default();
    assert!(
        transcript(&mut assembler, parts)
            .iter()
            .all(|line| line == "-")
    );
    let missing: Vec<String> = assembler
        .missing()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        missing,
        [format!(
            "rate card `gold@3`: parts [2] of {count} are missing"
        )]
    );
}

#[test]
fn the_newer_of_two_mixed_publications_stands_and_a_complete_one_stays() {
    let first = several_parts();
    let second = split("gold", 3, euro(), &many_rows(80_000, 2)).expect("parts");
    let mut order = vec![first[0].clone()];
    order.extend(second.clone());
    order.push(first[1].clone());
    let told = transcript(&mut PartAssembler::default(), order);
    assert_eq!(
        told[1],
        "rate card `gold@3`: part 1 is of another publication of the same version than the parts \
         before it, which are dropped"
    );
    assert!(told[second.len()].starts_with("gold@3 80000 rows"));
    assert_eq!(
        told[second.len() + 1],
        "rate card `gold@3`: part 2 is of another publication of the same version, which is \
         complete and is kept"
    );
}

#[test]
fn versions_and_cards_may_come_interleaved() {
    let one = several_parts();
    let mut other = one.clone();
    for part in &mut other {
        part.version = 4;
    }
    let order = one
        .iter()
        .zip(&other)
        .flat_map(|(one, other)| [one.clone(), other.clone()]);
    let told = transcript(&mut PartAssembler::default(), order.collect());
    let given: Vec<&String> = told.iter().filter(|line| *line != "-").collect();
    assert_eq!(given.len(), 2);
    assert!(given[0].starts_with("gold@3") && given[1].starts_with("gold@4"));
}

#[test]
fn a_part_that_breaks_its_bounds_or_its_promise_is_refused_by_name() {
    let good = split("gold", 1, euro(), &many_rows(3, 1))
        .expect("one part")
        .remove(0);
    let broken = |change: &dyn Fn(&mut RateCardPart)| {
        let mut part = good.clone();
        change(&mut part);
        let error = PartAssembler::default().take(part, Moment::EARLIEST);
        error.expect_err("a broken part").to_string()
    };
    let rows = |csv: &[u8]| zstd::bulk::compress(csv, 3).expect("in memory");
    for (told, expected) in [
        (
            broken(&|part| part.card_id = "go#ld".into()),
            "the id must be 1 to 100 letters",
        ),
        (
            broken(&|part| part.version = 0),
            "the version must be 1 or more",
        ),
        (
            broken(&|part| part.part = 2),
            "part 2 of 1 where at most 160",
        ),
        (broken(&|part| part.part = 0), "part 0 of 1"),
        (broken(&|part| part.parts = i32::MAX), "of 2147483647 where"),
        (broken(&|part| part.rows.clear()), "part 1 has 0 bytes"),
        (
            broken(&|part| part.rows = vec![0; 524_289]),
            "part 1 has 524289 bytes",
        ),
        (broken(&|part| part.sha256[0] ^= 1), "another SHA-256"),
        (
            broken(&|part| part.row_count = 4),
            "has 3 rows where its parts name 4",
        ),
        (
            broken(&|part| part.rows.truncate(20)),
            "cannot be decompressed: ",
        ),
        (
            broken(&|part| part.rows[0] ^= 1),
            "cannot be decompressed: ",
        ),
        (
            broken(&|part| part.rows = rows(&vec![b'x'; super::super::csv::MAX_CSV_BYTES + 1])),
            "its CSV is larger than 67108864 bytes",
        ),
        (
            broken(&|part| part.rows = rows(&vec![b'x'; super::super::csv::MAX_CSV_BYTES])),
            "another SHA-256",
        ),
        (
            broken(&|part| {
                part.rows = rows(b"no card");
                part.sha256 = <sha2::Sha256 as sha2::Digest>::digest(b"no card").into();
            }),
            "its content has 17 faults, the first: line 1, column 1 (no card): there is no such",
        ),
    ] {
        assert!(told.contains(expected), "{told} should say: {expected}");
    }
}

#[test]
fn versions_that_never_end_hold_a_bounded_number_of_bytes() {
    let mut assembler = PartAssembler::default();
    let mut part = several_parts().remove(0);
    let each = part.rows.len();
    let most = super::super::parts::MAX_UNFINISHED_BYTES / each;
    for version in 1..=i64::try_from(most).expect("small") {
        part.version = version;
        assert!(matches!(
            assembler.take(part.clone(), Moment::EARLIEST),
            Ok(None)
        ));
    }
    part.version += 1;
    let full = |assembler: &mut PartAssembler, part: &RateCardPart| {
        let error = assembler.take(part.clone(), Moment::EARLIEST);
        error.expect_err("full").fault
    };
    assert_eq!(full(&mut assembler, &part), PartFault::Unfinished);
    assert!(
        PartFault::Unfinished
            .to_string()
            .contains("268435456 bytes")
    );
    // A part of another publication takes the place of the first's, and no more than that.
    let mut other = part.clone();
    (other.version, other.sha256[0]) = (1, part.sha256[0] ^ 1);
    assert_eq!(full(&mut assembler, &other), PartFault::Mixed(1));
    assert_eq!(full(&mut assembler, &part), PartFault::Unfinished);
}

#[test]
fn a_part_that_comes_twice_takes_the_room_of_one() {
    let mut assembler = PartAssembler::default();
    let mut part = several_parts().remove(0);
    let most = super::super::parts::MAX_UNFINISHED_BYTES / part.rows.len();
    let taken = (1..i64::try_from(most).expect("small")).chain(1..4);
    for version in taken.chain([i64::MAX]) {
        part.version = version;
        let taken = assembler.take(part.clone(), Moment::EARLIEST);
        assert!(matches!(taken, Ok(None)), "version {version}");
    }
}

#[test]
fn a_card_whose_csv_is_larger_than_64_mib_is_not_published() {
    let mut row = many_rows(1, 1).remove(0);
    row.destination = Some(Arc::from("\u{1d11e}".repeat(200)));
    let rows = vec![row; 82_000];
    let error = split("large", 1, euro(), &rows).expect_err("too large");
    assert_eq!(error.fault, PartFault::TooLarge);
}

#[test]
fn what_cannot_be_published_is_refused() {
    let rows = many_rows(1, 1);
    for (id, version, rows, fault) in [
        ("", 1, &rows[..], PartFault::Id),
        ("a@b", 1, &rows, PartFault::Id),
        ("a", 0, &rows, PartFault::Version),
        ("a", 1, &[], PartFault::Rows(0)),
    ] {
        let error = split(id, version, euro(), rows).expect_err("refused");
        assert_eq!(error.fault, fault);
    }
}

#[test]
fn a_card_of_a_hundred_thousand_rows_finds_each_of_them() {
    let card = RateCard::new("large", 1, None, many_rows(100_000, 1));
    for row in card.rows().iter().step_by(97) {
        let number = super::number(&format!("+{}1234", row.prefix));
        let found = card.find(LegKind::DialOut, number, Moment::EARLIEST);
        assert_eq!(found.row.map(|row| &row.prefix), Some(&row.prefix));
    }
    assert!(card.lowest_positive_rate(Moment::EARLIEST) < Some(money("1000000")));
}

proptest! {
    #[test]
    fn what_is_split_comes_together_the_same(rows in card_rows()) {
        let mut assembler = PartAssembler::default();
        let mut cards = Vec::new();
        for part in split("c", 7, euro(), &rows).expect("parts") {
            cards.extend(assembler.take(part, Moment::EARLIEST).expect("a good part"));
        }
        prop_assert_eq!(cards.len(), 1);
        let (card, _) = &cards[0];
        prop_assert_eq!(card.rows(), &rows[..]);
        prop_assert_eq!((card.version(), card.currency()), (7, Some(euro())));
        prop_assert!(assembler.missing().is_empty());
    }
}
