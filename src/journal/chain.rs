//! Reads messages in order and lets through only what follows without a gap.

use crate::domain::Moment;

use super::body::{Body, Entries, Entry, GenesisRef};
use super::frame::Frame;
use super::rounds::Rounds;
use super::wire::Malformed;
use super::{Fault, Genesis, JournalError, PositionMark};

/// The reader of one partition's journal: knows the last record and what must come next.
///
/// It holds one record at most, and that only while its parts come in.
#[derive(Debug)]
pub struct Chain {
    genesis: Genesis,
    partition: i32,
    last: Option<Last>,
    gathering: Option<Gathering>,
    /// The body of the last record that came in parts.
    gathered: Vec<u8>,
}

/// The last whole record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    /// Of its first message.
    pub offset: i64,
    pub mark: PositionMark,
    pub next_offset: i64,
    pub time: Moment,
    pub rounds: Rounds,
    /// The bound for trimming that the record carried.
    pub carried: i64,
}

/// A record whose parts are coming in.
#[derive(Clone, Copy, Debug)]
struct Gathering {
    offset: i64,
    sequence: u64,
    next_part: u16,
    parts: u16,
    format: u8,
    /// The hash of the part before.
    hash: [u8; 32],
}

/// A whole record that follows the one before.
#[derive(Debug)]
pub struct JournalRecord<'a> {
    /// The journal offset of its first message.
    pub offset: i64,
    /// Its number and hash.
    pub mark: PositionMark,
    /// The format it is written in.
    pub format: u8,
    /// What it says, but for rows.
    pub body: Body<'a>,
    entries: Entries<'a>,
}

impl<'a> JournalRecord<'a> {
    /// The next row, changes first, then swept ones.
    ///
    /// # Errors
    /// Names the record if a row cannot be understood.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'a>>, JournalError> {
        let sequence = self.mark.sequence;
        let entry = self.entries.next();
        entry.map_err(|Malformed(what)| Fault::Malformed { sequence, what }.at(self.offset))
    }
}

impl Chain {
    /// Before the first message of a partition's journal.
    #[must_use]
    pub fn new(genesis: Genesis, partition: i32) -> Self {
        Chain {
            genesis,
            partition,
            last: None,
            gathering: None,
            gathered: Vec::new(),
        }
    }

    /// The last whole record.
    #[must_use]
    pub fn mark(&self) -> Option<PositionMark> {
        self.last.map(|last| last.mark)
    }

    /// The input position after the last whole record.
    #[must_use]
    pub fn next_offset(&self) -> Option<i64> {
        self.last.map(|last| last.next_offset)
    }

