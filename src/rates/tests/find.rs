use std::sync::Arc;

use proptest::prelude::*;

use super::{at, card, card_rows, moments, money, number};
use crate::domain::{LegKind, Moment, Money, PhoneNumber, Symbol};
use crate::rates::{RateCard, RateCards, RateRow};

fn rate(card: &RateCard, kind: LegKind, to: &str, when: &str) -> Option<String> {
    let found = card.find(kind, number(to), at(when));
    found.row.map(|row| row.rate_per_minute.to_string())
}

const NOW: &str = "2026-11-23T10:00:00Z";

#[test]
fn the_longest_prefix_of_the_kind_wins() {
    let card = card(&[
        "DIAL_OUT,49,,,0.1,,,,,,,,,,,",
        "DIAL_OUT,+4930,,,0.2,,,,,,,,,,,",
        "DIAL_OUT,493012,,,0.3,,,,,,,,,,,",
        "DIAL_OUT,4931,,,0.4,,,,,,,,,,,",
        "DIAL_OUT,1,,,0.5,,,,,,,,,,,",
        "DIAL_IN_TOLL,493,,,0.6,,,,,,,,,,,",
    ]);
    for (kind, to, found) in [
        (LegKind::DialOut, "+4930999", Some("0.2")),
        (LegKind::DialOut, "+49301299", Some("0.3")),
        (LegKind::DialOut, "+493012", Some("0.3")),
        (LegKind::DialOut, "+49301", Some("0.2")),
        (LegKind::DialOut, "+493", Some("0.1")),
        (LegKind::DialOut, "+49", Some("0.1")),
        (LegKind::DialOut, "+4932", Some("0.1")),
        (LegKind::DialOut, "+48", None),
        (LegKind::DialOut, "+55", None),
        (LegKind::DialOut, "+12", Some("0.5")),
        (LegKind::DialInToll, "+4930999", Some("0.6")),
        (LegKind::DialInToll, "+49", None),
        (LegKind::DialInTollFree, "+4930999", None),
    ] {
        assert_eq!(
            rate(&card, kind, to, NOW).as_deref(),
            found,
            "{to} {kind:?}"
        );
    }
}

#[test]
fn of_equal_prefixes_a_band_wins_then_the_latest_start_then_the_later_line() {
    let card = card(&[
        "DIAL_OUT,49,,,0.5,,,,2026-06-01,,,,,,,",
        "DIAL_OUT,49,,,0.1,,,,,,,,,,,",
        "DIAL_OUT,49,,,0.2,,,,2026-01-01,2027-01-01,,,,,,",
        "DIAL_OUT,49,,,0.3,,,,,,mon,,,,,",
        "DIAL_OUT,49,,,0.4,,,,,,,09:00,11:00,,,",
    ]);
    for (when, found) in [
        ("2025-01-01T12:00:00Z", "0.1"),
        ("2026-01-01T00:00:00Z", "0.2"),
        ("2026-06-02T00:00:00Z", "0.5"),
        ("2026-11-23T08:59:59Z", "0.3"),
        ("2026-11-23T10:00:00Z", "0.4"),
        ("2026-11-24T11:00:00Z", "0.5"),
        ("2027-01-01T00:00:00Z", "0.5"),
    ] {
        let found_rate = rate(&card, LegKind::DialOut, "+4930", when);
        assert_eq!(found_rate.as_deref(), Some(found), "{when}");
    }
}

