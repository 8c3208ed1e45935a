//! The rate card topic: read to its end, then followed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::message::{BorrowedMessage, Message as _};

use super::clients::Connection;
use super::error::Error;
use super::reader::{Isolation, Read, Start, TopicReader};
use crate::codec::decode_card_part;
use crate::domain::Moment;
use crate::rates::{PartAssembler, RateCard, RateCards, part_key};

/// How long one look waits.
const LOOK: Duration = Duration::from_millis(100);

/// What a look at the topic brought.
#[derive(Debug)]
pub enum CardNews {
    /// Nothing now.
    Nothing,
    /// A part of a version that is not whole yet, or a repeat.
    Part,
    /// A version is whole and among [`CardTopic::cards`].
    Published(Arc<RateCard>),
    /// A record or version at fault, which is left out: what is wrong with it, and its offset.
    Fault(String),
    /// All that is committed has been read.
    End,
}

/// Follows the topic of the rate cards.
pub struct CardTopic {
    reader: TopicReader,
    assembler: PartAssembler,
    cards: RateCards,
}

impl CardTopic {
    /// Opens the topic at its beginning.
    pub fn open(connection: &Connection, topic: &str, timeout: Duration) -> Result<Self, Error> {
        let mut reader = TopicReader::open(connection, topic, Isolation::Committed, None, timeout)?;
        reader.assign(&[(0, Start::Beginning)])?;
        Ok(CardTopic {
            reader,
            assembler: PartAssembler::default(),
            cards: RateCards::default(),
        })
    }

    /// Every version that was read so far.
    #[must_use]
    pub fn cards(&self) -> &RateCards {
        &self.cards
    }

    /// Reads all that is committed, and gives what is wrong with it: records at fault, and versions
    /// of which parts are missing. Gives up after `silence` without a record.
    pub fn read_to_end(&mut self, silence: Duration) -> Result<Vec<String>, Error> {
        let mut heard = Instant::now();
        let mut faults = Vec::new();
        loop {
            match self.next(LOOK)? {
                CardNews::End => break,
                CardNews::Nothing if heard.elapsed() > silence => {
                    return Err(Error::TimedOut {
                        doing: format!("reading the rate cards in `{}`", self.reader.topic()),
                        seconds: silence.as_secs(),
                    });
                }
                CardNews::Nothing => continue,
                CardNews::Fault(fault) => faults.push(fault),
                CardNews::Part | CardNews::Published(_) => {}
            }
            heard = Instant::now();
        }
        faults.extend(self.assembler.missing().iter().map(ToString::to_string));
        Ok(faults)
    }

    /// Asks the brokers about the topic, and looks for them anew if none answers: what comes later would else not be
    /// heard of.
    pub(super) fn reach(&self, timeout: Duration) {
        if let Err(error) = self.reader.partitions(timeout) {
            tracing::debug!(%error, "following the rate cards");
        }
    }

    /// Takes the next record, waiting at most that long for it.
    pub fn next(&mut self, timeout: Duration) -> Result<CardNews, Error> {
        let message = match self.reader.next(timeout)? {
            Read::Nothing => return Ok(CardNews::Nothing),
            Read::End(_) => return Ok(CardNews::End),
            Read::Record(message) => message,
        };
        Ok(match take(&mut self.assembler, &message) {
            Ok(None) => CardNews::Part,
            Ok(Some((card, published_at))) => match self.cards.room_for(card.rows().len()) {
                Ok(()) => {
                    self.cards.publish(Arc::clone(&card), published_at);
                    CardNews::Published(card)
                }
                Err(no_room) => {
                    let (id, version) = (card.id(), card.version());
                    CardNews::Fault(format!("`{id}` version {version}: {no_room}"))
                }
            },
            Err(what) => {
                let (topic, offset) = (self.reader.topic(), message.offset());
                CardNews::Fault(format!("`{topic}` offset {offset}: {what}"))
            }
        })
    }
}

fn take(
    assembler: &mut PartAssembler,
    message: &BorrowedMessage<'_>,
) -> Result<Option<(Arc<RateCard>, Moment)>, String> {
    // A deleted key: its part is missing, if nobody published it anew.
    let Some(payload) = message.payload() else {
        return Ok(None);
    };
    let part = decode_card_part(payload).map_err(|error| error.to_string())?;
    let key = part_key(&part);
    if message.key() != Some(key.as_bytes()) {
        return Err(format!("its key is not `{key}`"));
    }
    let published_at = message
        .timestamp()
        .to_millis()
        .ok_or("it has no timestamp")?;
    let published_at = Moment::checked_from_millis(published_at).map_err(|e| e.to_string())?;
    assembler
        .take(part, published_at)
        .map_err(|error| error.to_string())
}
