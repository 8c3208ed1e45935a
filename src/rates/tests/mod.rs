//! What the room promises, by table and by property.

mod band;
mod csv;
mod find;
mod parts;
mod price;

use std::sync::Arc;

use proptest::prelude::*;

use crate::domain::{Country, LegKind, Moment, Money, PhoneNumber, Symbol};

use super::{Band, Days, RateCard, RateRow, parse_csv};

/// The header of a card's CSV.
const HEADER: &str = "kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium";

fn at(text: &str) -> Moment {
    Moment::parse(text).expect(text)
}

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).expect(text)
}

fn money(text: &str) -> Money {
    Money::parse(text).expect(text)
}

/// A card of lines below the header.
fn card(lines: &[&str]) -> RateCard {
    let rows = parse_csv(format!("{HEADER}\n{}", lines.join("\n")).as_bytes());
    RateCard::new("card", 1, None, rows.expect("a good card"))
}

/// Moments of a few weeks around Berlin's spring change, where the drawn bands have their edges.
fn moments() -> impl Strategy<Value = Moment> {
    let start = at("2026-03-20T00:00:00Z").millis();
    prop_oneof![
        (0..20 * 24 * 4_i64)
            .prop_map(move |quarter| Moment::from_millis(start + quarter * 900_000)),
        (0..20 * 86_400_000_i64).prop_map(move |millis| Moment::from_millis(start + millis)),
    ]
}

fn bands() -> impl Strategy<Value = Band> {
    let days = prop::sample::select(vec!["mon-fri", "sat,sun", "sat-mon", "sun", "mon-sun"]);
    let quarters = 0..24 * 4_u16;
    let hours = prop::option::of(
        (quarters.clone(), quarters).prop_filter_map("a band has a length", |(from, to)| {
            (from != to).then_some((from * 15, to * 15))
        }),
    );
    let zone = prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Pacific/Auckland",
    ]);
    (days, hours, zone).prop_map(|(days, hours, zone)| {
        let zone = jiff::tz::TimeZone::get(zone).expect("a bundled zone");
        Band::new(Days::parse(days).expect("days"), hours, zone).expect("a band")
    })
}

/// Rows that often claim the same numbers at the same time.
fn rows() -> impl Strategy<Value = RateRow> {
    let named = (
        prop::sample::select(LegKind::ALL),
        "[12]{1,6}|[1-9][0-9]{14}",
        prop::option::of("[a-zA-Z\",;üß]([a-zA-Z \",;üß]{0,6}[a-z])?"),
        prop::option::of(prop::sample::select(vec!["DE", "US"])),
    );
    let priced = (0..4_i64, 0..2_000_000_i64, 1..=3600_u32, 1..=60_u32);
    let timed = (
        prop_oneof![Just(Moment::EARLIEST), moments()],
        prop::option::of(1..1_000_000_000_i64),
        prop::option::of(bands()),
    );
    (named, priced, timed, any::<(bool, bool)>()).prop_map(
        |((kind, prefix, destination, country), price, (from, length, band), flags)| RateRow {
            kind,
            prefix: Arc::from(prefix),
            destination: destination.map(Arc::from),
            country: country.and_then(Country::parse),
            rate_per_minute: Money::from_micros(price.0 * 4_500),
            connection_fee: Money::from_micros(price.1),
            initial_s: price.2,
            increment_s: price.3,
            effective_from: from,
            effective_to: length.map(|length| from.plus_millis(length)),
            band,
            barred: flags.0,
            premium: flags.1,
        },
    )
}

/// Rows of which no two claim the same, as a checked file has them.
fn card_rows() -> impl Strategy<Value = Vec<RateRow>> {
    prop::collection::vec(rows(), 1..40).prop_map(|rows| {
        let mut kept: Vec<RateRow> = Vec::new();
        for row in rows {
            let claimed = kept.iter().any(|other| {
                (other.kind, &other.prefix, other.effective_from, &other.band)
                    == (row.kind, &row.prefix, row.effective_from, &row.band)
            });
            if !claimed {
                kept.push(row);
            }
        }
        kept
    })
}
