//! The cells of a rate card's CSV: each text to its value, or what is wrong with it.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::domain::{Country, LegKind, Moment, MomentError, Money, Symbol};

use super::Days;
use super::index::MAX_DIGITS;

/// The highest rate or fee, in currency units. The longest leg at it stays far within what a wallet
/// can hold.
pub const MAX_PRICE: Money = Money::from_micros(1_000_000 * 1_000_000);

const MAX_DESTINATION_CHARACTERS: usize = 200;
const MAX_SHOWN_CHARACTERS: usize = 40;

/// A cell as it is shown in a fault: its beginning if it is long.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARACTERS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn wrong<T>(text: &str, what: &str) -> Result<T, String> {
    Err(format!("`{}` is {what}", shortened(text)))
}

pub(super) fn kind(text: &str) -> Result<LegKind, String> {
    LegKind::from_symbol(text).map_or_else(
        || wrong(text, "none of DIAL_IN_TOLL, DIAL_IN_TOLL_FREE, DIAL_OUT"),
        Ok,
    )
}

pub(super) fn prefix(text: &str) -> Result<Arc<str>, String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return wrong(text, "not a prefix of digits");
    }
    if digits.len() > MAX_DIGITS {
        return wrong(text, "longer than 15 digits");
    }
    if digits.starts_with('0') {
        return wrong(text, "no E.164 prefix: those never begin with 0");
    }
    Ok(Arc::from(digits))
}

pub(super) fn destination(text: &str) -> Result<Arc<str>, String> {
    if text.chars().any(char::is_control) {
        return Err("holds a line break or another control character".to_owned());
    }
    if text.chars().count() > MAX_DESTINATION_CHARACTERS {
        return Err(format!(
            "longer than {MAX_DESTINATION_CHARACTERS} characters"
        ));
    }
    Ok(Arc::from(text))
}

pub(super) fn country(text: &str) -> Result<Country, String> {
    Country::parse(text).map_or_else(
        || wrong(text, "not a country of two capital letters (ISO 3166-1)"),
        Ok,
    )
}

pub(super) fn price(text: &str) -> Result<Money, String> {
    let price = Money::parse(text).map_err(|error| format!("`{}`: {error}", shortened(text)))?;
    if price.is_negative() {
        return wrong(text, "negative");
    }
    if price > MAX_PRICE {
        return wrong(text, &format!("above {MAX_PRICE}"));
    }
    Ok(price)
}

pub(super) fn seconds(text: &str, most: u32) -> Result<u32, String> {
    let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(seconds) if digits_only && (1..=most).contains(&seconds) => Ok(seconds),
        _ => wrong(text, &format!("not a whole number from 1 to {most}")),
    }
}

pub(super) fn moment(text: &str) -> Result<Moment, String> {
    let moment = if text.len() == "2026-11-23".len() {
        Moment::parse_date(text)
    } else {
        Moment::parse(text)
    };
    moment.or_else(|error| match error {
        MomentError::NotAMoment => wrong(
            text,
            "neither a date such as 2026-11-23 nor a moment such as 2026-11-23T10:00:00Z",
        ),
        MomentError::OutOfRange => wrong(text, &error.to_string()),
    })
}

pub(super) fn days(text: &str) -> Result<Days, String> {
    Days::parse(text).map_or_else(|| wrong(text, "no days such as `mon-fri` or `sat,sun`"), Ok)
}

/// In minutes.
pub(super) fn time_of_day(text: &str) -> Result<u16, String> {
    let two_digits = |text: &str| {
        let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<u16>().ok()).flatten()
    };
    let parsed = text.split_once(':').and_then(|(hour, minute)| {
        let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    });
    parsed.map_or_else(|| wrong(text, "not a time of day from 00:00 to 23:59"), Ok)
}

pub(super) fn zone(text: &str) -> Result<TimeZone, String> {
    match TimeZone::get(text) {
        Ok(zone) if !zone.is_unknown() => Ok(zone),
        _ => wrong(text, "no IANA time zone"),
    }
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    if text.eq_ignore_ascii_case("true") {
        return Ok(true);
    }
    if text.eq_ignore_ascii_case("false") {
        return Ok(false);
    }
    wrong(text, "neither `true` nor `false`")
}
