//! The journal of a partition, read to its stable end, and held against the group's offset and against
//! what the last audit saw.

use super::{Books, Counts, Stream, Violation, Wrong};
use crate::charging::Settings;
use crate::journal::{Genesis, JournalError, JournalSettings, PositionMark, Restorer};

/// The group's committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupPosition {
    /// The next input offset.
    pub next_offset: i64,
    /// The record of the journal that its metadata names.
    pub mark: Option<PositionMark>,
}

/// A journal on its way in.
#[derive(Debug)]
pub struct JournalAudit {
    partition: i32,
    restorer: Restorer,
    group: Option<GroupPosition>,
    last: Option<PositionMark>,
    first_position: Option<i64>,
    counts: Counts,
    violations: Vec<Violation>,
}

/// What a journal said.
#[derive(Debug)]
pub struct JournalRead {
    /// The books at its end.
    pub books: Books,
    /// Its last record.
    pub mark: PositionMark,
    /// What was read.
    pub counts: Counts,
    /// What is wrong around it.
    pub violations: Vec<Violation>,
}

impl JournalAudit {
    /// Before the first message of the journal of `partition`. The group's offset must have been asked
    /// for before the journal is read; `last` is the last record that the last audit saw.
    #[must_use]
    pub fn new(
        genesis: Genesis,
        partition: i32,
        charging: Settings,
        group: Option<GroupPosition>,
        last: Option<PositionMark>,
    ) -> Self {
        let mark = group.and_then(|group| group.mark);
        let journal = JournalSettings::default();
        JournalAudit {
            partition,
            restorer: Restorer::new(genesis, partition, journal, charging, mark),
            group,
            last,
            first_position: None,
            counts: Counts::default(),
            violations: Vec::new(),
        }
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// The violation that ends the audit of this partition.
    pub fn feed(&mut self, offset: i64, message: &[u8]) -> Result<(), Violation> {
        let before = self.restorer.mark();
        self.counts.journal_bytes +=
            u64::try_from(message.len()).expect("a length fits into 64 bits");
        self.restorer
            .feed(offset, message)
            .map_err(|error| self.broken(error))?;
        let Some(mark) = self.restorer.mark().filter(|mark| before != Some(*mark)) else {
            return Ok(());
        };
        self.counts.journal_records += 1;
        let position = self.restorer.next_offset();
        self.first_position = self.first_position.or(position);
        if self
            .last
            .is_some_and(|last| last.sequence == mark.sequence && last.hash != mark.hash)
        {
            self.report(
                offset,
                Wrong::OtherJournal {
                    sequence: mark.sequence,
                },
            );
        }
        self.check_group(offset, mark, position);
        Ok(())
    }

    /// Whether it has come to the record that the group's offset names.
    #[must_use]
    pub fn reached(&self) -> bool {
        self.group.and_then(|group| group.mark).is_none() || self.restorer.reached()
    }

    /// The end of the log.
    ///
    /// # Errors
    /// The violation that ends the audit of this partition.
    pub fn finish(mut self) -> Result<JournalRead, Violation> {
        if let Some(GroupPosition {
            next_offset: group,
            mark: None,
        }) = self.group
        {
            let wrong = Wrong::GroupMetadata { group };
            self.violations
                .push(violation(Stream::Events, self.partition, None, wrong));
        }
        let partition = self.partition;
        let ended = violation_of(partition);
        let restored = self.restorer.finish().map_err(ended)?;
        let mark = restored.writer.mark();
        if let Some(last) = self.last.filter(|last| last.sequence > mark.sequence) {
            let wrong = Wrong::JournalBehind {
                ends_with: mark.sequence,
                seen: last.sequence,
            };
            self.violations
                .push(violation(Stream::Journal, partition, None, wrong));
        }
        let books = Books::of(&restored.partition);
        let positions = books.next_offset - self.first_position.unwrap_or(books.next_offset);
        self.counts.positions = positions.unsigned_abs();
        Ok(JournalRead {
            books,
            mark,
            counts: self.counts,
            violations: self.violations,
        })
    }

    fn check_group(&mut self, offset: i64, mark: PositionMark, position: Option<i64>) {
        let Some(GroupPosition {
            next_offset: group,
            mark: Some(named),
        }) = self.group
        else {
            return;
        };
        let Some(journal) = position.filter(|position| *position != group) else {
            return;
        };
        if named.sequence == mark.sequence {
            let sequence = mark.sequence;
            self.report(
                offset,
                Wrong::GroupOffset {
                    group,
                    sequence,
                    journal,
                },
            );
        }
    }

    fn report(&mut self, offset: i64, wrong: Wrong) {
        self.violations.push(violation(
            Stream::Journal,
            self.partition,
            Some(offset),
            wrong,
        ));
    }

    fn broken(&self, error: JournalError) -> Violation {
        violation_of(self.partition)(error)
    }
}

fn violation_of(partition: i32) -> impl FnOnce(JournalError) -> Violation {
    move |error| {
        let offset = match &error {
            JournalError::At { offset, .. } => Some(*offset),
            JournalError::Empty | JournalError::Behind { .. } => None,
        };
        violation(Stream::Journal, partition, offset, error.into())
    }
}

fn violation(stream: Stream, partition: i32, offset: Option<i64>, wrong: Wrong) -> Violation {
    Violation {
        stream,
        partition,
        offset,
        wrong,
    }
}
