//! All published rate cards, read to the end before the first event and followed from then on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::cards::{CardNews, CardTopic};
use super::clients::Connection;
use super::error::Error;
use crate::rates::RateCards;

/// How long the topic may be silent before its end.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often the follower looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);
/// How often the brokers are asked while no card comes, and how long they may take.
const REACH: Duration = Duration::from_secs(10);
const REACH_WITHIN: Duration = Duration::from_secs(2);

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
    topic: CardTopic,
    shelf: Arc<CardShelf>,
    /// When the brokers were asked last, or something came.
    reached: Instant,
}

impl CardFollower {
    /// Reads the topic to its end; what cannot be used of it is logged and left out.
    pub fn read(connection: &Connection, topic: &str) -> Result<Self, Error> {
        let mut topic = CardTopic::open(connection, topic, TIMEOUT)?;
        for fault in topic.read_to_end(TIMEOUT)? {
            tracing::warn!(fault, "a rate card cannot be used");
        }
        let shelf = Arc::new(CardShelf::default());
        shelf.put(topic.cards().clone());
        Ok(CardFollower {
            topic,
            shelf,
            reached: Instant::now(),
        })
    }

    /// Where the cards are found.
    #[must_use]
    pub fn shelf(&self) -> &Arc<CardShelf> {
        &self.shelf
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
        match self.topic.next(LOOK) {
            Ok(CardNews::Published(card)) => {
                tracing::info!(card = %card.id(), version = card.version(), "rate card published");
                self.shelf.put(self.topic.cards().clone());
            }
            Ok(CardNews::Fault(fault)) => tracing::warn!(fault, "a rate card cannot be used"),
            Ok(CardNews::Nothing) if self.reached.elapsed() > REACH => {
                self.topic.reach(REACH_WITHIN);
                self.reached = Instant::now();
            }
            Ok(CardNews::Nothing | CardNews::Part | CardNews::End) => {}
            Err(error) => {
                tracing::warn!(%error, "following the rate cards");
                thread::sleep(LOOK);
            }
        }
    }
}
