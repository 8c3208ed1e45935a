//! `consume`: any of our topics as JSON lines, committed records only.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::reach::{PATIENCE, schemas};
use super::run::stop_on_signals;
use super::show::Show;
use super::{ConfigFile, Failure};
use crate::config::Config;
use crate::kafka::{
    BorrowedMessage, Error, Isolation, Message as _, Read, Start, TopicNames, TopicReader,
};

/// How often what has been printed is made visible while following.
const LOOK: Duration = Duration::from_millis(200);

/// Prints the records of one of the topics as JSON lines.
///
/// Events come in the form that `publish` takes, records that go out in the form that `simulate`
/// prints, rejected ones with the reason and where they stood. Only what is committed is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// events, rate_cards, rated_usage, balance_notices, call_control, rejected or balances; or the
    /// topic's name in Kafka.
    topic: String,
    /// Go on with what comes until SIGINT or SIGTERM, exit code 0; else stop at the end.
    #[arg(long)]
    follow: bool,
    /// Where to begin: `beginning`, `end`, or an offset (of each partition).
    #[arg(
        long,
        default_value = "beginning",
        value_parser = parse_start,
        allow_hyphen_values = true
    )]
    from: Start,
    /// Only this partition.
    #[arg(long, value_name = "NUMBER")]
    partition: Option<i32>,
    /// Add where each record stands and what it carries, as `kafka`: partition, offset, timestamp,
    /// key and headers.
    #[arg(long)]
    envelope: bool,
}

fn parse_start(text: &str) -> Result<Start, String> {
    match text {
        "beginning" => Ok(Start::Beginning),
        "end" => Ok(Start::End),
        offset => match offset.parse() {
            Ok(offset) if offset >= 0 => Ok(Start::Offset(offset)),
            _ => Err("not `beginning`, `end` or an offset from 0".to_owned()),
        },
    }
}

impl Arguments {
    /// Carries it out.
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let (key, topic) = which(&config.names, &self.topic)?;
        let mut reader = open(&config, key, topic)?;
        let partitions = self.partitions(&reader)?;
        let starts: Vec<_> = partitions.iter().map(|p| (*p, self.from)).collect();
        reader.assign(&starts)?;
        let show = Show::new(key, self.envelope, schemas(&config)?);
        let mut out = BufWriter::new(io::stdout().lock());
        if self.follow {
            follow(&reader, &mut |message| print(&show, message, &mut out))
        } else {
            read(&reader, partitions, &mut |message| {
                print(&show, message, &mut out)
            })
        }?;
        Ok(out.flush()?)
    }

    fn partitions(&self, reader: &TopicReader) -> Result<BTreeSet<i32>, Failure> {
        let count = reader.partitions(PATIENCE)?;
        match self.partition {
            None => Ok((0..count).collect()),
            Some(partition) if (0..count).contains(&partition) => Ok([partition].into()),
            Some(partition) => Err(Failure::Usage(format!(
                "topic `{}` has partitions 0 to {}, no {partition}",
                reader.topic(),
                count - 1
            ))),
        }
    }
}

/// `topics create`, which helps elsewhere, makes no topic of balances where they are not published.
fn open(config: &Config, key: &str, topic: &str) -> Result<TopicReader, Failure> {
    let opened = TopicReader::open(&config.kafka, topic, Isolation::Committed, None, PATIENCE);
    match opened {
        Err(Error::TopicMissing { .. }) if key == "balances" && !config.topics.balances => {
            Err(Failure::World(format!(
                "topic `{topic}` does not exist; balances are published where `balances.publish` is on"
            )))
        }
        opened => Ok(opened?),
    }
}

/// The configuration key and the name in Kafka of what was asked for.
fn which<'a>(topics: &'a TopicNames, asked: &'a str) -> Result<(&'static str, &'a str), Failure> {
    let all: [(&str, &String); 7] = [
        ("events", &topics.events),
        ("rate_cards", &topics.rate_cards),
        ("rated_usage", &topics.rated_usage),
        ("balance_notices", &topics.balance_notices),
        ("call_control", &topics.call_control),
        ("rejected", &topics.rejected),
        ("balances", &topics.balances),
    ];
    if asked == "state" || asked == topics.state {
        return Err(Failure::Usage(
            "the journal is no topic of records; `tollkeeper journal inspect` shows it".to_owned(),
        ));
    }
    all.into_iter()
        .find(|(key, name)| *key == asked || *name == asked)
        .map(|(key, name)| (key, name.as_str()))
        .ok_or_else(|| {
            let keys: Vec<_> = all.iter().map(|(key, _)| *key).collect();
            Failure::Usage(format!(
                "`{asked}` is none of our topics: {}",
                keys.join(", ")
            ))
        })
}

type Print<'a> = &'a mut dyn FnMut(Option<&BorrowedMessage<'_>>) -> Result<(), Failure>;

/// One record, or with none what has been printed so far made visible.
fn print(
    show: &Show,
    message: Option<&BorrowedMessage<'_>>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    match message {
        Some(message) => writeln!(out, "{}", show.line(message))?,
        None => out.flush()?,
    }
    Ok(())
}

/// Prints up to where each partition ends now.
fn read(reader: &TopicReader, mut unread: BTreeSet<i32>, print: Print<'_>) -> Result<(), Failure> {
    let mut heard = Instant::now();
    while !unread.is_empty() {
        match reader.next(LOOK)? {
            Read::Record(message) => {
                heard = Instant::now();
                if unread.contains(&message.partition()) {
                    print(Some(&message))?;
                }
            }
            Read::End(partition) => {
                unread.remove(&partition);
            }
            Read::Nothing if heard.elapsed() > PATIENCE => {
                return Err(Failure::from(Error::TimedOut {
                    doing: format!("reading `{}`", reader.topic()),
                    seconds: PATIENCE.as_secs(),
                }));
            }
            Read::Nothing => {}
        }
    }
    Ok(())
}

/// Prints what is there and what comes, until a signal comes between two records.
fn follow(reader: &TopicReader, print: Print<'_>) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop)?;
    while !stop.load(Ordering::Relaxed) {
        match reader.next(LOOK)? {
            Read::Record(message) => print(Some(&message))?,
            Read::Nothing | Read::End(_) => print(None)?,
        }
    }
    Ok(())
}
