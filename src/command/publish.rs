//! `publish`: JSON lines to the events topic, each to the partition that its tenant belongs to.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::lines::{Lines, Numbered};
use super::reach::PATIENCE;
use super::run::wall_clock;
use super::{ConfigFile, Failure};
use crate::codec::{Partitioner, encode_event, parse_line, partition_of};
use crate::config::Config;
use crate::domain::{Body, Event, Moment, Symbol};
use crate::kafka::{Admin, Publisher};

/// Faults that are told before the rest is only counted.
const TOLD: usize = 20;

/// Publishes events: JSON lines to the events topic, keyed by tenant.
///
/// Each line is one event, such as
/// {"type": "CallMinuteTick", "event_id": "e-1", "tenant_id": "contoso",
///  "occurred_at": "2026-11-23T10:01:00Z", "call_id": "c-1", "minute": 1}.
/// Configuration of tenants and credit go in the same way. A file is looked through first: if any
/// line is at fault, every fault is told and nothing is published. Standard input is published as
/// it comes, up to the first line at fault.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// In which encoding the records go out.
    #[arg(long, value_enum, default_value_t = Encoding::Avro)]
    encoding: Encoding,
    /// Move all moments so that the file's last one is now: for trying out an old file, whose events
    /// would come too late.
    #[arg(long)]
    as_of_now: bool,
    /// The file of JSON lines; `-` is standard input.
    #[arg(default_value = "-")]
    file: PathBuf,
}

/// An encoding of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Encoding {
    /// As the lines are.
    Json,
    /// Avro single-object encoding.
    Avro,
}

impl Arguments {
    /// Carries it out.
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let from_file = self.file != Path::new("-");
        if self.as_of_now && (!from_file || self.encoding == Encoding::Json) {
            let what = "`--as-of-now` needs a file, and another encoding than JSON";
            return Err(Failure::Usage(what.to_owned()));
        }
        let mut shift = 0;
        let lines: Box<dyn BufRead> = if from_file {
            let last = look_through(open(&self.file)?, &self.file)?;
            if self.as_of_now {
                shift = wall_clock().millis() - last.millis();
            }
            Box::new(open(&self.file)?)
        } else {
            Box::new(io::stdin().lock())
        };
        let progress = progress_bar(&self.file);
        let sink = Sink::open(&config, self.encoding, shift)?;
        let sent = sink.publish(lines, &self.file, &progress)?;
        writeln!(
            io::stdout().lock(),
            "{sent} events published to `{}`",
            config.names.events
        )?;
        Ok(())
    }
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    File::open(path)
        .map(|file| BufReader::with_capacity(1 << 18, file))
        .map_err(|error| Failure::unreadable(path, &error))
}

/// Refuses a file with any line at fault; the latest moment in it.
fn look_through(input: impl BufRead, path: &Path) -> Result<Moment, Failure> {
    let mut last = Moment::EARLIEST;
    let mut told = Vec::new();
    let mut faults = 0_u64;
    for line in Lines::of(input) {
        let line = line.map_err(|error| Failure::unreadable(path, &error))?;
        match read_event(&line) {
            Ok((event, timestamp)) => last = last.max(timestamp).max(event.occurred_at),
            Err(fault) => {
                faults += 1;
                if told.len() < TOLD {
                    told.push(fault);
                }
            }
        }
    }
    if faults == 0 {
        return Ok(last);
    }
    let more = match faults.saturating_sub(u64::try_from(TOLD).expect("a small number")) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    Err(Failure::Input(format!(
        "`{}` is at fault, nothing was published:\n  {}{more}",
        path.display(),
        told.join("\n  ")
    )))
}

/// The event of a line with its timestamp, or what is wrong with which line.
fn read_event(line: &Numbered) -> Result<(Event<'static>, Moment), String> {
    let number = line.number;
    let text = line
        .text
        .as_ref()
        .map_err(|what| format!("line {number} {what}"))?;
    let parsed = parse_line(text);
    let event = parsed.event.map_err(|rejected| {
        format!(
            "line {number}: {}: {}",
            rejected.reason.symbol(),
            rejected.message
        )
    })?;
    let timestamp = parsed.timestamp.unwrap_or(event.occurred_at);
    Ok((event, timestamp))
}

