//! The examples beside the schemas are true.

use serde_json::Value;

use super::oracle::datum_of;
use super::*;
use crate::domain::Symbol;

#[test]
fn every_example_goes_to_avro_and_comes_back_as_it_was() {
    let decoder = RecordDecoder::new(SchemaSet::builtin());
    for record in RecordType::ALL {
        let json: Value = serde_json::from_str(&example(*record)).expect("JSON");
        let schema = schema_text(*record);
        let bytes = [header_of(schema), datum_of(schema, &json)].concat();
        let shown = decoder.to_json(&bytes).expect("a record of ours");
        // As text, so that the order of the fields is compared too.
        assert_eq!(shown.to_string(), json.to_string());
    }
}

#[test]
fn every_example_of_an_event_means_the_same_in_json_and_in_avro() {
    for record in EVENTS {
        let json = example(record);
        let from_json = decode(json.as_bytes()).expect("an event");
        assert_eq!(from_json.body.name(), format!("{record:?}"));
        let value: Value = serde_json::from_str(&json).expect("JSON");
        let schema = schema_text(record);
        let bytes = [header_of(schema), datum_of(schema, &value)].concat();
        assert_eq!(decode(&bytes).expect("an event"), from_json);
        // And ours are the very bytes of Apache's library.
        assert_eq!(encoded(&from_json), bytes);
    }
}

#[test]
fn the_example_of_a_rate_card_part_is_one() {
    let json: Value = serde_json::from_str(&example(RecordType::RateCardPart)).expect("JSON");
    let schema = schema_text(RecordType::RateCardPart);
    let bytes = [header_of(schema), datum_of(schema, &json)].concat();
    let part = decode_card_part(&bytes).expect("a part");
    let mut again = Vec::new();
    encode_card_part(&part, &mut again);
    assert_eq!(again, bytes);
}

#[test]
fn every_field_of_every_schema_has_a_doc() {
    for record in RecordType::ALL {
        let schema: Value = serde_json::from_str(schema_text(*record)).expect("JSON");
        assert_documented(&schema, &format!("{record:?}"));
    }
}

fn assert_documented(schema: &Value, path: &str) {
    match schema {
        Value::Array(variants) => variants.iter().for_each(|v| assert_documented(v, path)),
        Value::Object(object) => {
            for field in object
                .get("fields")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let path = format!("{path}.{}", field["name"].as_str().expect("a name"));
                let doc = field["doc"].as_str().unwrap_or_default();
                assert!(doc.len() > 3, "{path} has no doc");
                assert_documented(&field["type"], &path);
            }
            object
                .get("items")
                .into_iter()
                .for_each(|items| assert_documented(items, path));
        }
        _ => {}
    }
}
