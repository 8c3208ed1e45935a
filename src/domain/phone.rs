//! Telephone numbers: personal data, so they show themselves to nobody by accident.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Country;

/// An E.164 number: its digits, at most fifteen, the first not zero, packed in a word.
///
/// `Debug` and `Display` never show it; [`PhoneNumber::masked`] and [`PhoneNumber::digits`] do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PhoneNumber(u64);

/// A text that is not an E.164 number. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an E.164 number")]
pub struct NumberError;

impl PhoneNumber {
    /// From `+` and 2 to 15 digits, the first of them not zero (ITU-T E.164).
    ///
    /// # Errors
    /// [`NumberError`].
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let digits = text.strip_prefix('+').ok_or(NumberError)?;
        let good = (2..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit());
        if !good {
            return Err(NumberError);
        }
        digits.parse().map(PhoneNumber).map_err(|_| NumberError)
    }

    /// The digits, without the plus, written into the buffer.
    pub fn digits(self, buffer: &mut itoa::Buffer) -> &str {
        buffer.format(self.0)
    }

    /// `+` and the digits, the last `hidden` of them replaced by `*`.
    #[must_use]
    pub fn masked(self, hidden: usize) -> String {
        let mut buffer = itoa::Buffer::new();
        let digits = self.digits(&mut buffer);
        let (shown, hidden) = digits.split_at(digits.len().saturating_sub(hidden));
        format!("+{shown}{}", "*".repeat(hidden.len()))
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("+…")
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The country of a number, from the numbering plans that the library carries; `None` for numbers
/// of no country (satellite, international services) and for what no plan knows.
#[must_use]
pub fn country_of(number: PhoneNumber) -> Option<Country> {
    let parsed = phonenumber::parse(None, number.masked(0)).ok()?;
    match parsed.country().id() {
        Some(id) => Country::parse(id.as_ref()),
        None => main_country_of(&parsed),
    }
}

/// The main country of a calling code whose numbers keep a leading zero (Italy's): the library drops
/// the zero before it looks for the country.
fn main_country_of(number: &phonenumber::PhoneNumber) -> Option<Country> {
    if number.national().zeros() == 0 {
        return None;
    }
    let regions = phonenumber::metadata::DATABASE.region(&number.country().code())?;
    Country::parse(regions.first()?)
}

/// The 44 countries of Zone A.
const ZONE_A: &str = "AU AT BE BR BG CA CN HR CZ DK EE FI FR DE GR HK HU IN IE IT JP LU MY MX NL \
                      NZ NO PL PT PR RO RU SG SK SI ZA KR ES SE CH TW TH GB US";

/// True for the countries of Zone A where a tenant has no list of its own.
#[must_use]
pub fn is_default_zone_a(country: Country) -> bool {
    ZONE_A.split(' ').any(|code| code == country.as_str())
}

/// How many last digits of a number a tenant of this country has masked by default.
#[must_use]
pub fn default_mask_digits(country: Country) -> usize {
    match country.as_bytes() {
        b"BE" | b"DE" | b"DK" | b"ES" | b"FI" | b"IT" | b"NL" | b"NO" | b"SE" => 3,
        b"CH" | b"FR" => 4,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).expect("a number")
    }

    #[test]
    fn the_country_comes_from_the_whole_number() {
        for (text, country) in [
            ("+4930123456", Some("DE")),
            ("+14165550123", Some("CA")),
            ("+12125550123", Some("US")),
            ("+17875550123", Some("PR")),
            ("+74951234567", Some("RU")),
            ("+77172123456", Some("KZ")),
            ("+390612345766", Some("IT")),
            ("+393331234567", Some("IT")),
            ("+88216123456", None),
        ] {
            let found = country_of(number(text));
            assert_eq!(found.map(|c| c.to_string()).as_deref(), country, "{text}");
        }
    }

    #[test]
    fn a_number_shows_itself_to_nobody() {
        let shown = format!(
            "{0} {0:?} {1:?}",
            number("+4930123456"),
            [number("+12125550123")]
        );
        assert_eq!(shown, "+… +… [+…]");
        assert_eq!(number("+4930123456").masked(4), "+493012****");
    }

    #[test]
    fn only_e164_is_taken() {
        for text in [
            "4930",
            "+",
            "+0301",
            "+1234567890123456",
            "+49 30",
            "+4",
            "+49a",
        ] {
            assert_eq!(PhoneNumber::parse(text), Err(NumberError), "{text}");
        }
    }

    #[test]
    fn the_last_digits_are_masked_and_debug_shows_none() {
        assert_eq!(number("+4930123456").masked(3), "+4930123***");
        assert_eq!(number("+49").masked(3), "+**");
        assert_eq!(number("+4930123456").masked(0), "+4930123456");
        assert_eq!(format!("{:?}", number("+4930123456")), "+…");
    }

    #[test]
    fn zone_a_has_the_44_countries_that_the_rules_list() {
        let rules = include_str!("../../docs/RULES.md");
        let (_, listed) = rules.split_once("default 44 countries: ").expect("a list");
        let (listed, _) = listed.split_once(';').expect("it ends");
        let listed: Vec<&str> = listed.split_whitespace().collect();
        assert_eq!(listed, ZONE_A.split(' ').collect::<Vec<_>>());
        assert_eq!(listed.len(), 44);
    }
}
