//! The CSV of a rate card: read with every fault named, written in one canonical form.

use std::collections::BTreeMap;
use std::fmt;

use csv::{ByteRecord, ReaderBuilder, Trim};

use crate::domain::{LegKind, Moment, Symbol};

use super::line::{Cells, PREFIX};
use super::{Band, RateRow, cell};

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
/// Every fault of the file in the order of its lines and columns, up to `MAX_FAULTS`; never an empty list.
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
pub(super) struct Header {
    pub(super) places: [usize; COLUMNS.len()],
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

/// What makes two rows claim the same: kind, prefix, `effective_from` and band.
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
        let Ok(row) = cells.row() else { return };
        let claim = (
            row.kind,
            row.prefix.to_string(),
            row.effective_from,
            row.band.as_ref().map(ToString::to_string),
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
            return Ok(self.rows);
        }
        let place = |fault: &CsvFault| fault.column.as_ref().map(|(number, _)| *number);
        self.faults.sort_by_key(|fault| (fault.line, place(fault)));
        Err(self.faults)
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
