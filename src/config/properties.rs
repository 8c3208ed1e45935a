//! librdkafka's own properties under `[kafka]`: which are handed on, which are ours, which are secret.

use std::collections::BTreeMap;
use std::io::Read as _;

use super::reader::Reader;
use crate::kafka::Connection;

/// Set by the worker itself: exactly-once rests on them.
const OURS: &[&str] = &[
    "acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "client.id",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.max.bytes",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "request.required.acks",
    "session.timeout.ms",
    "transaction.timeout.ms",
    "transactional.id",
];

/// Never written into a file that others read.
const SECRET: &[&str] = &[
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.client.secret",
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

/// The longest secret, in bytes: a chain of certificates and more.
const SECRET_BYTES: u64 = 1024 * 1024;

/// What is in a file, which must not be longer than a secret.
fn secret_in(path: &str) -> std::io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(SECRET_BYTES + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length <= SECRET_BYTES) {
        return Ok(text);
    }
    Err(std::io::Error::other("it is larger than 1 MiB"))
}

/// The properties to hand on, with the secrets read from their files; librdkafka is asked whether it takes them.
pub(super) fn take(reader: &mut Reader) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    let mut keep = |reader: &mut Reader, key: &str, name: &str, value: String| {
        if let Some(what) = Connection::fault_of(name, &value) {
            reader.fault(key, what);
        }
        properties.insert(name.to_owned(), value);
    };
    for (name, value) in reader.rest_of("kafka") {
        let key = format!("kafka.{name}");
        if OURS.contains(&name.as_str()) {
            reader.fault(&key, "is set by tollkeeper itself and cannot be changed");
        } else if SECRET.contains(&name.as_str()) {
            reader.fault(
                &key,
                format!("is a secret: put it into a file and name that in `{key}_file`"),
            );
        } else if let Some(secret) = name.strip_suffix("_file") {
            match secret_in(&value) {
                Ok(text) => {
                    let text = text.trim_end_matches(['\r', '\n']).to_owned();
                    keep(reader, &key, secret, text);
                }
                Err(error) => reader.fault(&key, format!("reading `{value}`: {error}")),
            }
        } else {
            keep(reader, &key, &name, value);
        }
    }
    properties
}