/// The same event so many milliseconds later.
fn later(mut event: Event<'static>, millis: i64) -> Event<'static> {
    event.occurred_at = event.occurred_at.plus_millis(millis);
    match &mut event.body {
        Body::CallStarted(started) => started.answered_at = started.answered_at.plus_millis(millis),
        Body::CreditGranted(granted) => {
            granted.expires_at = granted.expires_at.map(|at| at.plus_millis(millis));
        }
        _ => {}
    }
    event
}

/// Shown on a terminal only, and only where there is something to wait for.
fn progress_bar(path: &Path) -> ProgressBar {
    const LONG: u64 = 4 << 20;
    let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if length < LONG {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent}% {bytes_per_sec} {eta} {msg}")
        .expect("the template is well formed");
    ProgressBar::new(length).with_style(style)
}

struct Sink {
    publisher: Publisher,
    partitioner: Partitioner,
    partitions: i32,
    encoding: Encoding,
    /// Milliseconds by which events are moved.
    shift: i64,
}

impl Sink {
    fn open(config: &Config, encoding: Encoding, shift: i64) -> Result<Self, Failure> {
        let topic = &config.names.events;
        let found = Admin::new(&config.kafka, PATIENCE)?
            .find(topic)?
            .ok_or_else(|| crate::kafka::Error::TopicMissing {
                topic: topic.clone(),
            })?;
        if found.partitions != config.topics.partitions {
            return Err(Failure::World(format!(
                "topic `{topic}` has {} partitions, the configuration says {}: tenants would be \
                 misrouted; `tollkeeper topics check` says more",
                found.partitions, config.topics.partitions
            )));
        }
        Ok(Sink {
            publisher: Publisher::new(&config.kafka, topic)?,
            partitioner: config.partitioner,
            partitions: found.partitions,
            encoding,
            shift,
        })
    }

    /// Publishes every line and waits until all have arrived; how many they were.
    fn publish(
        self,
        input: impl BufRead,
        path: &Path,
        progress: &ProgressBar,
    ) -> Result<u64, Failure> {
        let mut sent = 0;
        let mut fault = None;
        let mut payload = Vec::new();
        for line in Lines::of(input) {
            let line = line.map_err(|error| Failure::unreadable(path, &error))?;
            match read_event(&line) {
                Ok((event, timestamp)) => {
                    let event = later(event, self.shift);
                    let timestamp = timestamp.plus_millis(self.shift);
                    payload.clear();
                    self.encode(&line, &event, &mut payload);
                    self.send(&event, &payload, timestamp)?;
                    sent += 1;
                }
                Err(what) => {
                    fault = Some(what);
                    break;
                }
            }
            progress.inc(line.bytes);
        }
        self.publisher.finish(sent, PATIENCE, |arrived| {
            progress.set_message(format!("{arrived} of {sent} have arrived"));
        })?;
        progress.finish_and_clear();
        match fault {
            None => Ok(sent),
            Some(what) => Err(Failure::Input(format!(
                "{what} (the {sent} events before it are published)"
            ))),
        }
    }

    fn encode(&self, line: &Numbered, event: &Event<'_>, payload: &mut Vec<u8>) {
        match (self.encoding, &line.text) {
            (Encoding::Json, Ok(text)) => payload.extend_from_slice(text.trim().as_bytes()),
            _ => encode_event(event, payload),
        }
    }

    fn send(&self, event: &Event<'_>, payload: &[u8], at: Moment) -> Result<(), Failure> {
        let key = event.tenant_id.as_bytes();
        let partition = partition_of(self.partitioner, key, self.partitions);
        Ok(self.publisher.send(partition, key, payload, at.millis())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_moved_with_all_its_moments() {
        let line = r#"{"type": "CallStarted", "event_id": "e", "tenant_id": "acme",
            "occurred_at": "2026-11-23T10:00:01Z", "answered_at": "2026-11-23T10:00:00Z",
            "call_id": "c", "leg": "DIAL_OUT", "remote_number": "+4930123456", "organizer_id": "anna",
            "organizer_country": "DE", "license": "PAY_PER_MINUTE"}"#;
        let event = parse_line(line).event.expect("an event");
        let event = later(event, 60_000);
        assert_eq!(event.occurred_at.to_string(), "2026-11-23T10:01:01.000Z");
        let Body::CallStarted(started) = event.body else {
            panic!("a start stays a start");
        };
        assert_eq!(started.answered_at.to_string(), "2026-11-23T10:01:00.000Z");
    }
}
