//! What is encoded is decoded to the same, in each encoding.

use proptest::prelude::*;

use super::arbitrary::{event, rated_usage};
use super::oracle::json_of;
use super::*;

proptest! {
    #[test]
    fn an_event_in_single_object_encoding_comes_back_equal(event in event()) {
        let bytes = encoded(&event);
        prop_assert_eq!(decode(&bytes), Ok(event));
    }

    #[test]
    fn an_event_in_confluent_framing_comes_back_equal(event in event(), id: u32) {
        let record = EVENTS.into_iter().find(|r| format!("{r:?}") == event.body.name());
        let schema = schema_text(record.expect("an event's record"));
        let schemas = SchemaSet::builtin().with_confluent(id, schema).expect("our schema");
        let mut bytes = Vec::new();
        encode_event_confluent(&event, id, &mut bytes);
        prop_assert_eq!(EventDecoder::new(schemas).decode(Some(&bytes)), Ok(event));
    }

    #[test]
    fn an_event_in_json_comes_back_equal(event in event()) {
        let decoder = RecordDecoder::new(SchemaSet::builtin());
        let line = decoder.to_json(&encoded(&event)).expect("a record of ours").to_string();
        let parsed = parse_line(&line);
        prop_assert_eq!(parsed.timestamp, Some(event.occurred_at));
        prop_assert_eq!(parsed.event, Ok(event.clone()));
        prop_assert_eq!(decode(line.as_bytes()), Ok(event));
    }

    #[test]
    fn usage_is_read_by_apaches_library_as_we_show_it(record in rated_usage()) {
        let mut bytes = Vec::new();
        RecordEncoder::new("events").encode(&record, &mut bytes);
        let schema = schema_text(RecordType::RatedUsage);
        prop_assert_eq!(&bytes[..10], header_of(schema));
        let mut shown = record_to_json(&record, "events");
        let object = shown.as_object_mut().expect("an object");
        object.shift_remove("topic");
        object.shift_remove("type");
        prop_assert_eq!(json_of(schema, &bytes[10..]).to_string(), shown.to_string());
    }
}
