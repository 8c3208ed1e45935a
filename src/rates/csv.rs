//! The CSV of a rate card: read with every fault named, written in one canonical form.

use std::collections::BTreeMap;
use std::fmt;

use csv::{ByteRecord, ReaderBuilder, Trim};

use crate::domain::{LegKind, Moment, Symbol};

use super::cell;
use super::{Band, RateRow};

/// The largest CSV of a card, in bytes, as it is read and as it is published.
pub const MAX_CSV_BYTES: usize = 64 * 1024 * 1024;
/// The most rows of a card.
pub const MAX_ROWS: usize = 1_000_000;
/// After so many faults the rest of a file is not looked at.
pub const MAX_FAULTS: usize = 10_000;

/// The columns, in the order in which they are written; a file may have them in any.
pub const COLUMNS: [&str; 16] = [
    "kind",
    "prefix",
    "destination",
    "country",
    "rate_per_minute",
    "connection_fee",
    "initial_s",
    "increment_s",
    "effective_from",
    "effective_to",
    "days",
    "time_from",
    "time_to",
    "zone",
    "barred",
    "premium",
];

/// One thing that is wrong with a CSV.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvFault {
    /// From 1, the header's.
    pub line: u64,
    /// Where it concerns one column: its place in the file, from 1, and its name.
    pub column: Option<(usize, String)>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for CsvFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some((number, name)) = &self.column {
            write!(f, ", column {number} ({name})")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Reads a card's rows, in the order of the file.
///
/// # Errors
/// Every fault of the file in the order of its lines, up to [`MAX_FAULTS`]; never an empty list.
pub fn parse_csv(bytes: &[u8]) -> Result<Vec<RateRow>, Vec<CsvFault>> {
    if bytes.len() > MAX_CSV_BYTES {
        let mebibytes = MAX_CSV_BYTES / (1024 * 1024);
        let what = format!("the file is larger than {mebibytes} MiB");
        return Err(vec![whole_line(1, what)]);
    }
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(bytes);
    let mut record = ByteRecord::new();
    if !next(&mut reader, &mut record)? {
        return Err(vec![whole_line(1, "the file is empty")]);
    }
    let header = Header::read(&record)?;
    let mut reading = Reading::default();
    while next(&mut reader, &mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        if reading.is_over(line) {
            break;
        }
        reading.take(&header, &record, line);
    }
    reading.finish()
}

fn next(reader: &mut csv::Reader<&[u8]>, record: &mut ByteRecord) -> Result<bool, Vec<CsvFault>> {
    reader.read_byte_record(record).map_err(|error| {
        let line = error.position().map_or(0, csv::Position::line);
        vec![whole_line(line, error.to_string())]
    })
}

fn whole_line(line: u64, what: impl Into<String>) -> CsvFault {
    CsvFault {
        line,
        column: None,
        what: what.into(),
    }
}

/// Where each of [`COLUMNS`] is in the file.
struct Header {
    places: [usize; COLUMNS.len()],
}

impl Header {
    fn read(record: &ByteRecord) -> Result<Self, Vec<CsvFault>> {
        let mut found = [None; COLUMNS.len()];
        let mut faults = Vec::new();
        for (place, name) in record.iter().enumerate() {
            let name = String::from_utf8_lossy(name);
            let known = COLUMNS.iter().position(|column| *column == name);
            let what = match known {
                Some(known) if found[known].is_none() => {
                    found[known] = Some(place);
                    continue;
                }
                Some(_) => "the column is there twice",
                None => "there is no such column",
            };
            faults.push(CsvFault {
                line: 1,
                column: Some((place + 1, cell::shortened(&name))),
                what: what.to_owned(),
            });
        }
        let missing = COLUMNS
            .iter()
            .zip(found)
            .filter(|(_, place)| place.is_none());
        faults.extend(
            missing.map(|(name, _)| whole_line(1, format!("the column `{name}` is missing"))),
        );
        if faults.is_empty() {
            let places = found.map(|place| place.expect("every column was found"));
            return Ok(Header { places });
        }
        Err(faults)
    }
}

/// What makes two rows claim the same: kind, prefix, effective_from and band.
type Claim = (LegKind, String, Moment, Option<String>);

/// The rows and faults so far.
#[derive(Default)]
struct Reading {
    rows: Vec<RateRow>,
    faults: Vec<CsvFault>,
    claims: BTreeMap<Claim, u64>,
}

impl Reading {
    /// True, with a fault that says so, where nothing more is read.
    fn is_over(&mut self, line: u64) -> bool {
        let what = if self.faults.len() >= MAX_FAULTS {
            format!("after {MAX_FAULTS} faults the rest is not checked")
        } else if self.rows.len() >= MAX_ROWS {
            format!("more than {MAX_ROWS} rows")
        } else {
            return false;
        };
        self.faults.push(whole_line(line, what));
        true
    }

    fn take(&mut self, header: &Header, record: &ByteRecord, line: u64) {
        if record.len() != COLUMNS.len() {
            let (found, wanted) = (record.len(), COLUMNS.len());
            let what = format!("{found} fields where there are {wanted} columns");
            self.faults.push(whole_line(line, what));
            return;
        }
        let mut cells = Cells {
            header,
            record,
            line,
            faults: &mut self.faults,
        };
        let Some(row) = cells.row() else { return };
        let claim = (
            row.kind,
            row.prefix.to_string(),
            row.effective_from,
            row.band.as_ref().map(band_text),
        );
        if let Some(before) = self.claims.get(&claim) {
            let what = format!(
                "the same kind, prefix, effective_from and band as the row of line {before}"
            );
            cells.fault(PREFIX, what);
        } else {
            self.claims.insert(claim, line);
            self.rows.push(row);
        }
    }

    fn finish(mut self) -> Result<Vec<RateRow>, Vec<CsvFault>> {
        if self.rows.is_empty() && self.faults.is_empty() {
            self.faults.push(whole_line(1, "the card has no rows"));
        }
        if self.faults.is_empty() {
            Ok(self.rows)
        } else {
            Err(self.faults)
        }
    }
}

fn band_text(band: &Band) -> String {
    format!("{} {:?} {}", band.days(), band.hours(), band.zone())
}

// Places in COLUMNS.
const KIND: usize = 0;
const PREFIX: usize = 1;
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
struct Cells<'a> {
    header: &'a Header,
    record: &'a ByteRecord,
    line: u64,
    faults: &'a mut Vec<CsvFault>,
}

