//! Datums in the JSON form, by the schema that wrote them: decimals as minimal texts, moments as RFC 3339,
//! bytes in hexadecimal, absent fields left out.

use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_avro_fast::schema::{LogicalType, RegularType, SchemaKey, SchemaMut};
use serde_json::{Map, Value};

use super::framing::read_datum;
use super::schemas::Writer;
use crate::domain::{Moment, Symbol};

/// A datum in the JSON form; `head` stands before its fields, and its type after that.
pub(super) fn shown(
    writer: &Writer,
    datum: &[u8],
    head: Map<String, Value>,
) -> Result<Value, String> {
    let root = Shown {
        nodes: &writer.nodes,
        key: SchemaKey::root(),
    };
    let mut object = head;
    object.insert("type".to_owned(), writer.record.symbol().into());
    if let Value::Object(fields) = read_datum(root, &writer.schema, datum)? {
        object.extend(fields);
    }
    Ok(object.into())
}

/// A value of the schema at `key`.
#[derive(Clone, Copy)]
struct Shown<'s> {
    nodes: &'s SchemaMut,
    key: SchemaKey,
}

impl<'s> Shown<'s> {
    fn at(self, key: SchemaKey) -> Self {
        Shown { key, ..self }
    }

    fn type_(self) -> &'s RegularType {
        &self.nodes[self.key].type_
    }

    /// The other variant of a union of two, one of which is null.
    fn optional(self) -> Option<Self> {
        let RegularType::Union(union) = self.type_() else {
            return None;
        };
        let is_null = |key: &SchemaKey| matches!(self.nodes[*key].type_, RegularType::Null);
        match union.variants.as_slice() {
            [null, other] if is_null(null) => Some(self.at(*other)),
            [other, null] if is_null(null) => Some(self.at(*other)),
            _ => None,
        }
    }

    fn field(self, name: &str) -> Option<Self> {
        let RegularType::Record(record) = self.type_() else {
            return None;
        };
        let field = record.fields.iter().find(|field| field.name == name)?;
        Some(self.at(field.type_))
    }

    fn items(self) -> Option<Self> {
        match self.type_() {
            RegularType::Array(array) => Some(self.at(array.items)),
            RegularType::Map(map) => Some(self.at(map.values)),
            _ => None,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Shown<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.optional().is_some() {
            deserializer.deserialize_option(self)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Shown<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of its schema")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let other = self.optional().unwrap_or(self);
        other.deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i32<E: Error>(self, value: i32) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        match self.nodes[self.key].logical_type {
            Some(LogicalType::TimestampMillis) => shown_moment(value)
                .map(Into::into)
                .ok_or_else(|| E::custom("a moment outside the years 1970 to 9100")),
            _ => Ok(value.into()),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        match self.nodes[self.key].logical_type {
            Some(LogicalType::Decimal(_)) => Ok(minimal(text).into()),
            _ => Ok(text.into()),
        }
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Value, E> {
        let mut text = String::with_capacity(2 * bytes.len());
        for byte in bytes {
            write!(text, "{byte:02x}").map_err(E::custom)?;
        }
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let seed = self.items().ok_or_else(|| A::Error::custom("not a list"))?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(seed)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let seed = self
                .field(&name)
                .or_else(|| self.items())
                .ok_or_else(|| A::Error::custom("not an object"))?;
            let value = entries.next_value_seed(seed)?;
            if !value.is_null() {
                object.insert(name, value);
            }
        }
        Ok(object.into())
    }
}

/// A moment as RFC 3339; what we derive (an expiry, a cut) may lie somewhat past the latest that comes in.
fn shown_moment(millis: i64) -> Option<String> {
    const LATEST_DERIVED: Moment = Moment::LATEST.plus_days(36_525);
    let moment = Moment::from_millis(millis);
    (Moment::EARLIEST..=LATEST_DERIVED)
        .contains(&moment)
        .then(|| moment.to_string())
}

/// A decimal without the zeros that say nothing.
fn minimal(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}
