//! `rates publish`: a card's CSV as its next version, in one transaction.

use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::super::reach::PATIENCE;
use super::super::{ConfigFile, Failure};
use super::check::counted;
use super::read_card;
use crate::codec::encode_card_part;
use crate::config::Config;
use crate::domain::{Currency, RateCardPart};
use crate::kafka::{
    CardTopic, Isolation, Outcome, ProducerSettings, Sent, TopicHandle, TopicReader,
    TransactionalProducer,
};
use crate::rates::{RateCards, RateRow, part_key, split};

/// Publish a card as its next version.
///
/// The file is checked first: with any fault, every fault is told and nothing is published. Workers
/// take the version up by themselves; minutes that were priced before keep their price.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// The card that tenants' configurations name.
    #[arg(long, value_name = "ID")]
    card: String,
    /// Of all its rates and fees; by default that of the version before.
    #[arg(long, value_name = "CUR", value_parser = currency)]
    currency: Option<Currency>,
    /// The card.
    #[arg(value_name = "CARD.csv")]
    file: PathBuf,
}

fn currency(text: &str) -> Result<Currency, &'static str> {
    Currency::parse(text).ok_or("not three capital letters (ISO 4217)")
}

impl Arguments {
    /// Carries it out.
    pub(super) fn run(self) -> Result<(), Failure> {
        let rows = read_card(&self.file)?.rows;
        let config = self.config.load()?;
        let publication = Publication::begin(&config, &self.card)?;
        let next = self.next_version(&publication.cards()?, &rows)?;
        publication.publish(&next)?;
        writeln!(
            io::stdout().lock(),
            "rate card `{}` version {} is published: {} in {}",
            self.card,
            next.first().map_or(0, |part| part.version),
            counted(rows.len(), "row"),
            counted(next.len(), "part"),
        )?;
        Ok(())
    }

    /// The parts of the version after the last one.
    fn next_version(
        &self,
        cards: &RateCards,
        rows: &[RateRow],
    ) -> Result<Vec<RateCardPart>, Failure> {
        let last = cards.latest_version(&self.card);
        let before = last.and_then(|last| cards.version(&self.card, last));
        let currency = self.currency.or(before.and_then(|card| card.currency()));
        let Some(currency) = currency else {
            return Err(Failure::Usage(format!(
                "rate card `{}` has no version yet: say its currency with `--currency`",
                self.card
            )));
        };
        cards
            .room_for(rows.len())
            .map_err(|no_room| Failure::Input(no_room.to_string()))?;
        let version = last.map_or(1, |last| last + 1);
        split(&self.card, version, currency, rows)
            .map_err(|error| Failure::Input(error.to_string()))
    }
}

/// One publisher of one card: whoever publishes the same card later fences it.
struct Publication<'a> {
    config: &'a Config,
    card_id: &'a str,
    producer: TransactionalProducer,
}

impl<'a> Publication<'a> {
    /// Fences earlier publishers of the card; what they did is decided then.
    fn begin(config: &'a Config, card_id: &'a str) -> Result<Self, Failure> {
        let names = &config.names;
        let settings = ProducerSettings {
            transactional_id: format!("{}.{card_id}", names.rate_cards),
            transaction_timeout: PATIENCE,
        };
        let topics = [names.rate_cards.as_str()];
        let producer =
            TransactionalProducer::new(&config.kafka, &settings, &names.events, &topics)?;
        let publication = Publication {
            config,
            card_id,
            producer,
        };
        // Names the topic if it is missing, which a producer cannot.
        publication.open(Isolation::Committed)?;
        publication.step("fencing other publishers", TransactionalProducer::init)?;
        Ok(publication)
    }

    fn open(&self, isolation: Isolation) -> Result<TopicReader, Failure> {
        let (kafka, topic) = (&self.config.kafka, &self.config.names.rate_cards);
        Ok(TopicReader::open(kafka, topic, isolation, None, PATIENCE)?)
    }

    /// All that is published, this card's last version for certain.
    fn cards(&self) -> Result<RateCards, Failure> {
        self.wait_until_decided()?;
        let (kafka, topic) = (&self.config.kafka, &self.config.names.rate_cards);
        let mut topic = CardTopic::open(kafka, topic, PATIENCE)?;
        for fault in topic.read_to_end(PATIENCE)? {
            writeln!(io::stderr().lock(), "tollkeeper: left out: {fault}")?;
        }
        Ok(topic.cards().clone())
    }

    /// An open transaction of another card's publisher hides whatever was committed behind its
    /// beginning, and with it perhaps this card's last version.
    fn wait_until_decided(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        let end = self
            .open(Isolation::Uncommitted)?
            .watermarks(0, PATIENCE)?
            .end;
        let committed = self.open(Isolation::Committed)?;
        while committed.watermarks(0, PATIENCE)?.end < end {
            if Instant::now() > deadline {
                return Err(self.failed("waiting for another transaction", "it is not decided"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn publish(&self, parts: &[RateCardPart]) -> Result<(), Failure> {
        self.step("beginning", |producer, _| producer.begin())?;
        for part in parts {
            self.send(part)?;
        }
        self.step("committing", TransactionalProducer::commit)
    }

    fn send(&self, part: &RateCardPart) -> Result<(), Failure> {
        let key = part_key(part);
        let mut payload = Vec::new();
        encode_card_part(part, &mut payload);
        let sent = self.producer.send(Sent {
            topic: TopicHandle(0),
            partition: 0,
            key: Some(key.as_bytes()),
            payload: Some(&payload),
            headers: &[],
            ticket: 0,
        });
        sent.map_err(|failure| self.failed("sending", &format!("{failure:?}")))
    }

    /// One step of the transaction, repeated while its outcome is open.
    fn step(
        &self,
        what: &str,
        run: impl Fn(&TransactionalProducer, Duration) -> Outcome,
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match run(&self.producer, PATIENCE) {
                Outcome::Done => return Ok(()),
                Outcome::Retriable(_) if Instant::now() < deadline => {}
                Outcome::FencedProducer(_) => {
                    return Err(self.failed(what, "somebody else publishes this card just now"));
                }
                Outcome::Retriable(why) => {
                    return Err(self.failed(
                        what,
                        &format!("{why}; whether it is published shows `tollkeeper rates lookup`"),
                    ));
                }
                Outcome::Abortable(why)
                | Outcome::StaleGeneration(why)
                | Outcome::FencedInstance(why)
                | Outcome::Fatal(why)
                | Outcome::Unanswered(why) => return Err(self.failed(what, &why)),
            }
        }
    }

    fn failed(&self, what: &str, why: &str) -> Failure {
        let card_id = self.card_id;
        Failure::World(format!("publishing rate card `{card_id}`: {what}: {why}"))
    }
}
