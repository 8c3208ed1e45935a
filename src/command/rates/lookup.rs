//! `rates lookup`: which row of a published card, or of a file, prices a number.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::super::reach::PATIENCE;
use super::super::{ConfigFile, Failure};
use super::explain::{Question, explain};
use super::read_card;
use crate::domain::{LegKind, Moment, PhoneNumber, Symbol};
use crate::kafka::CardTopic;
use crate::rates::RateCard;

/// Say which row of a card prices a number, why, and what the first minutes cost.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tollkeeper rates lookup --card standard --to +493012345678
  tollkeeper rates lookup --card standard --to +493012345678 --at 2026-11-23T17:59:00Z
  tollkeeper rates lookup --file new.csv --kind DIAL_IN_TOLL_FREE --to +18005550123")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// A published card: the version in force at that moment, or the latest.
    #[arg(long, value_name = "ID", required_unless_present = "file")]
    card: Option<String>,
    /// A card's CSV that need not be published.
    #[arg(long, value_name = "CARD.csv", conflicts_with = "card")]
    file: Option<PathBuf>,
    /// The remote number of a dial-out, or our number that a dial-in reached.
    #[arg(long, value_name = "NUMBER")]
    to: String,
    /// DIAL_OUT, DIAL_IN_TOLL or DIAL_IN_TOLL_FREE.
    #[arg(long, value_name = "KIND", default_value = "DIAL_OUT", value_parser = leg_kind)]
    kind: LegKind,
    /// When the call is answered; now, by default.
    #[arg(long, value_name = "MOMENT", value_parser = Moment::parse)]
    at: Option<Moment>,
}

fn leg_kind(text: &str) -> Result<LegKind, &'static str> {
    LegKind::from_symbol(text).ok_or("none of DIAL_OUT, DIAL_IN_TOLL, DIAL_IN_TOLL_FREE")
}

impl Arguments {
    /// Carries it out.
    pub(super) fn run(self) -> Result<(), Failure> {
        // By hand, since clap would repeat the number.
        let number = PhoneNumber::parse(&self.to).map_err(|error| {
            Failure::Usage(format!("`--to` is {error}: `+` and 2 to 15 digits"))
        })?;
        let card = match (&self.file, &self.card) {
            (Some(file), _) => {
                let id = file.file_stem().unwrap_or_default().to_string_lossy();
                Arc::new(RateCard::new(&*id, 1, None, read_card(file)?.rows))
            }
            (None, Some(card)) => self.published(card)?,
            (None, None) => unreachable!("one of them is required"),
        };
        let question = Question {
            kind: self.kind,
            number,
            at: self.at.unwrap_or_else(now),
        };
        io::stdout()
            .lock()
            .write_all(explain(&card, question).as_bytes())?;
        Ok(())
    }

    fn published(&self, card_id: &str) -> Result<Arc<RateCard>, Failure> {
        let config = self.config.load()?;
        let mut topic = CardTopic::open(&config.kafka, &config.names.rate_cards, PATIENCE)?;
        for fault in topic.read_to_end(PATIENCE)? {
            writeln!(io::stderr().lock(), "tollkeeper: left out: {fault}")?;
        }
        let cards = topic.cards();
        let Some(latest) = cards.latest_version(card_id) else {
            return Err(Failure::Input(format!(
                "no rate card `{card_id}` in `{}`; `tollkeeper rates publish` puts one there",
                config.names.rate_cards
            )));
        };
        let found = match self.at {
            Some(at) => cards.in_force(card_id, at),
            None => cards.version(card_id, latest),
        };
        found.map(Arc::clone).ok_or_else(|| {
            Failure::Input(format!(
                "rate card `{card_id}` had no version yet at that moment; the latest is {latest}"
            ))
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what a person asks about is by default now"
)]
fn now() -> Moment {
    Moment::from_millis(jiff::Timestamp::now().as_millisecond())
}
