//! All published rate cards, read to the end before the first event and followed from then on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::message::{BorrowedMessage, Message as _};

use super::clients::Connection;
use super::error::Error;
use super::reader::{Isolation, Read, Start, TopicReader};
use crate::codec::decode_card_part;
use crate::domain::Moment;
use crate::rates::{PartAssembler, RateCard, RateCards};

/// How long the topic may be silent before its end.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often the follower looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// The cards that are known, for whoever needs them; they only ever become more.
#[derive(Debug, Default)]
pub struct CardShelf {
    version: AtomicU64,
    cards: Mutex<Arc<RateCards>>,
}

impl CardShelf {
    /// Rises with every card.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The cards, and the version that they are at least.
    #[must_use]
    pub fn look(&self) -> (u64, Arc<RateCards>) {
        let version = self.version();
        let cards = self.cards.lock().unwrap_or_else(PoisonError::into_inner);
        (version, Arc::clone(&cards))
    }

    fn put(&self, cards: RateCards) {
        *self.cards.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(cards);
        self.version.fetch_add(1, Ordering::Release);
    }
}

/// Reads the rate cards and follows them.
pub struct CardFollower {
    reader: TopicReader,
    assembler: PartAssembler,
    published: Vec<(Arc<RateCard>, Moment)>,
    shelf: Arc<CardShelf>,
}

impl CardFollower {
    /// Reads the topic to its end; what cannot be used of it is logged and left out.
    pub fn read(connection: &Connection, topic: &str) -> Result<Self, Error> {
        let mut reader = TopicReader::open(connection, topic, Isolation::Committed, None, TIMEOUT)?;
        reader.assign(&[(0, Start::Beginning)])?;
        let mut follower = CardFollower {
            reader,
            assembler: PartAssembler::default(),
            published: Vec::new(),
            shelf: Arc::new(CardShelf::default()),
        };
        follower.read_to_end()?;
        for missing in follower.assembler.missing() {
            tracing::warn!(error = %missing, "a rate card is not whole");
        }
        follower.publish();
        Ok(follower)
    }

    /// Where the cards are found.
    #[must_use]
    pub fn shelf(&self) -> &Arc<CardShelf> {
        &self.shelf
    }

    fn read_to_end(&mut self) -> Result<(), Error> {
        let mut heard = Instant::now();
        loop {
            match self.reader.next(LOOK)? {
                Read::End(_) => return Ok(()),
                Read::Record(message) => {
                    heard = Instant::now();
                    let published = take(&mut self.assembler, &message);
                    self.published.extend(published);
                }
                Read::Nothing if heard.elapsed() > TIMEOUT => {
                    return Err(Error::TimedOut {
                        doing: format!("reading the rate cards in `{}`", self.reader.topic()),
                        seconds: TIMEOUT.as_secs(),
                    });
                }
                Read::Nothing => {}
            }
        }
    }

    fn publish(&self) {
        let mut cards = RateCards::default();
        for (card, at) in &self.published {
            cards.publish(Arc::clone(card), *at);
        }
        self.shelf.put(cards);
    }

    /// Follows the topic on a thread of its own until told to stop.
    #[must_use]
    pub fn follow(mut self, stop: Arc<AtomicBool>) -> JoinHandle<()> {
        thread::Builder::new()
            .name("cards".to_owned())
            .spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    self.follow_once();
                }
            })
            .expect("a process may have a few threads")
    }

    fn follow_once(&mut self) {
        let published = match self.reader.next(LOOK) {
            Ok(Read::Record(message)) => take(&mut self.assembler, &message),
            Ok(Read::Nothing | Read::End(_)) => None,
            Err(error) => {
                tracing::warn!(%error, "following the rate cards");
                thread::sleep(LOOK);
                None
            }
        };
        if let Some((card, at)) = published {
            tracing::info!(card = %card.id(), version = card.version(), "rate card published");
            self.published.push((card, at));
            self.publish();
        }
    }
}

fn take(
    assembler: &mut PartAssembler,
    message: &BorrowedMessage<'_>,
) -> Option<(Arc<RateCard>, Moment)> {
    let offset = message.offset();
    let payload = message.payload()?;
    let millis = message.timestamp().to_millis().unwrap_or_default();
    let timestamp = Moment::checked_from_millis(millis).unwrap_or(Moment::EARLIEST);
    let part = match decode_card_part(payload) {
        Ok(part) => part,
        Err(error) => {
            tracing::warn!(%error, offset, "a record of the rate cards cannot be read");
            return None;
        }
    };
    match assembler.take(part, timestamp) {
        Ok(published) => published,
        Err(error) => {
            tracing::warn!(%error, offset, "a rate card cannot be used");
            None
        }
    }
}
