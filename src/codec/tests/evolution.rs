//! Writers that are newer or older than we are.

use expect_test::expect;
use serde_json::Value;

use super::oracle::datum_of;
use super::*;
use crate::domain::{Body, Symbol};

/// The tick of the example, written by a schema that differs from ours, in both framings.
fn written_by(
    record: RecordType,
    schema: &str,
    json: &Value,
) -> [Result<Body<'static>, Rejected>; 2] {
    let schemas = SchemaSet::builtin()
        .with_file("77.avsc", schema)
        .expect("a schema we can read");
    let decoder = EventDecoder::new(schemas);
    let datum = datum_of(schema, json);
    let framings = [header_of(schema), vec![0, 0, 0, 0, 77]];
    framings.map(|header| {
        let bytes = [header, datum.clone()].concat();
        let event = decoder.decode(Some(&bytes))?;
        assert_eq!(event.body.name(), format!("{record:?}"));
        let line = RecordDecoder::new(SchemaSet::builtin()).to_json(&encoded(&event));
        parse_line(&line.expect("an event of ours").to_string())
            .event
            .map(|event| event.body)
    })
}

#[test]
fn fields_added_by_a_newer_writer_are_passed_over() {
    let record = RecordType::CallStarted;
    let added = r#"{"name": "carrier", "type": ["null", {"type": "record", "name": "Carrier", "fields": [
        {"name": "name", "type": {"type": "string", "avro.java.string": "String"}},
        {"name": "hops", "type": {"type": "array", "items": "int"}}]}], "default": null},
        {"name": "answered_at""#;
    let schema = schema_text(record).replacen(r#"{"name": "answered_at""#, added, 1);
    let mut json: Value = serde_json::from_str(&example(record)).expect("JSON");
    let ours = parse_line(&json.to_string()).event.expect("an event").body;
    json["carrier"] = serde_json::json!({"name": "acme", "hops": [1, 2, 3]});
    assert_eq!(
        written_by(record, &schema, &json),
        [Ok(ours.clone()), Ok(ours)]
    );
}

#[test]
fn fields_that_an_older_writer_does_not_have_take_their_defaults() {
    let record = RecordType::TenantConfigured;
    let mut schema: Value = serde_json::from_str(schema_text(record)).expect("JSON");
    let fields = schema["fields"].as_array_mut().expect("fields");
    fields.retain(|field| field.get("default").is_none());
    let json: Value = serde_json::from_str(&example(record)).expect("JSON");
    let mut required = json.clone();
    required
        .as_object_mut()
        .expect("an object")
        .retain(|name, _| {
            name == "type" || fields.iter().any(|field| field["name"] == name.as_str())
        });
    let ours = parse_line(&required.to_string())
        .event
        .expect("an event")
        .body;
    assert_eq!(
        written_by(record, &schema.to_string(), &json),
        [Ok(ours.clone()), Ok(ours)]
    );
}

#[test]
fn a_schema_that_ours_cannot_read_is_refused_by_name() {
    let tick = schema_text(RecordType::CallMinuteTick);
    let refused = |name: &str, schema: &str| {
        let error = SchemaSet::builtin()
            .with_file(name, schema)
            .expect_err("refused");
        error.to_string()
    };
    expect![[r#"
        schema `7.avsc`: our schema of this record cannot read it: Incompatible schemata! Field 'minute' in reader schema must have a default value
        schema `tick.avsc`: field `occurred_at`: it is a timestamp-micros where our schema has a timestamp-millis
        schema `x.avsc`: `tollkeeper.v1.CallTick` is no record of the contract
        schema `x.avsc`: not the schema of a record
        schema `x.avsc`: not an Avro schema: expected value at line 1 column 1
    "#]]
    .assert_eq(&format!(
        "{}\n{}\n{}\n{}\n{}\n",
        refused("7.avsc", &tick.replace(r#""minute""#, r#""minutes""#)),
        refused("tick.avsc", &tick.replace("-millis", "-micros")),
        refused("x.avsc", &tick.replace("CallMinuteTick", "CallTick")),
        refused("x.avsc", r#""string""#),
        refused("x.avsc", "avro"),
    ));
}

/// The list is what Apache Avro for Java computes (`SchemaNormalization.parsingFingerprint`), which is what
/// other writers go by. A schema is never changed without this test: what others have written stays readable only while the
/// schema it was written by is known. See docs/CONTRACT.md, "Changing a schema".
#[test]
fn the_fingerprints_of_the_schemas_are_those_that_are_out_there() {
    let line = |record: &RecordType| {
        let header = super::super::schemas::builtin(*record).header();
        let fingerprint = u64::from_be_bytes(header[2..].try_into().expect("eight bytes"));
        format!("{fingerprint:016x} {}", record.symbol())
    };
    let lines: Vec<_> = RecordType::ALL.iter().map(line).collect();
    expect![[r#"
        8ebad5524e45bbe5 CallStarted
        5604efce2a94f0b3 CallMinuteTick
        100aa40ae269c66e CallEnded
        a98973c122e00f6a CreditGranted
        550cd8db6c562452 CreditAdjusted
        05f1c5de3fa8ca61 RechargeFailed
        e187e827050cb7dd TenantConfigured
        0bab4e0e127795f0 RateCardPart
        c900c14c6e418570 RatedUsage
        98b822459cec081a WalletEntry
        039847ec09b57c6a BalanceNotice
        9034a2c2f55b82c8 CallOrder
        e0eb3384a9526268 TenantOrder
        fbdffa24e268978d TenantBalance
    "#]]
    .assert_eq(&format!("{}\n", lines.join("\n")));
}