#[test]
fn an_effective_row_of_a_shorter_prefix_stands_in_while_the_longer_one_is_not_in_force() {
    let card = card(&[
        "DIAL_OUT,49,,,0.1,,,,,,,,,,,",
        "DIAL_OUT,4930,,,0.2,,,,2026-01-01,2026-02-01,,,,,,",
    ]);
    for (when, found, until) in [
        ("2025-12-31T23:59:59.999Z", "0.1", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00Z", "0.2", "2026-02-01T00:00:00Z"),
        ("2026-02-01T00:00:00Z", "0.1", "9000-01-01T00:00:00Z"),
    ] {
        let matched = card.find(LegKind::DialOut, number("+493012"), at(when));
        let rate = matched.row.map(|row| row.rate_per_minute);
        assert_eq!(
            (rate, matched.until),
            (Some(money(found)), at(until)),
            "{when}"
        );
    }
}

#[test]
fn the_lowest_positive_rate_follows_the_effective_rows_and_ignores_bands_barred_and_free_ones() {
    let card = card(&[
        "DIAL_OUT,49,,,0.05,,,,,,,,,,,",
        "DIAL_IN_TOLL,49,,,0.02,,,,2026-01-01,2026-03-01,,,,,,",
        "DIAL_OUT,44,,,0.03,,,,2026-02-01,,sat,,,,,",
        "DIAL_OUT,43,,,0.01,,,,,,,,,,true,",
        "DIAL_OUT,42,,,0,,,,,,,,,,,",
    ]);
    for (when, lowest) in [
        ("2025-12-31T23:59:59.999Z", "0.05"),
        ("2026-01-01T00:00:00Z", "0.02"),
        ("2026-02-28T23:59:59.999Z", "0.02"),
        ("2026-03-01T00:00:00Z", "0.03"),
    ] {
        assert_eq!(
            card.lowest_positive_rate(at(when)),
            Some(money(lowest)),
            "{when}"
        );
    }
    let free = super::card(&["DIAL_OUT,42,,,0,,,,,,,,,,,"]);
    assert_eq!(free.lowest_positive_rate(at(NOW)), None);
}

#[test]
fn a_version_is_in_force_from_its_publication_and_the_first_publication_counts() {
    let version = |number| Arc::new(RateCard::new("gold", number, None, Vec::new()));
    let mut cards = RateCards::default();
    cards.publish(version(1), at("2026-01-01T00:00:00Z"));
    cards.publish(version(2), at("2026-02-01T00:00:00Z"));
    cards.publish(version(2), at("2026-01-15T00:00:00Z"));
    for (when, found) in [
        ("2025-12-31T23:59:59.999Z", None),
        ("2026-01-01T00:00:00Z", Some(1)),
        ("2026-01-31T23:59:59.999Z", Some(1)),
        ("2026-02-01T00:00:00Z", Some(2)),
    ] {
        let in_force = cards.in_force("gold", at(when));
        assert_eq!(in_force.map(|card| card.version()), found, "{when}");
    }
    assert_eq!(cards.latest_version("gold"), Some(2));
    assert_eq!(cards.version("gold", 1).map(|card| card.version()), Some(1));
    assert!(cards.version("gold", 3).is_none());
    assert_eq!(cards.latest_version("silver"), None);
}

/// The choice rule, over every row.
fn slow_find(rows: &[RateRow], kind: LegKind, number: PhoneNumber, at: Moment) -> Option<usize> {
    let candidates = rows.iter().enumerate().filter(|(_, row)| {
        row.kind == kind
            && number
                .digits(&mut itoa::Buffer::new())
                .starts_with(&*row.prefix)
            && row.effective_from <= at
            && row.effective_to.is_none_or(|end| at < end)
            && row.band.as_ref().is_none_or(|band| band.holds(at))
    });
    candidates
        .max_by_key(|(line, row)| {
            (
                row.prefix.len(),
                row.band.is_some(),
                row.effective_from,
                *line,
            )
        })
        .map(|(line, _)| line)
}

fn line_of(card: &RateCard, row: Option<&RateRow>) -> Option<usize> {
    row.map(|row| {
        let line = card
            .rows()
            .iter()
            .position(|other| std::ptr::eq(row, other));
        line.expect("a row of the card")
    })
}

fn slow_lowest(rows: &[RateRow], at: Moment) -> Option<Money> {
    let in_force = rows.iter().filter(|row| {
        !row.barred && row.effective_from <= at && row.effective_to.is_none_or(|end| at < end)
    });
    let rates = in_force.map(|row| row.rate_per_minute);
    rates.filter(|rate| rate.is_positive()).min()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn the_index_finds_the_row_that_a_scan_finds(
        rows in card_rows(),
        kind in prop::sample::select(LegKind::ALL),
        to in "\\+[12]{2,8}|\\+[1-9][0-9]{14}",
        moments in prop::collection::vec(moments(), 1..6),
        part in 0..1_000_i64,
    ) {
        let card = RateCard::new("card", 1, None, rows);
        let number = number(&to);
        for at in moments {
            let found = card.find(kind, number, at);
            let line = line_of(&card, found.row);
            prop_assert_eq!(line, slow_find(card.rows(), kind, number, at));
            prop_assert!(found.until > at);
            // Up to `until` nothing changes: at its last moment, and somewhere in between.
            for later in [
                found.until.plus_millis(-1),
                at.plus_millis((found.until.millis() - at.millis() - 1) / 1000 * part),
            ] {
                prop_assert_eq!(slow_find(card.rows(), kind, number, later), line);
            }
        }
    }

    #[test]
    fn the_lowest_rate_is_the_one_that_a_scan_finds(rows in card_rows(), at in moments()) {
        let lowest = slow_lowest(&rows, at);
        prop_assert_eq!(RateCard::new("card", 1, None, rows).lowest_positive_rate(at), lowest);
    }
}

#[test]
fn a_number_right_after_all_those_of_a_prefix_is_not_of_it() {
    let card = super::card(&["DIAL_OUT,49,,,1,,,,,,,,,,,"]);
    for (text, found) in [("+4999999999", true), ("+5000000000", false)] {
        let number = super::number(text);
        let row = card.find(LegKind::DialOut, number, Moment::EARLIEST).row;
        assert_eq!(row.is_some(), found, "{text}");
    }
}
