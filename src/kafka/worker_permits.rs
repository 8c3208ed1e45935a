//! What operators permit on a partition, kept as offsets of a group of its own (docs/adr): durable,
//! seen by whichever worker owns the partition, and written with nothing but access to Kafka.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::Offset;

use super::clients::{Connection, Listening};
use super::error::Error;
use super::reader::TopicReader;
use crate::flow::Permit;

/// The group whose offsets are the permissions for the workers of `group`.
#[must_use]
pub fn skip_group(group: &str) -> String {
    format!("{group}.skip")
}

const RECORD: &str = "record";
const GAP: &str = "gap";

/// Permits something on a partition of `topic`; the latest permission of a partition counts.
///
/// # Errors
/// [`Error`] if Kafka does not take it.
pub fn give_permit(
    connection: &Connection,
    group: &str,
    topic: &str,
    partition: i32,
    permit: Permit,
) -> Result<(), Error> {
    let mut config = connection.config("tollkeeper-skip");
    config.set("group.id", skip_group(group));
    config.set("enable.auto.commit", "false");
    let consumer = BaseConsumer::from_config_and_context(&config, Listening).map_err(|error| {
        Error::Configuration {
            what: error.to_string(),
        }
    })?;
    let (offset, metadata) = match permit {
        Permit::SkipRecord(offset) => (offset, RECORD),
        Permit::AcceptGap(position) => (position, GAP),
    };
    let mut list = TopicPartitionList::new();
    let mut entry = list.add_partition(topic, partition);
    entry
        .set_offset(Offset::Offset(offset))
        .map_err(|error| Error::failed("naming the offset", &error))?;
    entry.set_metadata(metadata);
    consumer
        .commit(&list, CommitMode::Sync)
        .map_err(|error| Error::failed(format!("committing to `{}`", skip_group(group)), &error))
}

/// The latest permission on a partition of the reader's topic; the reader is of [`skip_group`].
pub(super) fn permit(
    reader: &TopicReader,
    partition: i32,
    timeout: Duration,
) -> Result<Option<Permit>, Error> {
    let committed = reader.committed(reader.topic(), partition, timeout)?;
    Ok(committed.and_then(|committed| {
        let offset = committed.next_offset;
        match std::str::from_utf8(&committed.metadata) {
            Ok(RECORD) => Some(Permit::SkipRecord(offset)),
            Ok(GAP) => Some(Permit::AcceptGap(offset)),
            _ => None,
        }
    }))
}
