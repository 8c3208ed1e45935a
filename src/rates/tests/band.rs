use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{at, bands, moments};
use crate::domain::Moment;
use crate::rates::{Band, BandError, Days};

fn band(days: &str, from: u16, to: u16, zone: &str) -> Band {
    let zone = TimeZone::get(zone).expect(zone);
    Band::new(
        Days::parse(days).expect(days),
        Some((from * 60, to * 60)),
        zone,
    )
    .expect("a band")
}

fn check(band: &Band, cases: &[(&str, bool)]) {
    for (moment, holds) in cases {
        assert_eq!(band.holds(at(moment)), *holds, "{moment}");
    }
}

#[test]
fn days_are_single_ranges_or_lists_and_may_run_over_the_weeks_end() {
    for (text, days) in [
        ("mon", "mon"),
        ("mon-fri", "mon,tue,wed,thu,fri"),
        ("sat,sun", "sat,sun"),
        ("sat-mon", "mon,sat,sun"),
        ("Tue, fri-sat", "tue,fri,sat"),
        ("sun-sat", "mon-sun"),
        ("wed-wed", "wed"),
    ] {
        let parsed = Days::parse(text).expect(text);
        assert_eq!(parsed.to_string(), days, "{text}");
        assert_eq!(Days::parse(days), Some(parsed), "{text}");
    }
    for text in ["", "mon-", "monday", "mon-tue-wed", "mon;tue", ",", "1"] {
        assert_eq!(Days::parse(text), None, "{text}");
    }
}

#[test]
fn a_band_reads_as_its_days_times_and_zone() {
    let days = Days::parse("mon-fri").expect("days");
    let hours = Some((22 * 60 + 5, 6 * 60 + 30));
    let band = Band::new(days, hours, TimeZone::UTC).expect("a band");
    assert_eq!(band.to_string(), "mon,tue,wed,thu,fri 22:05-06:30 UTC");
}

#[test]
fn hours_of_working_days_begin_inclusive_and_end_exclusive() {
    check(
        &band("mon-fri", 8, 18, "Europe/Berlin"),
        &[
            ("2026-11-23T06:59:59.999Z", false),
            ("2026-11-23T07:00:00Z", true),
            ("2026-11-23T16:59:59.999Z", true),
            ("2026-11-23T17:00:00Z", false),
            ("2026-11-27T10:00:00Z", true),
            ("2026-11-28T10:00:00Z", false),
            // In summer the same wall clock is an hour earlier.
            ("2026-07-06T06:00:00Z", true),
            ("2026-07-06T16:00:00Z", false),
        ],
    );
}

#[test]
fn a_band_over_midnight_belongs_to_the_day_it_began() {
    check(
        &band("sat", 22, 6, "UTC"),
        &[
            ("2026-11-28T05:00:00Z", false),
            ("2026-11-28T21:59:59Z", false),
            ("2026-11-28T22:00:00Z", true),
            ("2026-11-29T05:59:59.999Z", true),
            ("2026-11-29T06:00:00Z", false),
            ("2026-11-29T22:00:00Z", false),
        ],
    );
    check(
        &band("mon-fri", 18, 0, "UTC"),
        &[
            ("2026-11-27T23:59:59.999Z", true),
            ("2026-11-28T00:00:00Z", false),
        ],
    );
}

#[test]
fn days_without_times_are_whole_days_of_the_zone() {
    let days = Days::parse("sat-mon").expect("days");
    let zone = TimeZone::get("America/New_York").expect("a zone");
    check(
        &Band::new(days, None, zone).expect("a band"),
        &[
            ("2026-11-28T04:59:59Z", false),
            ("2026-11-28T05:00:00Z", true),
            ("2026-12-01T04:59:59Z", true),
            ("2026-12-01T05:00:00Z", false),
        ],
    );
}

