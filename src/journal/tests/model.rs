//! A state as simple as can be, and the log that its journal makes.

use std::collections::BTreeMap;

use crate::charging::{Change, Part, RowKey, Table};
use crate::domain::Moment;
use crate::journal::writer::Rows;
use crate::journal::{
    Chain, EntryKind, Genesis, JournalError, JournalSettings, PositionMark, Writer, encode_genesis,
};

pub const PARTITION: i32 = 3;

/// Fixed and moving part of each row.
pub type State = BTreeMap<RowKey, (Vec<u8>, Vec<u8>)>;

pub fn genesis() -> Genesis {
    Genesis {
        cluster_id: "5L6g3nShT-eMCtK--X86sw".to_owned(),
        input_topic_id: "1f0ea4e5-3d1c-4a2c-9b5e-6f0d8a1b2c3d".to_owned(),
        partitions: 16,
    }
}

pub fn settings(message_bytes: usize) -> JournalSettings {
    JournalSettings {
        message_bytes,
        ..JournalSettings::default()
    }
}

pub fn row(table: Table, slot: u32) -> RowKey {
    RowKey { table, slot }
}

/// What can happen to a row.
#[derive(Clone, Debug)]
pub enum Happening {
    /// It is made, or made anew.
    Write(RowKey, Vec<u8>, Vec<u8>),
    /// Its moving part changes, if it exists.
    Move(RowKey, Vec<u8>),
    /// It goes, if it exists.
    Remove(RowKey),
}

/// Messages with their offsets, as a reader of committed records sees them.
pub type Log = Vec<(i64, Vec<u8>)>;

/// A worker with one partition: state, writer and the committed log.
#[derive(Debug)]
pub struct Worker {
    pub state: State,
    pub time: Moment,
    pub next_offset: i64,
    pub writer: Writer,
    pub log: Log,
    /// The log's next offset: markers and aborted messages take some, too.
    pub log_end: i64,
    message_bytes: usize,
}

impl Worker {
    pub fn new(message_bytes: usize) -> Self {
        let message = encode_genesis(&genesis(), PARTITION, JournalSettings::default());
        let log = vec![(0, message)];
        let restored = restore(&log, message_bytes).expect("a genesis restores");
        Worker {
            state: restored.state,
            time: restored.time,
            next_offset: restored.next_offset,
            writer: restored.writer,
            log,
            log_end: 2,
            message_bytes,
        }
    }

    /// One transaction that covers `happenings.len()` input positions.
    pub fn transact(&mut self, happenings: &[Happening]) -> PositionMark {
        let (messages, mark) = self.write(happenings);
        self.writer.committed(self.log_end);
        for message in messages {
            self.log.push((self.log_end, message));
            self.log_end += 1;
        }
        self.log_end += 1;
        mark
    }

    /// A transaction that is aborted: its messages take offsets, and all else comes from the log.
    pub fn abort(&mut self, happenings: &[Happening]) {
        let (messages, _) = self.write(happenings);
        self.log_end += i64::try_from(messages.len()).expect("few") + 1;
        let restored = restore(&self.log, self.message_bytes).expect("what was committed restores");
        self.state = restored.state;
        self.time = restored.time;
        self.next_offset = restored.next_offset;
        self.writer = restored.writer;
    }

    fn write(&mut self, happenings: &[Happening]) -> (Vec<Vec<u8>>, PositionMark) {
        let changes = self.apply(happenings);
        let state = &self.state;
        let written = self.writer.encode(&Rows {
            changes: &changes,
            write: &|key, part, out| {
                let (fixed, moving) = &state[&key];
                out.extend_from_slice(if part == Part::Fixed { fixed } else { moving });
            },
            next: &|after| next_row(state, after),
            time: self.time,
            next_offset: self.next_offset,
        });
        assert!(
            written
                .messages
                .iter()
                .all(|message| message.len() <= self.message_bytes)
        );
        (written.messages, written.mark)
    }

    /// Applies what happens and says what has changed, each row once.
    fn apply(&mut self, happenings: &[Happening]) -> Vec<Change> {
        let mut changes = BTreeMap::new();
        for happening in happenings {
            match happening.clone() {
                Happening::Write(key, fixed, moving) => {
                    self.state.insert(key, (fixed, moving));
                    changes.insert(key, Change::Written(key));
                }
                Happening::Move(key, moving) => {
                    if let Some((_, known)) = self.state.get_mut(&key) {
                        *known = moving;
                        changes.entry(key).or_insert(Change::Moved(key));
                    }
                }
                Happening::Remove(key) => {
                    if self.state.remove(&key).is_some() {
                        changes.insert(key, Change::Removed(key));
                    }
                }
            }
            self.next_offset += 1;
            self.time = Moment::from_millis(self.time.millis() + 7);
        }
        changes.into_values().collect()
    }

    /// The log from an offset on, as a trim leaves it.
    pub fn trimmed(&self, before: i64) -> Log {
        self.log
            .iter()
            .filter(|(offset, _)| *offset >= before)
            .cloned()
            .collect()
    }
}

fn next_row(state: &State, after: Option<RowKey>) -> Option<RowKey> {
    use std::ops::Bound::{Excluded, Unbounded};
    let from = after.map_or(Unbounded, Excluded);
    state.range((from, Unbounded)).next().map(|(key, _)| *key)
}

/// What a log restores to.
#[derive(Debug)]
pub struct Restored {
    pub state: State,
    pub time: Moment,
    pub next_offset: i64,
    pub writer: Writer,
}

/// Restores as [`crate::journal::Restorer`] does, into the model.
pub fn restore(log: &[(i64, Vec<u8>)], message_bytes: usize) -> Result<Restored, JournalError> {
    let mut chain = Chain::new(genesis(), PARTITION);
    let (mut fixed, mut moving) = (BTreeMap::new(), BTreeMap::new());
    for (offset, message) in log {
        let Some(mut record) = chain.follow(*offset, message)? else {
            continue;
        };
        while let Some(entry) = record.next_entry()? {
            match entry.kind {
                EntryKind::Moved(bytes) => drop(moving.insert(entry.key, bytes.to_vec())),
                EntryKind::Written(first, second) => {
                    fixed.insert(entry.key, first.to_vec());
                    moving.insert(entry.key, second.to_vec());
                }
                EntryKind::Removed => {
                    fixed.remove(&entry.key);
                    moving.remove(&entry.key);
                }
            }
        }
    }
    let last = *chain.end()?;
    assert!(fixed.keys().eq(moving.keys()), "every row has both parts");
    let parts = fixed.into_iter().zip(moving.into_values());
    Ok(Restored {
        state: parts
            .map(|((key, fixed), moving)| (key, (fixed, moving)))
            .collect(),
        time: last.time,
        next_offset: last.next_offset,
        writer: Writer::after(&last, genesis(), PARTITION, settings(message_bytes)),
    })
}
