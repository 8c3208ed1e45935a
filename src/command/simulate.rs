//! `simulate`: events of a file through the very core that runs on Kafka, as one partition.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::Failure;
use crate::charging::{Facts, Partition, RawRef, Settings};
use crate::codec::{parse_line, record_to_json};
use crate::domain::{Currency, Moment, Record, Rejected, RejectedRecord, Symbol};
use crate::rates::{RateCard, RateCards, parse_csv};

/// Put a file of events through the charging core and print what would be published.
///
/// Needs no Kafka. The lines are taken in the order of the file as one partition; the same input gives
/// the same bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
EVENTS.jsonl holds one event a line; `at` is its Kafka timestamp, by default occurred_at:

  {\"type\":\"CallMinuteTick\",\"event_id\":\"e7\",\"tenant_id\":\"acme\",\"call_id\":\"c1\",\"minute\":1,\
\"occurred_at\":\"2026-11-23T10:01:00.000Z\"}

Examples:
  tollkeeper simulate --rates standard.csv events.jsonl
  tollkeeper simulate --rates old.csv --rates new.csv@2026-12-01T00:00:00Z --card standard events.jsonl
  tollkeeper simulate --rates standard.csv --until 2026-11-24T00:00:00Z events.jsonl | jq .amount")]
pub(super) struct Arguments {
    /// Rate card; each further one is the next version, published at its moment.
    #[arg(long, value_name = "CARD.csv[@MOMENT]", required = true)]
    rates: Vec<String>,
    /// The card's id; by default the name of the first file, without its ending.
    #[arg(long, value_name = "ID")]
    card: Option<String>,
    /// The card's currency; by default whatever the wallet has.
    #[arg(long, value_name = "CUR", value_parser = currency)]
    currency: Option<Currency>,
    /// Let time run on to this moment after the last line, so that timers fire.
    #[arg(long, value_name = "MOMENT", value_parser = Moment::parse)]
    until: Option<Moment>,
    /// Print the balance of each tenant that a line touched, too.
    #[arg(long)]
    balances: bool,
    /// The events.
    #[arg(value_name = "EVENTS.jsonl")]
    events: PathBuf,
}

/// The input topic that the printed records name as their source.
const SOURCE_TOPIC: &str = "tollkeeper.events";
/// Timers that fire before what they led to is printed: one, so that rejections keep their place.
const TIMERS_AT_ONCE: usize = 1;

fn currency(text: &str) -> Result<Currency, &'static str> {
    Currency::parse(text).ok_or("not three capital letters")
}

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let cards = self.cards()?;
        let file =
            File::open(&self.events).map_err(|error| Failure::unreadable(&self.events, &error))?;
        let output = BufWriter::new(io::stdout().lock());
        let mut simulation = Simulation {
            partition: Partition::new(0, Settings::default()),
            cards,
            facts: Facts::default(),
            balances: self.balances,
            output,
        };
        for (offset, line) in (0..).zip(BufReader::new(file).split(b'\n')) {
            let line = line.map_err(|error| Failure::unreadable(&self.events, &error))?;
            simulation.take(offset, &line)?;
        }
        if let Some(until) = self.until {
            simulation.advance(until)?;
            simulation.print_balances()?;
        }
        simulation.output.flush()?;
        Ok(())
    }

    fn cards(&self) -> Result<RateCards, Failure> {
        let mut cards = RateCards::default();
        let mut before = Moment::EARLIEST;
        let mut id: Option<Arc<str>> = self.card.as_deref().map(Arc::from);
        for (version, rates) in (1..).zip(&self.rates) {
            let (path, published_at) = path_and_moment(rates);
            let published_at = match published_at {
                Some(at) if at >= before => at,
                None if version == 1 => Moment::EARLIEST,
                None => {
                    let what =
                        "a second `--rates` needs the moment of its publication: FILE@MOMENT";
                    return Err(Failure::Usage(format!("`{rates}`: {what}")));
                }
                Some(_) => {
                    let what = "published before the version that it replaces";
                    return Err(Failure::Usage(format!("`{rates}`: {what}")));
                }
            };
            before = published_at;
            let bytes = std::fs::read(path).map_err(|error| Failure::unreadable(path, &error))?;
            let rows = parse_csv(&bytes).map_err(|faults| {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                Failure::Input(format!("{}:\n  {}", path.display(), faults.join("\n  ")))
            })?;
            let id = id.get_or_insert_with(|| {
                let stem = path.file_stem().unwrap_or(OsStr::new("card"));
                Arc::from(stem.to_string_lossy().as_ref())
            });
            let card = RateCard::new(Arc::clone(id), version, self.currency, rows);
            cards.publish(Arc::new(card), published_at);
        }
        Ok(cards)
    }
}

