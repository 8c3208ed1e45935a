//! What every client has in common: how to reach the cluster, and where its complaints go.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaConfRes;

use super::native::Handle;

/// How to reach the cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    /// `host:port`, separated by commas.
    pub bootstrap: String,
    /// Passed through to librdkafka, before what a client insists on.
    pub properties: BTreeMap<String, String>,
}

impl fmt::Debug for Connection {
    /// Without the values of the properties: secrets are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("bootstrap", &self.bootstrap)
            .field("properties", &self.properties.keys())
            .finish()
    }
}

impl Connection {
    /// A connection without further properties.
    #[must_use]
    pub fn to(bootstrap: impl Into<String>) -> Self {
        Connection {
            bootstrap: bootstrap.into(),
            properties: BTreeMap::new(),
        }
    }

    /// What librdkafka has against a property, in words that never repeat its value: it may be a secret.
    #[must_use]
    pub fn fault_of(property: &str, value: &str) -> Option<&'static str> {
        let mut config = ClientConfig::new();
        config.set(property, value);
        match config.create_native_config() {
            Ok(_) => None,
            Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
                Some("librdkafka has no such property")
            }
            Err(_) => Some("librdkafka does not take its value"),
        }
    }

    /// The base of every client's configuration; `name` shows in the broker's logs.
    pub(super) fn config(&self, name: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Warning);
        // Quick to come back after an outage; the defaults wait up to 10 s between attempts.
        config.set("reconnect.backoff.ms", "50");
        config.set("reconnect.backoff.max.ms", "1000");
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.bootstrap);
        config.set("client.id", name);
        config
    }

    /// Sets what a client of ours is better off with, unless the operator says otherwise.
    pub(super) fn prefer(&self, config: &mut ClientConfig, key: &str, value: &str) {
        if !self.properties.contains_key(key) {
            config.set(key, value);
        }
    }
}

/// Has a client look for its brokers again at these addresses, where none tells it of a topic within so long
/// (`lookout.rs` says why).
pub(super) fn find_brokers<C: ClientContext>(
    client: &Client<C>,
    topic: Option<&str>,
    addresses: &str,
    within: Duration,
) {
    if !sees_brokers(client, topic, within) {
        Handle::new(client.native_ptr()).add_brokers(addresses);
    }
}

/// Whether any broker tells a client of a topic, or of all, within so long; an answer that there is none is one too.
pub(super) fn sees_brokers<C: ClientContext>(
    client: &Client<C>,
    topic: Option<&str>,
    within: Duration,
) -> bool {
    let asked = client.fetch_metadata(topic, within);
    !asked.is_err_and(|error| is_transport(error.rdkafka_error_code()))
}

/// Whether a connection broke or could not be made: the client tries again by itself.
pub(super) fn is_transport(code: Option<RDKafkaErrorCode>) -> bool {
    matches!(
        code,
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
        )
    )
}

/// The part of a client's context that is the same for all of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Listening;

impl ClientContext for Listening {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // These repeat with each attempt during an outage, up to a hundred times a second.
        if matches!(facility, "FAIL" | "ERROR" | "METADATAUPDATE") {
            tracing::debug!(target: "librdkafka", facility, message);
            return;
        }
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => {
                tracing::warn!(target: "librdkafka", facility, message);
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "librdkafka", facility, message);
            }
        }
    }

    fn error(&self, _error: KafkaError, reason: &str) {
        // Several a second during an outage; what matters of them comes back from the call it hits.
        tracing::debug!(target: "librdkafka", reason, "client error");
    }
}
