//! Time bands: the hours of the week, on the wall clock of a zone, in which a row is in force.

use std::fmt;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::domain::{MILLIS_PER_DAY, MILLIS_PER_MINUTE, Moment};

/// A set of weekdays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Days(u8);

const DAY_NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Days {
    /// Every day of the week.
    pub const ALL: Days = Days(0b111_1111);

    /// From `mon-fri`, `sat,sun`, `sat-mon` (over the week's end) or a mix; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut set = 0;
        for item in text.split(',') {
            let (first, last) = item.split_once('-').unwrap_or((item, item));
            let (mut day, last) = (day_of(first)?, day_of(last)?);
            set |= 1 << day;
            while day != last {
                day = (day + 1) % 7;
                set |= 1 << day;
            }
        }
        Some(Days(set))
    }

    /// True if the day is in the set; 0 is Monday.
    const fn has(self, day: i8) -> bool {
        self.0 >> day & 1 == 1
    }
}

fn day_of(name: &str) -> Option<usize> {
    let name = name.trim();
    DAY_NAMES
        .iter()
        .position(|day| day.eq_ignore_ascii_case(name))
}

impl fmt::Display for Days {
    /// The days in the order of the week, `mon-sun` for all of them; [`Days::parse`] reads it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Days::ALL {
            return f.write_str("mon-sun");
        }
        let mut separator = "";
        for (day, name) in (0..).zip(DAY_NAMES) {
            if self.has(day) {
                write!(f, "{separator}{name}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Days of the week and hours of the day, by the wall clock of a zone.
///
/// A band whose `from` is after its `to` runs over midnight and belongs to the day on which it began.
/// At a change to or from daylight-saving time the wall clock decides: an hour that is skipped is in
/// no band, an hour that comes twice is in its band both times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    days: Days,
    hours: Option<Hours>,
    zone: TimeZone,
}

/// From a minute of the day, inclusive, to another, exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Hours {
    from: u16,
    to: u16,
}

/// Why days, times and a zone are not a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BandError {
    /// `from` equals `to`.
    #[error("a band that ends when it begins; for whole days leave both times empty")]
    Empty,
    /// A minute beyond 23:59.
    #[error("not a time of day between 00:00 and 23:59")]
    NotATime,
}

impl Band {
    /// From days, minutes of the day (none: whole days) and a zone.
    ///
    /// # Errors
    /// [`BandError`].
    pub fn new(days: Days, hours: Option<(u16, u16)>, zone: TimeZone) -> Result<Self, BandError> {
        let hours = match hours {
            Some((from, to)) if from == to => return Err(BandError::Empty),
            Some((from, to)) if from.max(to) >= 24 * 60 => return Err(BandError::NotATime),
            Some((from, to)) => Some(Hours { from, to }),
            None => None,
        };
        Ok(Band { days, hours, zone })
    }

    /// The days on which it begins.
    #[must_use]
    pub const fn days(&self) -> Days {
        self.days
    }

    /// From and to, in minutes of the day; none where it takes whole days.
    #[must_use]
    pub fn hours(&self) -> Option<(u16, u16)> {
        self.hours.map(|hours| (hours.from, hours.to))
    }

    /// The IANA name of its zone.
    #[must_use]
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// True if the band holds at a moment.
    #[cfg(test)]
    pub(super) fn holds(&self, at: Moment) -> bool {
        self.standing(at).0
    }

    /// Whether the band holds at a moment, and until when (exclusive) that answer is certain: the next
    /// edge of its hours, the next midnight or the next change of the zone's offset.
    pub(super) fn standing(&self, at: Moment) -> (bool, Moment) {
        let stamp = at.timestamp();
        let local = self.zone.to_datetime(stamp);
        let since_midnight = i64::from(local.hour()) * 3_600_000
            + i64::from(local.minute()) * MILLIS_PER_MINUTE
            + i64::from(local.second()) * 1000
            + i64::from(local.subsec_nanosecond() / 1_000_000);
        let today = local.date().weekday();
        let (holds, edge) = match self.hours {
            None => (self.begins_on(today), MILLIS_PER_DAY),
            Some(hours) => self.within(hours, today, since_midnight),
        };
        let shift = self.zone.following(stamp).next();
        let shift = shift.map_or(Moment::LATEST, |shift| {
            Moment::from_millis(shift.timestamp().as_millisecond())
        });
        (holds, at.plus_millis(edge - since_midnight).min(shift))
    }

    /// Whether it holds that long after midnight, and the next edge after midnight.
    fn within(&self, hours: Hours, today: Weekday, since_midnight: i64) -> (bool, i64) {
        let from = i64::from(hours.from) * MILLIS_PER_MINUTE;
        let to = i64::from(hours.to) * MILLIS_PER_MINUTE;
        let over_midnight = from > to;
        let in_hours = if over_midnight {
            since_midnight < to || from <= since_midnight
        } else {
            from <= since_midnight && since_midnight < to
        };
        let began = if over_midnight && since_midnight < to {
            today.previous()
        } else {
            today
        };
        let edge = [from.min(to), from.max(to)]
            .into_iter()
            .find(|edge| since_midnight < *edge)
            .unwrap_or(MILLIS_PER_DAY);
        (in_hours && self.begins_on(began), edge)
    }

    fn begins_on(&self, day: Weekday) -> bool {
        self.days.has(day.to_monday_zero_offset())
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.days)?;
        if let Some(Hours { from, to }) = self.hours {
            let ((from_hour, from), (to_hour, to)) = ((from / 60, from % 60), (to / 60, to % 60));
            write!(f, " {from_hour:02}:{from:02}-{to_hour:02}:{to:02}")?;
        }
        write!(f, " {}", self.zone())
    }
}
