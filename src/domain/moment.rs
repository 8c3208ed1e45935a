//! Moments and the UTC calendar.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// Milliseconds in a minute.
pub const MILLIS_PER_MINUTE: i64 = 60_000;
/// Milliseconds in a UTC day.
pub const MILLIS_PER_DAY: i64 = 86_400_000;

/// A moment: milliseconds since 1970-01-01T00:00Z.
///
/// What comes in is bounded by [`Moment::EARLIEST`] and [`Moment::LATEST`], so that adding the
/// spans of the rulebook never overflows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(i64);

/// Why a text or number is not a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// Not RFC 3339.
    #[error("not a moment in RFC 3339")]
    NotAMoment,
    /// Before the year 1970 or after 9000.
    #[error("a moment outside the years 1970 to 9000")]
    OutOfRange,
}

impl Moment {
    /// The earliest moment that is taken: 1970-01-01T00:00:00Z.
    pub const EARLIEST: Moment = Moment(0);
    /// The latest moment that is taken: 9000-01-01T00:00:00Z.
    pub const LATEST: Moment = Moment(221_845_392_000_000);

    /// From milliseconds since the epoch, unchecked.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Moment(millis)
    }

    /// From milliseconds since the epoch as they come in.
    ///
    /// # Errors
    /// [`MomentError::OutOfRange`].
    pub fn checked_from_millis(millis: i64) -> Result<Self, MomentError> {
        let moment = Moment(millis);
        if (Self::EARLIEST..=Self::LATEST).contains(&moment) {
            Ok(moment)
        } else {
            Err(MomentError::OutOfRange)
        }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// From RFC 3339, with any offset; parts of a millisecond are cut off.
    ///
    /// # Errors
    /// [`MomentError`].
    pub fn parse(text: &str) -> Result<Self, MomentError> {
        // RFC 3339 has neither brackets nor bare hours; jiff takes both.
        if text.len() < 20 || text.contains('[') {
            return Err(MomentError::NotAMoment);
        }
        let stamp: Timestamp = text.parse().map_err(|_| MomentError::NotAMoment)?;
        Self::checked_from_millis(stamp.as_millisecond())
    }

    /// The start of a date in UTC, from `2026-11-23`.
    ///
    /// # Errors
    /// [`MomentError`].
    pub fn parse_date(text: &str) -> Result<Self, MomentError> {
        let date: Date = text.parse().map_err(|_| MomentError::NotAMoment)?;
        let zoned = date
            .to_zoned(TimeZone::UTC)
            .map_err(|_| MomentError::OutOfRange)?;
        Self::checked_from_millis(zoned.timestamp().as_millisecond())
    }

    /// Later by whole seconds (earlier if negative).
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Moment(self.0 + seconds * 1000)
    }

    /// Later by milliseconds (earlier if negative).
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Moment(self.0 + millis)
    }

    /// Later by UTC days of 24 hours (earlier if negative).
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        Moment(self.0 + days * MILLIS_PER_DAY)
    }

    /// Later by calendar months in UTC, the day clipped to the month's last.
    #[must_use]
    pub fn plus_months(self, months: i32) -> Self {
        let zoned = self.timestamp().to_zoned(TimeZone::UTC);
        zoned
            .checked_add(months.months())
            .map_or(Self::LATEST, |later| {
                Moment(later.timestamp().as_millisecond())
            })
    }

    /// Days since the epoch, UTC.
    #[must_use]
    pub fn day(self) -> i32 {
        i32::try_from(self.0.div_euclid(MILLIS_PER_DAY)).expect("a moment's day fits into 32 bits")
    }

    /// Calendar months since 1970-01, UTC.
    #[must_use]
    pub fn month(self) -> i32 {
        let date = self.timestamp().to_zoned(TimeZone::UTC).date();
        (i32::from(date.year()) - 1970) * 12 + i32::from(date.month()) - 1
    }

    /// As a jiff timestamp, for what needs a calendar or a zone.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).expect("a moment lies within jiff's range")
    }
}

impl fmt::Display for Moment {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = self.timestamp();
        write!(f, "{stamp:.3}")
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment::parse(text).expect(text)
    }

    #[test]
    fn text_and_back_keeps_milliseconds() {
        assert_eq!(
            at("2026-11-23T10:00:00Z").to_string(),
            "2026-11-23T10:00:00.000Z"
        );
        assert_eq!(
            at("2026-11-23T11:00:00.123456+01:00").to_string(),
            "2026-11-23T10:00:00.123Z"
        );
    }

    #[test]
    fn months_clip_to_the_last_day() {
        assert_eq!(
            at("2028-02-29T12:00:00Z").plus_months(12),
            at("2029-02-28T12:00:00Z")
        );
        assert_eq!(
            at("2026-01-31T12:00:00Z").plus_months(1),
            at("2026-02-28T12:00:00Z")
        );
    }

    #[test]
    fn days_and_months_are_those_of_utc() {
        assert_eq!(at("1970-01-01T23:59:59.999Z").day(), 0);
        assert_eq!(at("2026-11-30T23:59:59.999Z").month(), 56 * 12 + 10);
        assert_eq!(at("2026-12-01T00:00:00Z").month(), 56 * 12 + 11);
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T10:00:00",
            "now",
            "2026-11-23T10:00:00Z[UTC]",
        ] {
            assert_eq!(Moment::parse(text), Err(MomentError::NotAMoment), "{text}");
        }
        assert_eq!(
            Moment::parse("1969-12-31T23:59:59Z"),
            Err(MomentError::OutOfRange)
        );
    }
}
