//! Payloads to events, in the three encodings of the input.

use super::avro_event::read_event;
use super::framing::{Framed, framed};
use super::json_event::read_json;
use super::rejection::undecodable;
use super::schemas::SchemaSet;
use crate::domain::{Event, Rejected};

/// Bytes to events, in the three encodings of the input.
#[derive(Clone, Debug)]
pub struct EventDecoder {
    schemas: SchemaSet,
}

impl EventDecoder {
    /// A decoder that knows these writer schemas.
    #[must_use]
    pub fn new(schemas: SchemaSet) -> Self {
        EventDecoder { schemas }
    }

    /// The event of a record's value, its texts borrowed where they can be; or why it is none.
    ///
    /// # Errors
    /// [`Rejected`]: UNDECODABLE if the value is absent or not of any schema that is known, INVALID if one
    /// of its values makes no sense by itself.
    pub fn decode<'a>(&self, payload: Option<&'a [u8]>) -> Result<Event<'a>, Rejected> {
        let payload = payload.ok_or_else(|| undecodable("no value"))?;
        match framed(&self.schemas, payload).map_err(undecodable)? {
            Framed::Datum(writer, datum) => read_event(writer, datum),
            Framed::Json(text) => read_json(text),
        }
    }
}
