//! What every client has in common: how to reach the cluster, and where its complaints go.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

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
}

/// What a client complained about since it was made; shared with whoever counts.
#[derive(Debug, Default)]
pub struct Trouble {
    transport_errors: AtomicU64,
}

impl Trouble {
    /// Times that a connection broke or could not be made.
    #[must_use]
    pub fn transport_errors(&self) -> u64 {
        self.transport_errors.load(Ordering::Relaxed)
    }

    pub(super) fn note(&self, code: Option<RDKafkaErrorCode>) -> bool {
        let transport = matches!(
            code,
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                    | RDKafkaErrorCode::AllBrokersDown
                    | RDKafkaErrorCode::Resolve
                    | RDKafkaErrorCode::OperationTimedOut
                    | RDKafkaErrorCode::RequestTimedOut
            )
        );
        if transport {
            self.transport_errors.fetch_add(1, Ordering::Relaxed);
        }
        transport
    }
}

/// The part of a client's context that is the same for all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Listening {
    pub(super) trouble: Arc<Trouble>,
}

impl ClientContext for Listening {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // "FAIL" and "ERROR" lines repeat with each attempt during an outage; `error` counts them.
        if matches!(facility, "FAIL" | "ERROR") {
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

    fn error(&self, error: KafkaError, reason: &str) {
        if !self.trouble.note(error.rdkafka_error_code()) {
            tracing::debug!(target: "librdkafka", reason, "client error");
        }
    }
}
