//! What can be wrong with the world on the way to Kafka.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Kafka could not be used. Each message says what was being done to which thing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client library refuses the configuration.
    #[error("configuring the Kafka client: {what}")]
    Configuration {
        /// In the library's words.
        what: String,
    },
    /// No broker answers.
    #[error("reaching Kafka at `{bootstrap}`: no broker answered within {seconds} s")]
    Unreachable {
        /// The addresses tried.
        bootstrap: String,
        /// How long.
        seconds: u64,
    },
    /// A topic is not there.
    #[error("topic `{topic}` does not exist; `tollkeeper topics create` makes it")]
    TopicMissing {
        /// Its name.
        topic: String,
    },
    /// The log begins after the offset that was asked for, or ends before it.
    #[error("reading `{topic}`: the offset asked for is not in its log")]
    Trimmed {
        /// Its name.
        topic: String,
    },
    /// It took too long.
    #[error("{doing}: no answer within {seconds} s")]
    TimedOut {
        /// What was being done.
        doing: String,
        /// How long.
        seconds: u64,
    },
    /// Anything else.
    #[error("{doing}: {what}")]
    Failed {
        /// What was being done.
        doing: String,
        /// In the broker's or the library's words.
        what: String,
    },
}

impl Error {
    /// Wraps an error of the client library.
    pub(super) fn failed(doing: impl Into<String>, error: &KafkaError) -> Self {
        let what = code_of(error).map_or_else(|| error.to_string(), words);
        Error::Failed {
            doing: doing.into(),
            what,
        }
    }

    /// Wraps an error of the client library about one topic.
    pub(super) fn about_topic(doing: impl Into<String>, topic: &str, error: &KafkaError) -> Self {
        match code_of(error) {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                Error::TopicMissing {
                    topic: topic.to_owned(),
                }
            }
            _ => Error::failed(doing, error),
        }
    }
}

/// The code of an error, also of an admin operation, which the library itself does not tell.
pub(super) fn code_of(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        _ => error.rdkafka_error_code(),
    }
}

/// What a code means, for a person.
pub(super) fn words(code: RDKafkaErrorCode) -> String {
    let text = code.to_string();
    // "BrokerTransportFailure (Local: Broker transport failure)"
    match text.split_once(" (") {
        Some((_, inner)) => inner.trim_end_matches(')').to_owned(),
        None => text,
    }
}
