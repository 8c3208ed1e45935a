//! What became of each record that was sent, as the broker reports it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{
    DeliveryResult, NoCustomPartitioner, Producer, ProducerContext, ThreadedProducer,
};

use super::clients::Listening;
use super::error::{Error, words};
use super::native::{Handle, OwnedTopic};

/// Where a record with a ticket ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The number it was sent with.
    pub ticket: usize,
    /// Its partition.
    pub partition: i32,
    /// Its offset, if the transaction commits.
    pub offset: i64,
}

#[derive(Debug, Default)]
struct Reports {
    delivered: Vec<Delivered>,
    /// Records that arrived, with a ticket or without.
    count: u64,
    failure: Option<String>,
}

/// The reports of one producer, added by its own thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Deliveries {
    reports: Arc<Mutex<Reports>>,
}

impl Deliveries {
    fn lock(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything reported so far.
    pub(super) fn forget(&self) {
        *self.lock() = Reports::default();
    }

    /// The deliveries with a ticket; forgets them.
    pub(super) fn take(&self) -> Vec<Delivered> {
        std::mem::take(&mut self.lock().delivered)
    }

    /// How many records arrived.
    pub(super) fn count(&self) -> u64 {
        self.lock().count
    }

    /// The first record that did not arrive, and why.
    pub(super) fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Listening.log(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        Listening.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        let mut reports = self.lock();
        match result {
            Ok(message) => {
                reports.count += 1;
                if ticket > 0 {
                    reports.delivered.push(Delivered {
                        ticket,
                        partition: message.partition(),
                        offset: message.offset(),
                    });
                }
            }
            Err((error, message)) if reports.failure.is_none() => {
                let why = error
                    .rdkafka_error_code()
                    .map_or_else(|| error.to_string(), words);
                reports.failure = Some(format!(
                    "delivering to `{}` partition {}: {why}",
                    message.topic(),
                    message.partition()
                ));
            }
            Err(_) => {}
        }
    }
}

/// A producer's client, the topics that it was made for, and its reports.
pub(super) struct Client {
    // Dropped before the client that they refer to.
    topics: Vec<OwnedTopic>,
    handle: Handle,
    deliveries: Deliveries,
    _producer: ThreadedProducer<Deliveries, NoCustomPartitioner>,
}

impl Client {
    pub(super) fn new(config: &ClientConfig, topics: &[&str]) -> Result<Self, Error> {
        let deliveries = Deliveries::default();
        let client = ThreadedProducer::from_config_and_context(config, deliveries.clone())
            .map_err(|error| Error::Configuration {
                what: error.to_string(),
            })?;
        let handle = Handle::new(client.client().native_ptr());
        let topics = topics
            .iter()
            .map(|name| {
                handle.topic(name).ok_or_else(|| Error::Configuration {
                    what: format!("`{name}` is not a topic's name"),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Client {
            topics,
            handle,
            deliveries,
            _producer: client,
        })
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle
    }

    pub(super) fn topic(&self, index: usize) -> &OwnedTopic {
        &self.topics[index]
    }

    pub(super) fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }
}
