//! A partition with its journal, and the comparison of two of them row by row.

use tollkeeper::charging::{Part, Partition, Settings};
use tollkeeper::journal::{
    Genesis, JournalError, JournalSettings, Restored, Restorer, encode_genesis,
};

/// The partition that is charged.
pub const PARTITION: i32 = 0;

/// What the journal belongs to.
pub fn genesis() -> Genesis {
    Genesis {
        cluster_id: "cluster".to_owned(),
        input_topic_id: "topic".to_owned(),
        partitions: 1,
    }
}

/// Small messages, so that records have several parts.
pub fn journal_settings() -> JournalSettings {
    JournalSettings {
        message_bytes: 4_096,
        ..JournalSettings::default()
    }
}

/// The first message of every log.
pub fn first_message() -> Vec<u8> {
    encode_genesis(&genesis(), PARTITION, journal_settings())
}

/// What a log restores to.
pub fn restore(log: &[Vec<u8>]) -> Result<Restored, JournalError> {
    let mut restorer = Restorer::new(
        genesis(),
        PARTITION,
        journal_settings(),
        Settings::default(),
        None,
    );
    for (offset, message) in (0..).zip(log) {
        restorer.feed(offset, message)?;
    }
    restorer.finish()
}

/// Commits what changed in a partition.
pub fn commit(restored: &mut Restored, log: &mut Vec<Vec<u8>>) {
    let written = restored.writer.next(&mut restored.partition);
    let offset = i64::try_from(log.len()).expect("a short log");
    log.extend(written.messages);
    restored.writer.committed(offset);
}

/// Every row, both parts, as bytes.
pub fn rows(partition: &Partition) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut key = partition.next_row(None);
    while let Some(row) = key {
        bytes.extend_from_slice(format!("{row:?}").as_bytes());
        partition.write_row(row, Part::Fixed, &mut bytes);
        partition.write_row(row, Part::Moving, &mut bytes);
        key = partition.next_row(Some(row));
    }
    bytes
}