/// `next.csv@2026-12-01T00:00:00Z` → the path and the moment.
fn path_and_moment(text: &str) -> (&Path, Option<Moment>) {
    match text.rsplit_once('@') {
        Some((path, moment)) if Moment::parse(moment).is_ok() => {
            (Path::new(path), Moment::parse(moment).ok())
        }
        _ => (Path::new(text), None),
    }
}

struct Simulation<W> {
    partition: Partition,
    cards: RateCards,
    facts: Facts,
    balances: bool,
    output: W,
}

impl<W: Write> Simulation<W> {
    /// One line of the file; an empty one is passed over.
    fn take(&mut self, offset: i64, line: &[u8]) -> io::Result<()> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        // What is not UTF-8 is no JSON either; the decoder says so.
        let parsed = parse_line(&String::from_utf8_lossy(line));
        let timestamp = parsed.timestamp.unwrap_or_else(|| self.partition.time());
        self.advance(timestamp)?;
        let tenant = parsed
            .event
            .as_ref()
            .ok()
            .map(|event| event.tenant_id.as_bytes().to_vec());
        let raw = RawRef {
            offset,
            timestamp,
            key: tenant.as_deref(),
            payload: Some(line),
            headers: &[],
        };
        self.partition
            .apply(raw, parsed.event, &self.cards, &mut self.facts);
        self.print(offset)?;
        self.print_balances()
    }

    fn print_balances(&mut self) -> io::Result<()> {
        if self.balances {
            for balance in self.partition.changed_balances() {
                let record = Record::TenantBalance(Box::new(balance));
                writeln!(self.output, "{}", record_to_json(&record, SOURCE_TOPIC))?;
            }
        }
        // There is no journal to tell.
        self.partition.take_changes();
        Ok(())
    }

    /// Lets partition time go on, and timers fire.
    fn advance(&mut self, to: Moment) -> io::Result<()> {
        loop {
            let (cards, facts) = (&self.cards, &mut self.facts);
            let done = self.partition.advance(to, cards, TIMERS_AT_ONCE, facts);
            self.print(self.partition.next_offset())?;
            if done {
                return Ok(());
            }
        }
    }

    fn print(&mut self, offset: i64) -> io::Result<()> {
        for record in self.facts.records.drain(..) {
            writeln!(self.output, "{}", record_to_json(&record, SOURCE_TOPIC))?;
        }
        for rejected in self.facts.rejected.drain(..) {
            writeln!(self.output, "{}", rejection(&rejected, offset))?;
        }
        Ok(())
    }
}

fn rejection(rejected: &Rejected, offset: i64) -> serde_json::Value {
    let line = match &rejected.record {
        RejectedRecord::Current => offset,
        RejectedRecord::Parked(raw) => raw.offset,
    };
    json!({
        "topic": "rejected",
        "reason": rejected.reason.symbol(),
        "stage": rejected.reason.stage().symbol(),
        "message": rejected.message,
        "line": line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_of_a_version_stands_behind_the_last_at() {
        let moment = Moment::parse("2026-12-01T00:00:00Z").expect("a moment");
        for (text, expected) in [
            ("a.csv", ("a.csv", None)),
            ("a@b.csv", ("a@b.csv", None)),
            ("a@b.csv@2026-12-01T00:00:00Z", ("a@b.csv", Some(moment))),
        ] {
            let (path, at) = path_and_moment(text);
            assert_eq!(
                (path.to_str(), at),
                (Some(expected.0), expected.1),
                "{text}"
            );
        }
    }
}