impl Cells<'_> {
    fn fault(&mut self, column: usize, what: impl Into<String>) {
        self.faults.push(CsvFault {
            line: self.line,
            column: Some((self.header.places[column] + 1, COLUMNS[column].to_owned())),
            what: what.into(),
        });
    }

    /// What a cell says, `None` inside if it is empty; `None` outside, with a fault, if it is wrong.
    fn optional<T>(
        &mut self,
        column: usize,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        let record = self.record;
        let bytes = &record[self.header.places[column]];
        let value = match std::str::from_utf8(bytes) {
            Ok("") => return Some(None),
            Ok(text) => read(text),
            Err(_) => Err("not UTF-8".to_owned()),
        };
        match value {
            Ok(value) => Some(Some(value)),
            Err(what) => {
                self.fault(column, what);
                None
            }
        }
    }

    fn or_default<T>(
        &mut self,
        column: usize,
        default: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.optional(column, read)?;
        Some(value.unwrap_or(default))
    }

    fn required<T>(
        &mut self,
        column: usize,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.optional(column, read)?;
        if value.is_none() {
            self.fault(column, "must not be empty");
        }
        value
    }

    /// The row, or `None` with every fault of the line noted: so nothing returns before all is read.
    fn row(&mut self) -> Option<RateRow> {
        let kind = self.required(KIND, cell::kind);
        let prefix = self.required(PREFIX, cell::prefix);
        let destination = self.optional(DESTINATION, cell::destination);
        let country = self.optional(COUNTRY, cell::country);
        let rate_per_minute = self.optional(RATE_PER_MINUTE, cell::price);
        let connection_fee =
            self.or_default(CONNECTION_FEE, crate::domain::Money::ZERO, cell::price);
        let initial_s = self.or_default(INITIAL_S, 60, |text| cell::seconds(text, 3600));
        let increment_s = self.or_default(INCREMENT_S, 60, |text| cell::seconds(text, 60));
        let effective_from = self.or_default(EFFECTIVE_FROM, Moment::EARLIEST, cell::moment);
        let effective_to = self.optional(EFFECTIVE_TO, cell::moment);
        let band = self.band();
        let barred = self.or_default(BARRED, false, cell::flag);
        let premium = self.or_default(PREMIUM, false, cell::flag);
        let no_rate = rate_per_minute == Some(None) && barred == Some(false);
        if no_rate {
            self.fault(
                RATE_PER_MINUTE,
                "must not be empty unless the row is barred",
            );
        }
        let no_time = effective_from
            .zip(effective_to.flatten())
            .is_some_and(|(from, to)| to <= from);
        if no_time {
            self.fault(EFFECTIVE_TO, "not after effective_from");
        }
        if no_rate || no_time {
            return None;
        }
        Some(RateRow {
            kind: kind?,
            prefix: prefix?,
            destination: destination?,
            country: country?,
            rate_per_minute: rate_per_minute?.unwrap_or_default(),
            connection_fee: connection_fee?,
            initial_s: initial_s?,
            increment_s: increment_s?,
            effective_from: effective_from?,
            effective_to: effective_to?,
            band: band?,
            barred: barred?,
            premium: premium?,
        })
    }

    /// A zone alone is no band: exports name one on every row.
    fn band(&mut self) -> Option<Option<Band>> {
        let days = self.optional(DAYS, cell::days);
        let from = self.optional(TIME_FROM, cell::time_of_day);
        let to = self.optional(TIME_TO, cell::time_of_day);
        let zone = self.or_default(ZONE, jiff::tz::TimeZone::UTC, cell::zone);
        let (days, from, to, zone) = (days?, from?, to?, zone?);
        let hours = match (from, to) {
            (Some(from), Some(to)) => Some((from, to)),
            (None, None) if days.is_none() => return Some(None),
            (None, None) => None,
            (Some(_), None) => {
                self.fault(TIME_TO, "must not be empty where time_from is given");
                return None;
            }
            (None, Some(_)) => {
                self.fault(TIME_FROM, "must not be empty where time_to is given");
                return None;
            }
        };
        match Band::new(days.unwrap_or(super::Days::ALL), hours, zone) {
            Ok(band) => Some(Some(band)),
            Err(error) => {
                self.fault(TIME_TO, error.to_string());
                None
            }
        }
    }
}

