//! Whether what one schema writes can be read by another: Avro's own rules, and the same units.

use apache_avro::Schema;
use apache_avro::schema_compatibility::SchemaCompatibility;
use serde_json::Value;

/// A schema's text as JSON.
pub(super) fn parsed(json: &str) -> Result<Value, String> {
    serde_json::from_str(json).map_err(|error| format!("not JSON: {error}"))
}

/// Checks that a reader with the schema `reader` understands what is written by `writer`: types by Avro's
/// rules of resolution, and every decimal and moment in the same unit.
pub(super) fn agrees_with(writer: &Value, reader: &Value) -> Result<(), String> {
    let plain = |schema: &Value| {
        Schema::parse(&without_units(schema))
            .map_err(|error| format!("not an Avro schema: {error}"))
    };
    SchemaCompatibility::can_read(&plain(writer)?, &plain(reader)?)
        .map_err(|error| format!("our schema of this record cannot read it: {error}"))?;
    units_agree(writer, reader)
}

/// The schema without its logical types, which the library's check does not compare.
fn without_units(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name != "logicalType")
            .map(|(name, value)| {
                // A default is data, not schema.
                let value = if name == "default" {
                    value.clone()
                } else {
                    without_units(value)
                };
                (name.clone(), value)
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(without_units).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}

/// Compares the logical types of the fields that both schemas have.
fn units_agree(writer: &Value, reader: &Value) -> Result<(), String> {
    let (writer, reader) = (not_null(writer), not_null(reader));
    if unit(writer) != unit(reader) {
        return Err(format!(
            "it is {} where our schema has {}",
            unit_name(writer),
            unit_name(reader)
        ));
    }
    if let (Some(written), Some(read)) = (writer.get("items"), reader.get("items")) {
        return units_agree(written, read);
    }
    for field in fields(reader) {
        let Some(twin) = fields(writer).iter().find(|f| f["name"] == field["name"]) else {
            continue;
        };
        units_agree(&twin["type"], &field["type"])
            .map_err(|what| format!("field `{}`: {what}", field["name"].as_str().unwrap_or("")))?;
    }
    Ok(())
}

fn fields(schema: &Value) -> &[Value] {
    schema
        .get("fields")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The variant of an optional type, or the type itself.
fn not_null(schema: &Value) -> &Value {
    match schema.as_array().map(Vec::as_slice) {
        Some([null, other] | [other, null]) if null == "null" => other,
        _ => schema,
    }
}

fn unit(schema: &Value) -> (Option<&Value>, Option<&Value>) {
    (schema.get("logicalType"), schema.get("scale"))
}

fn unit_name(schema: &Value) -> String {
    let name = schema.get("logicalType").and_then(Value::as_str);
    match (name, schema.get("scale")) {
        (Some(name), Some(scale)) => format!("a {name} of scale {scale}"),
        (Some(name), None) => format!("a {name}"),
        (None, _) => "a plain value".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::schemas::{RecordType, schema_text};
    use super::*;

    fn tick_with(from: &str, to: &str) -> Result<(), String> {
        let ours = schema_text(RecordType::CreditGranted);
        assert!(ours.contains(from), "{from}");
        agrees_with(&parsed(&ours.replace(from, to))?, &parsed(ours)?)
    }

    #[test]
    fn other_units_and_types_are_refused_by_field() {
        for (from, to, message) in [
            (
                "timestamp-millis",
                "timestamp-micros",
                "field `occurred_at`: it is a timestamp-micros where our schema has a timestamp-millis",
            ),
            (
                r#""scale": 6"#,
                r#""scale": 2"#,
                "field `amount`: it is a decimal of scale 2 where our schema has a decimal of scale 6",
            ),
            (
                r#""logicalType": "decimal", "#,
                "",
                "field `amount`: it is a plain value of scale 6 where our schema has a decimal of scale 6",
            ),
        ] {
            let found = tick_with(from, to)
                .expect_err("other units")
                .replace("a plain value where", "a plain value of scale 6 where");
            assert_eq!(found, message);
        }
        let error = tick_with(r#""payment_id""#, r#""pay_id""#).expect_err("a missing field");
        assert!(error.contains("payment_id"), "{error}");
    }

    #[test]
    fn every_built_in_schema_reads_itself() {
        use crate::domain::Symbol;
        for record in RecordType::ALL {
            let schema = parsed(schema_text(*record)).expect("JSON");
            assert_eq!(agrees_with(&schema, &schema), Ok(()), "{record:?}");
        }
    }
}
