//! Two transactional producers that take turns, so that a transaction need not wait for the one before.
//!
//! A broker takes the next transaction of an id only once it has written the markers of the last one;
//! the client library waits 20 ms for that. What one producer has committed is decided before the other
//! begins, and lies before it in every log, so readers see no difference.

use std::thread;
use std::time::Duration;

use super::clients::Connection;
use super::error::Error;
use super::producer::{Outcome, ProducerSettings, TransactionalProducer};

/// The producers of one worker. Only one has a transaction open at a time.
pub(super) struct Alternating {
    producers: [TransactionalProducer; 2],
    turn: usize,
}

impl Alternating {
    /// Makes both, as `NAME.0` and `NAME.1`.
    pub(super) fn new(
        connection: &Connection,
        settings: &ProducerSettings,
        input_topic: &str,
        topics: &[&str],
    ) -> Result<Self, Error> {
        let producer = |number: u32| {
            let settings = ProducerSettings {
                transactional_id: format!("{}.{number}", settings.transactional_id),
                ..settings.clone()
            };
            TransactionalProducer::new(connection, &settings, input_topic, topics)
        };
        Ok(Alternating {
            producers: [producer(0)?, producer(1)?],
            turn: 0,
        })
    }

    /// Fences every older pair of this name and waits for what it left undecided. Takes 50 to 500 ms.
    pub(super) fn init(&self, timeout: Duration) -> Outcome {
        let [first, second] = &self.producers;
        let (first, second) = thread::scope(|scope| {
            let first = scope.spawn(|| first.init(timeout));
            let second = second.init(timeout);
            (first.join().expect("a call to the library returns"), second)
        });
        if first == Outcome::Done {
            second
        } else {
            first
        }
    }

    /// Begins a transaction with the producer whose turn it is.
    pub(super) fn begin(&mut self) -> Outcome {
        self.turn = 1 - self.turn;
        self.current().begin()
    }

    /// The producer of the transaction that was begun last.
    pub(super) fn current(&self) -> &TransactionalProducer {
        &self.producers[self.turn]
    }
}