/// Writes rows in their order, in the one form whose hash a published version carries.
/// [`parse_csv`] reads the same rows back.
#[must_use]
pub fn canonical_csv(rows: &[RateRow]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = "writing to memory never fails";
    writer.write_record(COLUMNS).expect(written);
    for row in rows {
        writer.write_record(cells_of(row)).expect(written);
    }
    let bytes = writer.into_inner().expect(written);
    String::from_utf8(bytes).expect("what was written from texts is UTF-8")
}

fn cells_of(row: &RateRow) -> [String; COLUMNS.len()] {
    let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let flag = |set: bool| if set { "true" } else { "" }.to_owned();
    let band = row.band.as_ref();
    let hours = band.and_then(Band::hours);
    let since = Some(row.effective_from).filter(|from| *from != Moment::EARLIEST);
    [
        row.kind.symbol().to_owned(),
        row.prefix.to_string(),
        row.destination.as_deref().unwrap_or_default().to_owned(),
        text_of(row.country),
        row.rate_per_minute.to_string(),
        row.connection_fee.to_string(),
        row.initial_s.to_string(),
        row.increment_s.to_string(),
        text_of(since),
        text_of(row.effective_to),
        text_of(band.map(Band::days)),
        hours.map_or_else(String::new, |(from, _)| time(from)),
        hours.map_or_else(String::new, |(_, to)| time(to)),
        text_of(band.map(Band::zone)),
        flag(row.barred),
        flag(row.premium),
    ]
}

fn text_of(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
