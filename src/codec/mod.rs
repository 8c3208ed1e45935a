//! Bytes to events and records to bytes, in the encodings of the contract; a record at fault becomes a
//! rejection. Never reads files or topics, never judges an event against what is known of its tenant.

mod published;
mod route;

use crate::domain::{Event, Moment, RateCardPart, Record, Rejected};

pub use published::{
    CreditEntry, DecodedRecord, NoticeEntry, OrderEntry, Origin, RecordError, UsageEntry, UsageKind,
};
pub use route::{Partitioner, partition_of};

/// A writer schema that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("schema `{name}`: {what}")]
pub struct SchemaError {
    /// The file's name or the Confluent id.
    pub name: String,
    /// What is wrong with it.
    pub what: String,
}

/// The writer schemas by which bytes are read: the built-in ones and those that are added.
#[derive(Debug, Default)]
pub struct SchemaSet {}

impl SchemaSet {
    /// The schemas of this program.
    #[must_use]
    pub fn builtin() -> Self {
        SchemaSet {}
    }
    /// Adds the content of a file of `schemas.dir`: `<id>.avsc` is the schema of a Confluent id, any other
    /// `*.avsc` is found by its fingerprint. Names with another ending are the caller's to leave out.
    pub fn with_file(self, _name: &str, _json: &str) -> Result<Self, SchemaError> {
        Ok(self)
    }
    /// Adds the schema of a Confluent id.
    pub fn with_confluent(self, _id: u32, _json: &str) -> Result<Self, SchemaError> {
        Ok(self)
    }
    /// Adds a writer schema that is found by its fingerprint.
    pub fn with_writer(self, _json: &str) -> Result<Self, SchemaError> {
        Ok(self)
    }
}

/// Bytes to events, in the three encodings of the input.
#[derive(Debug)]
pub struct EventDecoder {}

impl EventDecoder {
    /// A decoder that knows these writer schemas.
    #[must_use]
    pub fn new(_schemas: SchemaSet) -> Self {
        EventDecoder {}
    }
    /// The event of a record's value, its texts borrowed where they can be; or why it is none.
    pub fn decode<'a>(&self, _payload: Option<&'a [u8]>) -> Result<Event<'a>, Rejected> {
        Err(Rejected {
            record: crate::domain::RejectedRecord::Current,
            reason: crate::domain::RejectReason::Undecodable,
            message: String::new(),
        })
    }
}

/// A line in the JSON form.
#[derive(Debug)]
pub struct Line {
    /// The Kafka timestamp it asks for: `at`, else `occurred_at`; there even where the event is rejected,
    /// if it can be read.
    pub timestamp: Option<Moment>,
    /// The event, or why it is none.
    pub event: Result<Event<'static>, Rejected>,
}

/// Reads a line in the JSON form.
#[must_use]
pub fn parse_line(_line: &str) -> Line {
    Line {
        timestamp: None,
        event: EventDecoder {}.decode(None),
    }
}

/// Where a record is published. The shell maps it to the configured topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutputTopic {
    /// Rated usage and wallet entries.
    RatedUsage,
    /// Notices.
    BalanceNotices,
    /// Orders.
    CallControl,
    /// Balances.
    Balances,
}

impl OutputTopic {
    /// The configuration key of the topic: `rated_usage`, ….
    #[must_use]
    pub const fn config_key(self) -> &'static str {
        match self {
            OutputTopic::RatedUsage => "rated_usage",
            OutputTopic::BalanceNotices => "balance_notices",
            OutputTopic::CallControl => "call_control",
            OutputTopic::Balances => "balances",
        }
    }
}

/// The topic of a record.
#[must_use]
pub fn topic_of(record: &Record) -> OutputTopic {
    match record {
        Record::RatedUsage(_) | Record::WalletEntry(_) => OutputTopic::RatedUsage,
        Record::BalanceNotice(_) => OutputTopic::BalanceNotices,
        Record::CallOrder(_) | Record::TenantOrder(_) => OutputTopic::CallControl,
        Record::TenantBalance(_) => OutputTopic::Balances,
    }
}

/// The key of a record: its tenant's id.
#[must_use]
pub fn key_of(record: &Record) -> &[u8] {
    match record {
        Record::RatedUsage(r) => r.tenant_id.as_bytes(),
        Record::WalletEntry(r) => r.tenant_id.as_bytes(),
        Record::BalanceNotice(r) => r.tenant_id.as_bytes(),
        Record::CallOrder(r) => r.tenant_id.as_bytes(),
        Record::TenantOrder(r) => r.tenant_id.as_bytes(),
        Record::TenantBalance(r) => r.tenant_id.as_bytes(),
    }
}

/// Records to bytes, in Avro single-object encoding.
#[derive(Debug)]
pub struct RecordEncoder {}

impl RecordEncoder {
    /// An encoder that names this topic as the source of its records.
    #[must_use]
    pub fn new(_input_topic: &str) -> Self {
        RecordEncoder {}
    }
    /// Appends a record.
    pub fn encode(&self, _record: &Record, _out: &mut Vec<u8>) {}
}

/// A record in the JSON form, beginning with `topic` (the config key) and `type`, its fields in schema order.
#[must_use]
pub fn record_to_json(_record: &Record, _source_topic: &str) -> serde_json::Value {
    serde_json::Value::Null
}

/// Bytes of any of our topics back to JSON and to what an audit needs.
#[derive(Debug)]
pub struct RecordDecoder {}

impl RecordDecoder {
    /// A decoder that knows these writer schemas.
    #[must_use]
    pub fn new(_schemas: SchemaSet) -> Self {
        RecordDecoder {}
    }
    /// A record or event in the JSON form, beginning with `type`.
    pub fn to_json(&self, _payload: &[u8]) -> Result<serde_json::Value, RecordError> {
        Ok(serde_json::Value::Null)
    }
    /// What an audit needs of a published record.
    pub fn decode(&self, _payload: &[u8]) -> Result<DecodedRecord, RecordError> {
        Err(RecordError(String::new()))
    }
}

/// Appends an event in Avro single-object encoding.
pub fn encode_event(_event: &Event<'_>, _out: &mut Vec<u8>) {}

/// Appends an event in Confluent framing with this schema id, by the built-in schema of its record.
pub fn encode_event_confluent(_event: &Event<'_>, _schema_id: u32, _out: &mut Vec<u8>) {}

/// Appends a part of a rate card in Avro single-object encoding.
pub fn encode_card_part(_part: &RateCardPart, _out: &mut Vec<u8>) {}

/// The part of a rate card in these bytes.
pub fn decode_card_part(_payload: &[u8]) -> Result<RateCardPart, RecordError> {
    Err(RecordError(String::new()))
}

/// The headers that are added to a rejected record: `tollkeeper.errors.topic`, ….
#[must_use]
pub fn rejection_headers(
    _rejected: &Rejected,
    _topic: &str,
    _partition: i32,
    _offset: i64,
) -> Vec<(&'static str, String)> {
    Vec::new()
}
