//! A partition's state back from its journal.

use crate::charging::{Layout, Part, Partition, Restoring, RowError, Settings};

use super::body::{Entry, EntryKind};
use super::chain::Chain;
use super::{Fault, Genesis, JournalError, JournalSettings, PositionMark, Writer, layout_of};

/// Takes the messages of a partition's journal in order, from the log's start.
#[derive(Debug)]
pub struct Restorer {
    genesis: Genesis,
    partition: i32,
    settings: JournalSettings,
    expected: Option<PositionMark>,
    chain: Chain,
    restoring: Restoring,
}

/// A partition as its journal has it, and the writer that goes on with it.
#[derive(Debug)]
pub struct Restored {
    /// Its wallets and calls, time and position.
    pub partition: Partition,
    /// The journal's.
    pub writer: Writer,
}

impl Restorer {
    /// For the journal of partition `partition` of what `genesis` says; `expected` is the mark of
    /// the group's committed offset.
    #[must_use]
    pub fn new(
        genesis: Genesis,
        partition: i32,
        journal: JournalSettings,
        charging: Settings,
        expected: Option<PositionMark>,
    ) -> Self {
        Restorer {
            chain: Chain::new(genesis.clone(), partition),
            genesis,
            partition,
            settings: journal,
            expected,
            restoring: Partition::restore(partition, charging),
        }
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// [`JournalError`]: the partition cannot be had from this journal.
    pub fn feed(&mut self, offset: i64, message: &[u8]) -> Result<(), JournalError> {
        let Some(mut record) = self.chain.follow(offset, message)? else {
            return Ok(());
        };
        if let Some(expected) = self.expected
            && expected.sequence == record.mark.sequence
            && expected.hash != record.mark.hash
        {
            return Err(Fault::Mark {
                sequence: expected.sequence,
            }
            .at(offset));
        }
        let (at, layout) = (record.offset, layout_of(record.format));
        while let Some(entry) = record.next_entry()? {
            put(&mut self.restoring, layout, &entry).map_err(|error| Fault::from(error).at(at))?;
        }
        Ok(())
    }

    /// The last whole record.
    #[must_use]
    pub fn mark(&self) -> Option<PositionMark> {
        self.chain.mark()
    }

    /// The input position after the last whole record.
    #[must_use]
    pub fn next_offset(&self) -> Option<i64> {
        self.chain.next_offset()
    }

    /// Whether the journal has come to the record that the group's offset was committed with.
    /// Without such a mark: never.
    #[must_use]
    pub fn reached(&self) -> bool {
        matches!((self.expected, self.mark()), (Some(expected), Some(mark)) if mark.sequence >= expected.sequence)
    }

    /// The state at the end of the log.
    ///
    /// # Errors
    /// [`JournalError`] if the log is empty, torn, behind the group's offset or lacks rows.
    pub fn finish(self) -> Result<Restored, JournalError> {
        let last = *self.chain.end()?;
        if let Some(expected) = self.expected
            && last.mark.sequence < expected.sequence
        {
            let (ends_with, expected) = (last.mark.sequence, expected.sequence);
            return Err(JournalError::Behind {
                ends_with,
                expected,
            });
        }
        let partition = self
            .restoring
            .finish(last.time, last.next_offset)
            .map_err(|error| Fault::from(error).at(last.offset))?;
        let writer = Writer::after(&last, self.genesis, self.partition, self.settings);
        Ok(Restored { partition, writer })
    }
}

fn put(restoring: &mut Restoring, layout: Layout, entry: &Entry<'_>) -> Result<(), RowError> {
    match entry.kind {
        EntryKind::Moved(moving) => restoring.put_as(layout, entry.key, Part::Moving, moving),
        EntryKind::Written(fixed, moving) => {
            restoring.put_as(layout, entry.key, Part::Fixed, fixed)?;
            restoring.put_as(layout, entry.key, Part::Moving, moving)
        }
        EntryKind::Removed => {
            restoring.remove(entry.key);
            Ok(())
        }
    }
}