    /// Takes the next message; gives a record once its last part is there.
    ///
    /// # Errors
    /// [`JournalError`], with the message's offset; the chain is then of no further use.
    pub fn follow<'a>(
        &'a mut self,
        offset: i64,
        message: &'a [u8],
    ) -> Result<Option<JournalRecord<'a>>, JournalError> {
        let frame = Frame::open(message).map_err(|fault| fault.at(offset))?;
        self.check_place(&frame).map_err(|fault| fault.at(offset))?;
        let begin = self.gathering.map_or(offset, |gathering| gathering.offset);
        if frame.parts > 1 && !self.gather(&frame, begin) {
            return Ok(None);
        }
        let bytes = if frame.parts > 1 {
            &self.gathered
        } else {
            frame.slice
        };
        let (sequence, format) = (frame.sequence, frame.format);
        let (body, entries) = Body::open(bytes)
            .map_err(|Malformed(what)| Fault::Malformed { sequence, what }.at(offset))?;
        let mark = PositionMark {
            sequence,
            hash: frame.hash,
        };
        self.last = Some(
            next_last(self.last, &self.genesis, self.partition, mark, &body, begin)
                .map_err(|fault| fault.at(offset))?,
        );
        Ok(Some(JournalRecord {
            offset: begin,
            mark,
            format,
            body,
            entries,
        }))
    }

    /// Whether the log may end here.
    ///
    /// # Errors
    /// [`JournalError`] if it is empty, ends within a record or may lack rows.
    pub(super) fn end(&self) -> Result<&Last, JournalError> {
        if let Some(gathering) = self.gathering {
            let what = "the log ends before its last part";
            return Err(Fault::Parts {
                sequence: gathering.sequence,
                what,
            }
            .at(gathering.offset));
        }
        let last = self.last.as_ref().ok_or(JournalError::Empty)?;
        if last.rounds.whole {
            Ok(last)
        } else {
            Err(Fault::NoWholeRound.at(last.offset))
        }
    }

    /// Whether a message is the very next one.
    fn check_place(&self, frame: &Frame<'_>) -> Result<(), Fault> {
        let Some((expected, hash)) = self.expected() else {
            return if frame.part == 1 {
                Ok(())
            } else {
                let what = "the log begins after its first part";
                Err(Fault::Parts {
                    sequence: frame.sequence,
                    what,
                })
            };
        };
        if (frame.sequence, frame.part) != expected {
            return Err(Fault::Sequence {
                expected: expected.0,
                expected_part: expected.1,
                found: frame.sequence,
                found_part: frame.part,
            });
        }
        if frame.before != hash {
            return Err(Fault::Chain {
                sequence: frame.sequence,
            });
        }
        let parts_agree = |gathering: Gathering| {
            (gathering.parts, gathering.format) == (frame.parts, frame.format)
        };
        if !self.gathering.is_none_or(parts_agree) {
            let what = "its parts do not agree on their number or format";
            return Err(Fault::Parts {
                sequence: frame.sequence,
                what,
            });
        }
        Ok(())
    }

    /// The record and part that must come, and the hash it must have been written after.
    fn expected(&self) -> Option<((u64, u16), [u8; 32])> {
        if let Some(gathering) = self.gathering {
            return Some(((gathering.sequence, gathering.next_part), gathering.hash));
        }
        let mark = self.last?.mark;
        Some(((mark.sequence.checked_add(1)?, 1), mark.hash))
    }

    /// Keeps a part; true if it was the last.
    fn gather(&mut self, frame: &Frame<'_>, offset: i64) -> bool {
        if frame.part == 1 {
            self.gathered.clear();
        }
        self.gathered.extend_from_slice(frame.slice);
        self.gathering = (frame.part < frame.parts).then(|| Gathering {
            offset,
            sequence: frame.sequence,
            next_part: frame.part + 1,
            parts: frame.parts,
            format: frame.format,
            hash: frame.hash,
        });
        self.gathering.is_none()
    }
}

/// Where the chain stands after a record, if that goes on from `last`.
fn next_last(
    last: Option<Last>,
    genesis: &Genesis,
    partition: i32,
    mark: PositionMark,
    body: &Body<'_>,
    offset: i64,
) -> Result<Last, Fault> {
    let sequence = mark.sequence;
    let malformed = |what| Fault::Malformed { sequence, what };
    if let Some(origin) = &body.origin {
        check_origin(genesis, partition, origin)?;
    }
    if let Some(last) = last {
        if body.positions.start != last.next_offset {
            let (expected, found) = (last.next_offset, body.positions.start);
            return Err(Fault::Positions {
                sequence,
                expected,
                found,
            });
        }
        if body.time < last.time {
            return Err(malformed("its time lies before that of the record before"));
        }
    }
    let mut rounds = match (&body.slice, last) {
        (None, None) if sequence == 0 && body.origin.is_some() => Rounds::after_genesis(),
        (None, _) => return Err(malformed("it has no slice of the sweep")),
        (Some(slice), None) => Rounds::before(slice, body.dead_before),
        (Some(slice), Some(last)) if last.rounds.is_next(slice) => last.rounds,
        (Some(_), Some(_)) => return Err(malformed("its slice does not follow the one before")),
    };
    if let Some(slice) = &body.slice {
        if slice.after.is_none() && body.origin.is_none() {
            return Err(malformed("a round begins without the genesis"));
        }
        rounds.advance(slice, offset);
    }
    Ok(Last {
        offset,
        mark,
        next_offset: body.positions.end,
        time: body.time,
        rounds,
        carried: body.dead_before,
    })
}

fn check_origin(genesis: &Genesis, partition: i32, origin: &GenesisRef<'_>) -> Result<(), Fault> {
    let different = |what, expected: &dyn ToString, found: &dyn ToString| {
        let (expected, found) = (expected.to_string(), found.to_string());
        if expected == found {
            Ok(())
        } else {
            Err(Fault::Origin {
                what,
                expected,
                found,
            })
        }
    };
    different("cluster", &genesis.cluster_id, &origin.cluster_id)?;
    different(
        "input topic id",
        &genesis.input_topic_id,
        &origin.input_topic_id,
    )?;
    different(
        "a number of partitions of",
        &genesis.partitions,
        &origin.partitions,
    )?;
    different("partition", &partition, &origin.partition)
}
