//! One line of a rate card's CSV: its cells to a row, every fault noted.

use csv::ByteRecord;
use jiff::tz::TimeZone;

use crate::domain::{Moment, Money};

use super::csv::{COLUMNS, CsvFault, Header};
use super::{Band, Days, RateRow, cell};

// Places in COLUMNS.
const KIND: usize = 0;
pub(super) const PREFIX: usize = 1;
const DESTINATION: usize = 2;
const COUNTRY: usize = 3;
const RATE_PER_MINUTE: usize = 4;
const CONNECTION_FEE: usize = 5;
const INITIAL_S: usize = 6;
const INCREMENT_S: usize = 7;
const EFFECTIVE_FROM: usize = 8;
const EFFECTIVE_TO: usize = 9;
const DAYS: usize = 10;
const TIME_FROM: usize = 11;
const TIME_TO: usize = 12;
const ZONE: usize = 13;
const BARRED: usize = 14;
const PREMIUM: usize = 15;

/// The cells of one line, and where what is wrong with them is noted.
pub(super) struct Cells<'a> {
    pub(super) header: &'a Header,
    pub(super) record: &'a ByteRecord,
    pub(super) line: u64,
    pub(super) faults: &'a mut Vec<CsvFault>,
}

/// A cell is wrong, and its fault is noted.
pub(super) struct Noted;

impl Cells<'_> {
    pub(super) fn fault(&mut self, column: usize, what: impl Into<String>) -> Noted {
        self.faults.push(CsvFault {
            line: self.line,
            column: Some((self.header.places[column] + 1, COLUMNS[column].to_owned())),
            what: what.into(),
        });
        Noted
    }

    /// What a cell says; `None` if it is empty.
    fn optional<T>(
        &mut self,
        column: usize,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Noted> {
        let bytes = &self.record[self.header.places[column]];
        let value = match std::str::from_utf8(bytes) {
            Ok("") => return Ok(None),
            Ok(text) => read(text),
            Err(_) => Err("not UTF-8".to_owned()),
        };
        value.map(Some).map_err(|what| self.fault(column, what))
    }

    fn or_default<T>(
        &mut self,
        column: usize,
        default: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Noted> {
        Ok(self.optional(column, read)?.unwrap_or(default))
    }

    fn required<T>(
        &mut self,
        column: usize,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Noted> {
        let value = self.optional(column, read)?;
        value.ok_or_else(|| self.fault(column, "must not be empty"))
    }

    /// The row. Nothing returns before every cell is read, so that every fault of the line is noted.
    pub(super) fn row(&mut self) -> Result<RateRow, Noted> {
        let kind = self.required(KIND, cell::kind);
        let prefix = self.required(PREFIX, cell::prefix);
        let destination = self.optional(DESTINATION, cell::destination);
        let country = self.optional(COUNTRY, cell::country);
        let barred = self.or_default(BARRED, false, cell::flag);
        let rate_per_minute = self.rate(matches!(barred, Ok(false)));
        let connection_fee = self.or_default(CONNECTION_FEE, Money::ZERO, cell::price);
        let initial_s = self.or_default(INITIAL_S, 60, |text| cell::seconds(text, 3600));
        let increment_s = self.or_default(INCREMENT_S, 60, |text| cell::seconds(text, 60));
        let effective = self.effective();
        let band = self.band();
        let premium = self.or_default(PREMIUM, false, cell::flag);
        let (effective_from, effective_to) = effective?;
        Ok(RateRow {
            kind: kind?,
            prefix: prefix?,
            destination: destination?,
            country: country?,
            rate_per_minute: rate_per_minute?,
            connection_fee: connection_fee?,
            initial_s: initial_s?,
            increment_s: increment_s?,
            effective_from,
            effective_to,
            band: band?,
            barred: barred?,
            premium: premium?,
        })
    }

    /// A row that is barred needs no rate.
    fn rate(&mut self, needed: bool) -> Result<Money, Noted> {
        match self.optional(RATE_PER_MINUTE, cell::price)? {
            Some(rate) => Ok(rate),
            None if needed => Err(self.fault(
                RATE_PER_MINUTE,
                "must not be empty unless the row is barred",
            )),
            None => Ok(Money::ZERO),
        }
    }

    fn effective(&mut self) -> Result<(Moment, Option<Moment>), Noted> {
        let from = self.or_default(EFFECTIVE_FROM, Moment::EARLIEST, cell::moment);
        let to = self.optional(EFFECTIVE_TO, cell::moment);
        let (from, to) = (from?, to?);
        if to.is_some_and(|to| to <= from) {
            return Err(self.fault(EFFECTIVE_TO, "not after effective_from"));
        }
        Ok((from, to))
    }

    /// A zone alone is no band: exports name one on every row.
    fn band(&mut self) -> Result<Option<Band>, Noted> {
        let days = self.optional(DAYS, cell::days);
        let from = self.optional(TIME_FROM, cell::time_of_day);
        let to = self.optional(TIME_TO, cell::time_of_day);
        let zone = self.or_default(ZONE, TimeZone::UTC, cell::zone);
        let (days, from, to, zone) = (days?, from?, to?, zone?);
        let hours = match (from, to) {
            (Some(from), Some(to)) => Some((from, to)),
            (None, None) if days.is_none() => return Ok(None),
            (None, None) => None,
            (Some(_), None) => {
                return Err(self.fault(TIME_TO, "must not be empty where time_from is given"));
            }
            (None, Some(_)) => {
                return Err(self.fault(TIME_FROM, "must not be empty where time_to is given"));
            }
        };
        let band = Band::new(days.unwrap_or(Days::ALL), hours, zone);
        band.map(Some)
            .map_err(|error| self.fault(TIME_TO, error.to_string()))
    }
}
