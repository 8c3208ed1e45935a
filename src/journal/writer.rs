//! Writes one record a transaction: the changes, and a slice of the sweep.

use std::ops::Range;

use crate::charging::{Change, Part, Partition, RowKey};
use crate::domain::Moment;

use super::body::{Body, GenesisRef, Slice, put_moved, put_removed, put_written};
use super::chain::Last;
use super::frame::{OVERHEAD, seal};
use super::rounds::Rounds;
use super::wire::put_number;
use super::{
    Genesis, JournalSettings, PositionMark, SWEEP_BYTES_AT_LEAST, SWEEP_BYTES_AT_MOST, layout_of,
};

/// The first record of a partition's journal, without which none is begun.
#[must_use]
pub fn encode_genesis(genesis: &Genesis, partition: i32, settings: JournalSettings) -> Vec<u8> {
    let body = Body {
        positions: 0..0,
        time: Moment::EARLIEST,
        dead_before: 0,
        origin: Some(origin(genesis, partition)),
        gap: None,
        slice: None,
    };
    let mut bytes = Vec::new();
    body.put(&mut bytes);
    bytes.extend_from_slice(&[0, 0]);
    let (mut messages, _) = seal(
        settings.write_format,
        0,
        [0; 32],
        &bytes,
        settings.message_bytes,
    );
    assert!(messages.len() == 1, "a genesis fits into one message");
    messages.remove(0)
}

/// A record on its way to the journal.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// Its messages, in order.
    pub messages: Vec<Vec<u8>>,
    /// For the metadata of the offsets that are committed with it.
    pub mark: PositionMark,
}

/// The writer of one partition's journal. An abort makes it worthless: restore another.
#[derive(Debug)]
pub struct Writer {
    genesis: Genesis,
    partition: i32,
    settings: JournalSettings,
    mark: PositionMark,
    next_offset: i64,
    rounds: Rounds,
    /// The bound for trimming that the last committed record carried.
    carried: i64,
    /// Of the record that is not committed yet.
    pending: Option<Pending>,
    gap: Option<Range<i64>>,
    rows: Vec<u8>,
    fixed: Vec<u8>,
    moving: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    slice: Slice,
    carries: i64,
}

/// The state to be written, as functions, so that it need not be a [`Partition`].
pub(super) struct Rows<'a> {
    pub changes: &'a [Change],
    pub write: &'a dyn Fn(RowKey, Part, &mut Vec<u8>),
    pub next: &'a dyn Fn(Option<RowKey>) -> Option<RowKey>,
    pub time: Moment,
    pub next_offset: i64,
}

impl Writer {
    pub(super) fn after(
        last: &Last,
        genesis: Genesis,
        partition: i32,
        settings: JournalSettings,
    ) -> Self {
        Writer {
            genesis,
            partition,
            settings,
            mark: last.mark,
            next_offset: last.next_offset,
            rounds: last.rounds,
            carried: last.carried,
            pending: None,
            gap: None,
            rows: Vec::new(),
            fixed: Vec::new(),
            moving: Vec::new(),
        }
    }

    /// The last record written, committed or not.
    #[must_use]
    pub fn mark(&self) -> PositionMark {
        self.mark
    }

    /// The input position after the last record written.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Notes in the next record that these input positions were lost and that an operator accepted it.
    pub fn note_gap(&mut self, positions: Range<i64>) {
        self.gap = Some(positions);
    }

