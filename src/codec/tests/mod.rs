//! The room's tests across its files: examples, round trips, evolution, bytes at fault.

mod arbitrary;
mod evolution;
mod examples;
mod faults;
mod oracle;
mod records;
mod round_trips;

use super::schemas::{RecordType, schema_text};
use super::*;
use crate::domain::{Event, Rejected};

/// Decodes with the built-in schemas.
fn decode(payload: &[u8]) -> Result<Event<'_>, Rejected> {
    EventDecoder::new(SchemaSet::builtin()).decode(Some(payload))
}

/// An event in single-object encoding.
fn encoded(event: &Event<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_event(event, &mut bytes);
    bytes
}

/// What begins a datum of this schema in single-object encoding. Which fingerprints are right is another
/// test's business, `the_fingerprints_of_the_schemas_are_those_that_are_out_there`.
fn header_of(schema: &str) -> Vec<u8> {
    let schema: serde_avro_fast::Schema = schema.parse().expect("a schema");
    [&[0xC3, 0x01], schema.rabin_fingerprint().as_slice()].concat()
}

/// The example of a record, as it stands beside the schemas.
fn example(record: RecordType) -> String {
    let path = format!(
        "{}/schemas/examples/{record:?}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(&path).expect(&path)
}

/// The records that come in as events.
const EVENTS: [RecordType; 7] = [
    RecordType::CallStarted,
    RecordType::CallMinuteTick,
    RecordType::CallEnded,
    RecordType::CreditGranted,
    RecordType::CreditAdjusted,
    RecordType::RechargeFailed,
    RecordType::TenantConfigured,
];
