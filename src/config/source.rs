//! The file and the environment, merged into one flat list of dotted keys.

use std::collections::BTreeMap;
use std::ffi::OsString;

use toml::{Table, Value};

use super::faults::Faults;

/// A value as it was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Setting {
    /// In the file, with its type.
    File(Value),
    /// In an environment variable, as text.
    Environment(String),
}

/// Dotted key → value.
pub(super) type Settings = BTreeMap<String, Setting>;

const PREFIX: &str = "TOLLKEEPER_";

/// The file's settings with the environment's over them.
pub(super) fn merge<N: Into<OsString>, V: Into<OsString>>(
    text: &str,
    environment: impl IntoIterator<Item = (N, V)>,
    faults: &mut Faults,
) -> Settings {
    let mut settings = Settings::new();
    match text.parse::<Table>() {
        Ok(table) => flatten("", table, &mut settings),
        Err(error) => faults.add("the file", error.to_string().trim_end().to_owned()),
    }
    for (name, value) in environment {
        let Ok(name) = name.into().into_string() else {
            continue;
        };
        let Some(key) = key_of_variable(&name) else {
            continue;
        };
        match value.into().into_string() {
            Ok(value) => {
                settings.insert(key, Setting::Environment(value));
            }
            Err(_) => faults.add(&name, "not UTF-8"),
        }
    }
    settings
}

/// `TOLLKEEPER_WORKER__COMMIT_INTERVAL_MS` → `worker.commit_interval_ms`. Names without a double
/// underscore are left alone: container platforms set some of them for a service of that name.
fn key_of_variable(name: &str) -> Option<String> {
    let key = name.strip_prefix(PREFIX)?;
    key.contains("__")
        .then(|| key.to_ascii_lowercase().replace("__", "."))
}

fn flatten(prefix: &str, table: Table, settings: &mut Settings) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Table(inner) => flatten(&key, inner, settings),
            value => {
                settings.insert(key, Setting::File(value));
            }
        }
    }
}
