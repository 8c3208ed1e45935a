//! From the configuration to Kafka, for every command that goes there.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use super::Failure;
use crate::charging::Settings;
use crate::codec::SchemaSet;
use crate::config::Config;
use crate::journal::{Genesis, JournalSettings, Restored, Restorer};
use crate::kafka::{self, Message as _, Start, TopicReader};

/// How long a command waits for an answer of Kafka.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
impl From<kafka::Error> for Failure {
    fn from(error: kafka::Error) -> Self {
        Failure::World(error.to_string())
    }
}

/// The built-in schemas and those of `schemas.dir`.
pub(super) fn schemas(config: &Config) -> Result<SchemaSet, Failure> {
    let mut schemas = SchemaSet::builtin();
    let Some(folder) = &config.schemas_dir else {
        return Ok(schemas);
    };
    for path in schema_files(folder)? {
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        schemas = schemas
            .with_file(&name, &text)
            .map_err(|error| Failure::Usage(format!("`schemas.dir`: {error}")))?;
    }
    Ok(schemas)
}

/// In the order of their names, so that a fault is always the same one.
fn schema_files(folder: &Path) -> Result<Vec<std::path::PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if path.extension().is_some_and(|ending| ending == "avsc") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!(
        "`schemas.dir`: reading `{}`: {error}",
        path.display()
    ))
}

/// Reads the journal of a partition to its stable end and brings its state back, for reading.
pub(super) fn restore(
    reader: &mut TopicReader,
    genesis: Genesis,
    (journal, charging): (JournalSettings, Settings),
    partition: i32,
) -> Result<Restored, Failure> {
    let mut reading = Restorer::new(genesis, partition, journal, charging, None);
    let mut fault = None;
    reader.read_to_end(
        &[(partition, Start::Beginning)],
        PATIENCE,
        |message| match reading.feed(message.offset(), message.payload().unwrap_or_default()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                fault = Some(error);
                ControlFlow::Break(())
            }
        },
    )?;
    let restored = match fault {
        Some(error) => Err(error),
        None => reading.finish(),
    };
    restored
        .map_err(|error| Failure::Input(format!("the journal of partition {partition}: {error}")))
}
