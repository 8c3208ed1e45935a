//! Which encoding a payload has, told by its first byte, and which schema wrote it.

use serde::Deserialize;
use serde_avro_fast::Schema;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};
use std::io::BufRead;

use super::schemas::{SINGLE_OBJECT, SchemaSet, Writer};

/// The first byte of Confluent's wire format.
pub(super) const CONFLUENT: u8 = 0x00;

/// Items that an array or map may have; more is taken for nonsense.
const MAX_ITEMS: usize = 10_000;

/// A payload by its encoding.
pub(super) enum Framed<'s, 'p> {
    /// Avro, by the schema it names.
    Datum(&'s Writer, &'p [u8]),
    /// The JSON form.
    Json(&'p [u8]),
}

/// Tells the encoding of a payload and finds its schema.
pub(super) fn framed<'s, 'p>(
    schemas: &'s SchemaSet,
    payload: &'p [u8],
) -> Result<Framed<'s, 'p>, String> {
    match payload {
        [b'{', ..] => Ok(Framed::Json(payload)),
        [CONFLUENT, rest @ ..] => {
            let (id, datum) = rest
                .split_first_chunk::<4>()
                .ok_or("a Confluent header of less than five bytes")?;
            let id = u32::from_be_bytes(*id);
            let writer = schemas
                .of_id(id)
                .ok_or_else(|| format!("no schema is known for the Confluent id {id}"))?;
            Ok(Framed::Datum(writer, datum))
        }
        [first, second, rest @ ..] if [*first, *second] == SINGLE_OBJECT => {
            let (fingerprint, datum) = rest
                .split_first_chunk::<8>()
                .ok_or("a single-object header of less than ten bytes")?;
            let writer = schemas.of_fingerprint(*fingerprint).ok_or_else(|| {
                let number = u64::from_le_bytes(*fingerprint);
                format!("no schema is known for the fingerprint {number:016x}")
            })?;
            Ok(Framed::Datum(writer, datum))
        }
        [] => Err("an empty value".to_owned()),
        [first, ..] => Err(format!(
            "neither Confluent framing, single-object encoding nor JSON: begins with {first:#04x}"
        )),
    }
}

/// Reads one datum by its writer's schema; what it leaves over is an error.
pub(super) fn read_datum<'de, S: serde::de::DeserializeSeed<'de>>(
    seed: S,
    schema: &Schema,
    datum: &'de [u8],
) -> Result<S::Value, String> {
    let mut config = DeserializerConfig::new(schema);
    config.max_seq_size = MAX_ITEMS;
    let mut state = DeserializerState::with_config(SliceRead::new(datum), config);
    let value = seed
        .deserialize(state.deserializer())
        .map_err(|error| error.to_string())?;
    let left = state.into_reader().fill_buf().map_or(0, <[u8]>::len);
    if left > 0 {
        return Err(format!("{left} bytes are left over after the datum"));
    }
    Ok(value)
}

/// Reads one datum into a type that knows how.
pub(super) fn read_as<'de, T: Deserialize<'de>>(
    schema: &Schema,
    datum: &'de [u8],
) -> Result<T, String> {
    read_datum(std::marker::PhantomData::<T>, schema, datum)
}