    /// Whether the next record notes lost positions.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        self.gap.is_some()
    }

    /// The record of a transaction: what changed in the partition since the last one, the input
    /// positions since then, and a slice of the sweep. The one before must have been committed.
    pub fn next(&mut self, partition: &mut Partition) -> Written {
        let changes = partition.take_changes();
        let partition = &*partition;
        let layout = layout_of(self.settings.write_format);
        self.encode(&Rows {
            changes: &changes,
            write: &|key, part, out| partition.write_row_as(layout, key, part, out),
            next: &|after| partition.next_row(after),
            time: partition.time(),
            next_offset: partition.next_offset(),
        })
    }

    /// Takes note that the last record is committed and at which offset its first message lies.
    pub fn committed(&mut self, first_offset: i64) {
        let pending = self
            .pending
            .take()
            .expect("a record was written before it is committed");
        self.rounds.advance(&pending.slice, first_offset);
        self.carried = pending.carries;
    }

    /// The offset before which the journal may be deleted: the beginning of a complete round, which
    /// a committed record names.
    #[must_use]
    pub fn trim_before(&self) -> Option<i64> {
        (self.carried > 0).then_some(self.carried)
    }

    pub(super) fn encode(&mut self, rows: &Rows<'_>) -> Written {
        assert!(self.pending.is_none(), "a record follows a committed one");
        let changes = rows.changes.len();
        self.rows.clear();
        for change in rows.changes {
            self.put_change(*change, rows);
        }
        let (slice, swept) = self.put_slice(rows);
        let mut bytes = Vec::with_capacity(self.rows.len() + 256);
        self.body(rows, slice).put(&mut bytes);
        for count in [changes, swept] {
            put_number(
                &mut bytes,
                u64::try_from(count).expect("a count fits into 64 bits"),
            );
        }
        bytes.extend_from_slice(&self.rows);
        let sequence = self.mark.sequence + 1;
        let JournalSettings {
            write_format,
            message_bytes,
        } = self.settings;
        let (messages, mark) = seal(
            write_format,
            sequence,
            self.mark.hash,
            &bytes,
            message_bytes,
        );
        self.mark = mark;
        self.next_offset = rows.next_offset;
        self.gap = None;
        self.pending = Some(Pending {
            slice,
            carries: self.rounds.dead_before,
        });
        Written { messages, mark }
    }

    fn body(&self, rows: &Rows<'_>, slice: Slice) -> Body<'_> {
        assert!(
            self.next_offset <= rows.next_offset,
            "the input position never goes back"
        );
        Body {
            positions: self.next_offset..rows.next_offset,
            time: rows.time,
            dead_before: self.rounds.dead_before,
            origin: slice
                .after
                .is_none()
                .then(|| origin(&self.genesis, self.partition)),
            gap: self.gap.clone(),
            slice: Some(slice),
        }
    }

    fn put_change(&mut self, change: Change, rows: &Rows<'_>) {
        match change {
            Change::Moved(key) => {
                self.moving.clear();
                (rows.write)(key, Part::Moving, &mut self.moving);
                put_moved(&mut self.rows, key, &self.moving);
            }
            Change::Written(key) => self.put_whole(key, rows),
            Change::Removed(key) => put_removed(&mut self.rows, key),
        }
    }

    fn put_whole(&mut self, key: RowKey, rows: &Rows<'_>) {
        self.fixed.clear();
        self.moving.clear();
        (rows.write)(key, Part::Fixed, &mut self.fixed);
        (rows.write)(key, Part::Moving, &mut self.moving);
        put_written(&mut self.rows, key, &self.fixed, &self.moving);
    }

    /// Sweeps on for a quarter more bytes than the record has besides, within bounds, and counts the rows:
    /// so that two rounds, the most that is kept, are less than four times the state.
    fn put_slice(&mut self, rows: &Rows<'_>) -> (Slice, usize) {
        let changed = self.rows.len();
        let besides = changed + OVERHEAD;
        let budget = (besides + besides / 4).clamp(SWEEP_BYTES_AT_LEAST, SWEEP_BYTES_AT_MOST);
        let after = self.rounds.after;
        let (mut to, mut swept) = (after, 0);
        let mut next = (rows.next)(to);
        while let Some(key) = next
            && self.rows.len() - changed < budget
        {
            self.put_whole(key, rows);
            to = Some(key);
            swept += 1;
            next = (rows.next)(to);
        }
        let slice = Slice {
            round: self.rounds.round,
            after,
            to,
            last: next.is_none(),
        };
        (slice, swept)
    }
}

fn origin(genesis: &Genesis, partition: i32) -> GenesisRef<'_> {
    GenesisRef {
        cluster_id: &genesis.cluster_id,
        input_topic_id: &genesis.input_topic_id,
        partitions: genesis.partitions,
        partition,
    }
}
