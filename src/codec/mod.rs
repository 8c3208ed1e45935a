//! Bytes to events and records to bytes, in the encodings of the contract; a record at fault becomes a
//! rejection. Never reads files or topics, never judges an event against what is known of its tenant.
//!
//! In: [`EventDecoder`], [`parse_line`], [`RecordDecoder`]. Out: [`RecordEncoder`], [`encode_event`],
//! [`encode_card_part`], [`record_to_json`], [`rejection_headers`]. Between them, [`SchemaSet`] holds the
//! schemas that others may have written with, and [`partition_of`] says where a key belongs.

mod avro_event;
mod compatibility;
mod datum;
mod decode;
mod encode_event;
mod encode_record;
mod framing;
mod json_event;
mod json_fields;
mod plain_tick;
mod published;
mod rejection;
mod route;
mod schemas;
mod shown;
#[cfg(test)]
mod tests;

pub use decode::EventDecoder;
pub use encode_event::{encode_card_part, encode_event, encode_event_confluent};
pub use encode_record::{OutputTopic, RecordEncoder, key_of, topic_of};
pub use json_event::{Line, parse_line};
pub use published::{
    BalanceEntry, CreditEntry, DecodedRecord, NoticeEntry, OrderEntry, Origin, RecordDecoder,
    RecordError, UsageEntry, UsageKind, decode_card_part, record_to_json,
};
pub use rejection::rejection_headers;
pub use route::{Partitioner, partition_of};
pub use schemas::{SchemaError, SchemaSet};