#[test]
fn the_hour_that_spring_skips_is_in_no_band() {
    check(
        &band("mon-sun", 2, 3, "Europe/Berlin"),
        &[
            ("2026-03-28T01:30:00Z", true),
            ("2026-03-29T00:59:59.999Z", false),
            ("2026-03-29T01:00:00Z", false),
            ("2026-03-30T00:30:00Z", true),
        ],
    );
    check(
        &band("mon-sun", 1, 4, "Europe/Berlin"),
        &[
            ("2026-03-29T00:00:00Z", true),
            ("2026-03-29T01:00:00Z", true),
            ("2026-03-29T02:00:00Z", false),
        ],
    );
    check(
        &band("sat", 22, 6, "Europe/Berlin"),
        &[
            ("2026-03-28T21:00:00Z", true),
            ("2026-03-29T03:59:59.999Z", true),
            ("2026-03-29T04:00:00Z", false),
        ],
    );
    check(
        &band("sun", 2, 3, "America/New_York"),
        &[
            ("2026-03-08T06:59:59.999Z", false),
            ("2026-03-08T07:00:00Z", false),
            ("2026-03-15T06:30:00Z", true),
        ],
    );
}

#[test]
fn the_hour_that_comes_twice_in_autumn_is_in_its_band_both_times() {
    check(
        &band("mon-sun", 2, 3, "Europe/Berlin"),
        &[
            ("2026-10-24T23:59:59.999Z", false),
            ("2026-10-25T00:00:00Z", true),
            ("2026-10-25T00:59:59.999Z", true),
            ("2026-10-25T01:00:00Z", true),
            ("2026-10-25T01:59:59.999Z", true),
            ("2026-10-25T02:00:00Z", false),
        ],
    );
    check(
        &band("sat", 22, 2, "America/New_York"),
        &[
            ("2026-11-01T02:00:00Z", true),
            ("2026-11-01T05:30:00Z", true),
            ("2026-11-01T06:30:00Z", true),
            ("2026-11-01T07:00:00Z", false),
        ],
    );
}

#[test]
fn an_answer_ends_with_the_next_edge_midnight_or_change_of_the_clock() {
    let band = band("mon-sun", 4, 5, "Europe/Berlin");
    for (moment, until) in [
        ("2026-03-28T20:30:00Z", "2026-03-28T23:00:00Z"),
        // On a linear clock 04:00 would be 03:00 UTC, an hour too late.
        ("2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"),
        ("2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"),
        ("2026-03-29T02:59:59.999Z", "2026-03-29T03:00:00Z"),
        ("2026-03-29T03:00:00Z", "2026-03-29T22:00:00Z"),
        ("2026-03-30T02:00:00Z", "2026-03-30T03:00:00Z"),
    ] {
        assert_eq!(band.standing(at(moment)).1, at(until), "{moment}");
    }
}

#[test]
fn a_band_without_length_or_beyond_the_day_is_refused() {
    for (hours, error) in [
        ((480, 480), BandError::Empty),
        ((0, 0), BandError::Empty),
        ((480, 1440), BandError::NotATime),
        ((1440, 480), BandError::NotATime),
    ] {
        assert_eq!(
            Band::new(Days::ALL, Some(hours), TimeZone::UTC),
            Err(error),
            "{hours:?}"
        );
    }
}

/// The rulebook's sentence, from the wall clock's own words.
fn slow_holds(band: &Band, at: Moment) -> bool {
    let zone = TimeZone::get(band.zone()).expect("a zone");
    let local = at.timestamp().to_zoned(zone);
    let clock = local.strftime("%H:%M").to_string();
    let (from, to) = band.hours().unwrap_or((0, 24 * 60));
    let text = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let after_from = text(from) <= clock;
    let before_to = clock < text(to);
    let day = if from > to && before_to {
        local
            .datetime()
            .date()
            .yesterday()
            .expect("not the first day")
    } else {
        local.datetime().date()
    };
    let on_day = band
        .days()
        .to_string()
        .replace("mon-sun", "mon,tue,wed,thu,fri,sat,sun")
        .contains(&day.strftime("%a").to_string().to_lowercase());
    let in_hours = if from < to {
        after_from && before_to
    } else {
        after_from || before_to
    };
    in_hours && on_day
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_band_holds_as_the_wall_clock_says(band in bands(), at in moments()) {
        prop_assert_eq!(band.holds(at), slow_holds(&band, at));
    }

    #[test]
    fn an_answer_stands_as_long_as_it_promises(
        band in bands(),
        at in moments(),
        part in 0..1_000_i64,
    ) {
        let (holds, until) = band.standing(at);
        prop_assert!(until > at);
        let later = at.plus_millis((until.millis() - at.millis() - 1) * part / 999);
        prop_assert_eq!(band.holds(later), holds);
    }
}
