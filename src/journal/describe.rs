//! A message of the journal in words, for `journal inspect`.

use std::collections::BTreeMap;
use std::fmt;

use crate::charging::{RowKey, Table};

use super::body::{Body, Entries, EntryKind};
use super::frame::Frame;
use super::wire::Malformed;

/// A message in words; [`describe`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a>(&'a [u8]);

/// A message of the journal, to be shown in words; what cannot be read says why.
#[must_use]
pub fn describe(message: &[u8]) -> Description<'_> {
    Description(message)
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frame = match Frame::open(self.0) {
            Ok(frame) => frame,
            Err(fault) => return write!(f, "unreadable: {fault}"),
        };
        write!(f, "record {}", frame.sequence)?;
        if frame.parts > 1 {
            write!(f, ", part {} of {}", frame.part, frame.parts)?;
        }
        write!(
            f,
            ", {} bytes, format {}, logic {}, hash {}, after {}",
            self.0.len(),
            frame.format,
            frame.logic_version,
            Short(&frame.hash),
            Short(&frame.before),
        )?;
        if frame.parts > 1 {
            return Ok(());
        }
        match Body::open(frame.slice) {
            Ok((body, entries)) => write_body(f, &body, entries),
            Err(Malformed(what)) => write!(f, "; unreadable: {what}"),
        }
    }
}

fn write_body(f: &mut fmt::Formatter<'_>, body: &Body<'_>, entries: Entries<'_>) -> fmt::Result {
    let (changed, swept) = match count(entries) {
        Ok(tallies) => tallies,
        Err(Malformed(what)) => return write!(f, "; unreadable: {what}"),
    };
    write!(
        f,
        "; input {}..{}",
        body.positions.start, body.positions.end
    )?;
    write!(f, "; time {}", body.time)?;
    if let Some(origin) = &body.origin {
        write!(f, "; genesis: cluster {}, ", origin.cluster_id)?;
        write!(f, "input topic {}, ", origin.input_topic_id)?;
        write!(f, "partition {} of {}", origin.partition, origin.partitions)?;
    }
    if let Some(gap) = &body.gap {
        write!(f, "; gap accepted: input {}..{}", gap.start, gap.end)?;
    }
    write!(f, "; changes:{}", Counts(&changed))?;
    if let Some(slice) = &body.slice {
        write!(f, "; sweep: round {} from ", slice.round)?;
        write_key(f, slice.after, "the first row")?;
        f.write_str(" to ")?;
        write_key(f, slice.to, "no row")?;
        f.write_str(if slice.last { ", its end" } else { "" })?;
        write!(f, ":{}", Counts(&swept))?;
    }
    if body.dead_before > 0 {
        write!(f, "; dead before offset {}", body.dead_before)?;
    }
    Ok(())
}

/// How many rows of which table were what.
type Tally = BTreeMap<(Table, &'static str), u64>;

/// The rows that changed, and those that were swept.
fn count(mut entries: Entries<'_>) -> Result<(Tally, Tally), Malformed> {
    let (mut changed, mut swept) = (Tally::new(), Tally::new());
    while let Some(entry) = entries.next()? {
        let what = match entry.kind {
            EntryKind::Moved(_) => "moved",
            EntryKind::Written(..) => "written",
            EntryKind::Removed => "removed",
        };
        let tally = if entry.swept {
            &mut swept
        } else {
            &mut changed
        };
        *tally.entry((entry.key.table, what)).or_default() += 1;
    }
    Ok((changed, swept))
}

/// The first bytes of a hash, which are enough for a reader's eye.
struct Short<'a>(&'a [u8; 32]);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

struct Counts<'a>(&'a Tally);

impl fmt::Display for Counts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(" none");
        }
        let mut comma = "";
        for ((table, what), count) in self.0 {
            write!(f, "{comma} {count} {} {what}", table_name(*table))?;
            comma = ",";
        }
        Ok(())
    }
}

fn write_key(f: &mut fmt::Formatter<'_>, key: Option<RowKey>, none: &str) -> fmt::Result {
    match key {
        None => f.write_str(none),
        Some(key) => write!(f, "{}/{}", table_name(key.table), key.slot),
    }
}

fn table_name(table: Table) -> &'static str {
    match table {
        Table::Partition => "partition",
        Table::Tenant => "tenant",
        Table::Call => "call",
        Table::Closed => "closed call",
        Table::Payment => "payment",
        Table::Parked => "parked event",
    }
}
