//! Apache's own Avro library as a second opinion: the JSON form to a datum and back, by a schema's text.

use apache_avro::types::Value as Avro;
use apache_avro::{Decimal, Schema, from_avro_datum, to_avro_datum};
use serde_json::{Map, Value};

use crate::domain::{Moment, Money};

/// A datum of the schema from the JSON form.
pub fn datum_of(schema: &str, json: &Value) -> Vec<u8> {
    let schema = parsed(schema);
    to_avro_datum(&schema, to_avro(&schema, json)).expect("a value of its schema")
}

/// The JSON form of a datum, which must be read to its end.
pub fn json_of(schema: &str, mut datum: &[u8]) -> Value {
    let schema = parsed(schema);
    let value = from_avro_datum(&schema, &mut datum, None).expect("a datum of its schema");
    assert!(datum.is_empty(), "bytes are left over");
    to_json(&value)
}

/// The library refuses the specification's own form of a decimal's default, so those are left out here.
fn parsed(schema: &str) -> Schema {
    let mut json: Value = serde_json::from_str(schema).expect("JSON");
    for field in json["fields"].as_array_mut().expect("fields") {
        if field["type"]["logicalType"] == "decimal" {
            field
                .as_object_mut()
                .expect("a field")
                .shift_remove("default");
        }
    }
    Schema::parse(&json).expect("a schema")
}

fn to_avro(schema: &Schema, json: &Value) -> Avro {
    let text = || json.as_str().expect("a text");
    let number = || json.as_i64().expect("a number");
    match schema {
        Schema::Null => Avro::Null,
        Schema::Boolean => Avro::Boolean(json.as_bool().expect("a boolean")),
        Schema::Int => Avro::Int(number().try_into().expect("an int")),
        Schema::Long => Avro::Long(number()),
        Schema::String => Avro::String(text().to_owned()),
        Schema::Bytes => Avro::Bytes(unhex(text())),
        Schema::TimestampMillis => {
            Avro::TimestampMillis(Moment::parse(text()).expect("a moment").millis())
        }
        Schema::Decimal(_) => {
            let micros = Money::parse(text()).expect("a decimal").micros();
            let bytes = micros.to_be_bytes();
            // The fewest bytes that still mean the same.
            let means = |from: &usize| wide(&bytes[*from..]) == micros;
            let from = (0..8).rev().find(means).expect("all eight mean the same");
            Avro::Decimal(Decimal::from(&bytes[from..]))
        }
        Schema::Enum(of) => {
            let at = of.symbols.iter().position(|symbol| symbol == text());
            let at = at.expect("a symbol of the schema");
            Avro::Enum(at.try_into().expect("few symbols"), text().to_owned())
        }
        Schema::Array(of) => {
            let items = json.as_array().expect("a list");
            Avro::Array(items.iter().map(|item| to_avro(&of.items, item)).collect())
        }
        Schema::Union(of) => {
            let at = u32::from(!json.is_null());
            let variant = &of.variants()[usize::from(!json.is_null())];
            Avro::Union(at, Box::new(to_avro(variant, json)))
        }
        Schema::Record(of) => {
            let field = |field: &apache_avro::schema::RecordField| {
                let value = json.get(&field.name).or(field.default.as_ref());
                let value = value.unwrap_or_else(|| panic!("no `{}`", field.name));
                (field.name.clone(), to_avro(&field.schema, value))
            };
            Avro::Record(of.fields.iter().map(field).collect())
        }
        other => panic!("no such type in the contract: {other:?}"),
    }
}

fn to_json(value: &Avro) -> Value {
    match value {
        Avro::Null => Value::Null,
        Avro::Boolean(value) => (*value).into(),
        Avro::Int(value) => (*value).into(),
        Avro::Long(value) => (*value).into(),
        Avro::String(value) | Avro::Enum(_, value) => value.clone().into(),
        Avro::Bytes(bytes) => {
            let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
            digits.collect::<String>().into()
        }
        Avro::TimestampMillis(millis) => Moment::from_millis(*millis).to_string().into(),
        Avro::Decimal(decimal) => {
            let bytes = Vec::<u8>::try_from(decimal).expect("the bytes of a decimal");
            Money::from_micros(wide(&bytes)).to_string().into()
        }
        Avro::Array(items) => items.iter().map(to_json).collect::<Vec<_>>().into(),
        Avro::Union(_, value) => to_json(value),
        Avro::Record(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), to_json(value)));
            let present = fields.filter(|(_, value)| !value.is_null());
            present.collect::<Map<_, _>>().into()
        }
        other => panic!("no such type in the contract: {other:?}"),
    }
}

/// A big-endian two's complement number of at most eight bytes.
fn wide(bytes: &[u8]) -> i64 {
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
    let mut wide = [sign; 8];
    wide[8 - bytes.len()..].copy_from_slice(bytes);
    i64::from_be_bytes(wide)
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(byte).collect()
}
