//! A plain producer of events: idempotent, in order, and done only when every record has arrived.

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;

use super::clients::Connection;
use super::deliveries::Client;
use super::error::Error;
use super::native;
use super::producer::tuned;

/// Sends events to one topic.
pub struct Publisher {
    client: Client,
    topic: String,
}

impl Publisher {
    /// Makes a producer for a topic, which must exist.
    pub fn new(connection: &Connection, topic: &str) -> Result<Self, Error> {
        let config = tuned(connection, "tollkeeper-publish");
        Ok(Publisher {
            client: Client::new(&config, &[topic])?,
            topic: topic.to_owned(),
        })
    }

    /// Hands a record over, with its timestamp in milliseconds; waits while too many are on their
    /// way.
    pub fn send(
        &self,
        partition: i32,
        key: &[u8],
        payload: &[u8],
        timestamp: i64,
    ) -> Result<(), Error> {
        let message = native::Message {
            topic: self.client.topic(0),
            partition,
            key: Some(key),
            payload: Some(payload),
            headers: &[],
            timestamp,
            opaque: 0,
        };
        loop {
            match self.client.handle().produce(&message) {
                Ok(()) => return self.first_failure(),
                Err(error) if error.code == RDKafkaErrorCode::QueueFull => {
                    self.first_failure()?;
                    thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(self.failed(error.text)),
            }
        }
    }

    /// How many records have arrived.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.client.deliveries().count()
    }

    /// Waits until all have arrived, telling `progress` how many have now and then. Gives up when
    /// none arrives for `silence`.
    pub fn finish(
        self,
        sent: u64,
        silence: Duration,
        mut progress: impl FnMut(u64),
    ) -> Result<(), Error> {
        let mut arrived = self.delivered();
        let mut heard = Instant::now();
        while arrived < sent {
            self.client.handle().flush(Duration::from_millis(100));
            self.first_failure()?;
            let now = self.delivered();
            if now > arrived {
                arrived = now;
                heard = Instant::now();
                progress(arrived);
            } else if heard.elapsed() > silence {
                return Err(Error::TimedOut {
                    doing: format!(
                        "publishing to `{}`: {arrived} of {sent} records have arrived",
                        self.topic
                    ),
                    seconds: silence.as_secs(),
                });
            }
        }
        self.first_failure()
    }

    fn first_failure(&self) -> Result<(), Error> {
        match self.client.deliveries().failure() {
            None => Ok(()),
            Some(what) => Err(self.failed(what)),
        }
    }

    fn failed(&self, what: String) -> Error {
        Error::Failed {
            doing: format!("publishing to `{}`", self.topic),
            what,
        }
    }
}
