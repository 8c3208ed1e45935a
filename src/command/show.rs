//! A record of any of our topics as a JSON line.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::codec::{RecordDecoder, SchemaSet};
use crate::domain::Moment;
use crate::kafka::{BorrowedMessage, Message as _, headers_of};

/// What the headers of a rejected record begin with.
const ERRORS: &str = "tollkeeper.errors.";

/// How records are shown.
pub(super) struct Show {
    topic: &'static str,
    envelope: bool,
    decoder: RecordDecoder,
}

impl Show {
    /// For the topic with this configuration key.
    pub(super) fn new(topic: &'static str, envelope: bool, schemas: SchemaSet) -> Self {
        Show {
            topic,
            envelope,
            decoder: RecordDecoder::new(schemas),
        }
    }

    /// A record on one line.
    pub(super) fn line(&self, message: &BorrowedMessage<'_>) -> Value {
        let mut shown = match self.topic {
            "rejected" => self.rejected(message),
            "events" => self.event(message),
            topic => {
                let mut shown = Map::new();
                shown.insert("topic".to_owned(), topic.into());
                self.payload(message, &mut shown);
                shown
            }
        };
        if self.envelope {
            shown.insert("kafka".to_owned(), envelope(message));
        }
        Value::Object(shown)
    }

    /// In the form that can be published again: `type`, `at`, fields.
    fn event(&self, message: &BorrowedMessage<'_>) -> Map<String, Value> {
        let mut record = Map::new();
        self.payload(message, &mut record);
        let mut shown = Map::new();
        if let Some(kind) = record.remove("type") {
            shown.insert("type".to_owned(), kind);
        }
        shown.insert("at".to_owned(), at(message));
        record.remove("at");
        shown.extend(record);
        shown
    }

    fn rejected(&self, message: &BorrowedMessage<'_>) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("topic".to_owned(), "rejected".into());
        for name in ["reason", "stage", "message"] {
            shown.insert(name.to_owned(), error_header(message, name));
        }
        let mut source = Map::new();
        source.insert("topic".to_owned(), error_header(message, "topic"));
        for name in ["partition", "offset"] {
            let text = error_header(message, name);
            let number = text.as_str().and_then(|text| text.parse::<i64>().ok());
            source.insert(name.to_owned(), number.map_or(text, Value::from));
        }
        shown.insert("source".to_owned(), source.into());
        let mut record = Map::new();
        self.payload(message, &mut record);
        shown.insert("record".to_owned(), record.into());
        shown
    }

    /// The fields of the value, or its bytes and why they cannot be read.
    fn payload(&self, message: &BorrowedMessage<'_>, shown: &mut Map<String, Value>) {
        let Some(payload) = message.payload() else {
            shown.insert(
                "deleted".to_owned(),
                text(message.key().unwrap_or_default()),
            );
            return;
        };
        match self.decoder.to_json(payload) {
            Ok(Value::Object(fields)) => shown.extend(fields),
            Ok(other) => {
                shown.insert("value".to_owned(), other);
            }
            Err(error) => {
                shown.insert("undecodable".to_owned(), error.to_string().into());
                shown.insert("value".to_owned(), text(payload));
            }
        }
    }
}

/// Where a record stands and what it carries beside its value.
fn envelope(message: &BorrowedMessage<'_>) -> Value {
    let mut headers = Map::new();
    for (name, value) in headers_of(message) {
        headers.insert(name.to_owned(), value.map_or(Value::Null, text));
    }
    json!({
        "partition": message.partition(),
        "offset": message.offset(),
        "at": at(message),
        "key": message.key().map(text),
        "headers": headers,
    })
}

fn at(message: &BorrowedMessage<'_>) -> Value {
    message
        .timestamp()
        .to_millis()
        .and_then(|millis| Moment::checked_from_millis(millis).ok())
        .map_or(Value::Null, |moment| moment.to_string().into())
}

fn error_header(message: &BorrowedMessage<'_>, name: &str) -> Value {
    headers_of(message)
        .into_iter()
        .find(|(key, _)| key.strip_prefix(ERRORS) == Some(name))
        .and_then(|(_, value)| value)
        .map_or(Value::Null, text)
}

/// Text where it is text, else `{"hex": …}`.
fn text(bytes: &[u8]) -> Value {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let mut hex = String::with_capacity(2 * bytes.len());
        for byte in bytes {
            write!(hex, "{byte:02x}").expect("a string takes any text");
        }
        return json!({ "hex": hex });
    };
    text.into()
}
