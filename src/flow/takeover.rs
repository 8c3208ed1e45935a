//! Whether a partition may go on from what was found of it.

use std::fmt;

use crate::journal::{JournalError, Restored};

use super::{CommittedOffset, Found, Permit, StopReason};

/// Something unexpected that was handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The group's offset was set by somebody else; the journal's position counts.
    OffsetIgnored {
        /// The partition.
        partition: i32,
        /// The group's.
        group: i64,
        /// The journal's.
        journal: i64,
    },
    /// The journal has records beyond the one that the group's offset names; it counts.
    JournalAhead {
        /// The partition.
        partition: i32,
        /// The record that the group names.
        group: u64,
        /// The journal's last.
        journal: u64,
    },
    /// Lost input was accepted by an operator.
    GapAccepted {
        /// The partition.
        partition: i32,
        /// From this offset
        from: i64,
        /// to this one.
        to: i64,
    },
    /// What a partition's take-over needs could not be read; it is tried again.
    NotFound {
        /// The partition.
        partition: i32,
        /// Why.
        why: String,
    },
    /// A transaction is aborted; its records will be taken again.
    Aborting(String),
    /// The producer cannot go on; a new one is made.
    Rebuilding(String),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::OffsetIgnored {
                partition,
                group,
                journal,
            } => write!(
                f,
                "partition `{partition}`: the group's offset `{group}` was not set by us; going on at the journal's `{journal}`"
            ),
            Warning::JournalAhead {
                partition,
                group,
                journal,
            } => write!(
                f,
                "partition `{partition}`: the journal has record `{journal}`, the group's offset names `{group}`; going on with the journal"
            ),
            Warning::GapAccepted {
                partition,
                from,
                to,
            } => write!(
                f,
                "partition `{partition}`: lost input from `{from}` to `{to}` was accepted by an operator"
            ),
            Warning::NotFound { partition, why } => {
                write!(
                    f,
                    "partition `{partition}`: taking over: {why}; trying again"
                )
            }
            Warning::Aborting(why) => write!(f, "aborting a transaction: {why}"),
            Warning::Rebuilding(why) => write!(f, "making a new producer: {why}"),
        }
    }
}

/// What is to be done with what was found.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Go on with it. A gap that was accepted is to be noted in the journal.
    Go(Box<Restored>, Vec<Warning>),
    /// Something is undecided: look again.
    Wait,
    /// It cannot go on.
    Stop(StopReason),
}

/// Judges what was found; `waited` is true once a transaction's time-out has passed.
pub(super) fn judge(partition: i32, found: Found, waited: bool) -> Verdict {
    let mark = found.committed.and_then(|committed| committed.mark);
    let restored = match found.journal {
        Ok(restored) => restored,
        Err(JournalError::Behind { .. } | JournalError::Empty) if !waited && mark.is_some() => {
            return Verdict::Wait;
        }
        // Behind a transaction that is undecided there may be more, even a trim's whole new beginning.
        Err(error) if found.undecided && error.ends_early() => {
            return if waited {
                Verdict::Stop(StopReason::Undecided)
            } else {
                Verdict::Wait
            };
        }
        Err(error @ JournalError::Behind { .. }) => {
            return Verdict::Stop(StopReason::JournalBehind(error.to_string()));
        }
        Err(error) => return Verdict::Stop(StopReason::Journal(error.to_string())),
    };
    // Without a mark nothing says how far the journal must reach, so nothing may be undecided.
    if mark.is_none() && found.undecided {
        return if waited {
            Verdict::Stop(StopReason::Undecided)
        } else {
            Verdict::Wait
        };
    }
    let mut warnings = Vec::new();
    warnings.extend(disagreement(partition, found.committed, &restored));
    bounded(
        partition,
        restored,
        (found.input_start, found.input_end),
        found.permit,
        warnings,
    )
}

fn disagreement(
    partition: i32,
    committed: Option<CommittedOffset>,
    restored: &Restored,
) -> Option<Warning> {
    let committed = committed?;
    let last = restored.writer.mark();
    match committed.mark {
        Some(mark) if mark.sequence < last.sequence => Some(Warning::JournalAhead {
            partition,
            group: mark.sequence,
            journal: last.sequence,
        }),
        Some(_) if committed.next_offset == restored.writer.next_offset() => None,
        _ => Some(Warning::OffsetIgnored {
            partition,
            group: committed.next_offset,
            journal: restored.writer.next_offset(),
        }),
    }
}

/// The input must have everything from the journal's position on, unless an operator gave it up.
fn bounded(
    partition: i32,
    mut restored: Restored,
    (start, end): (i64, i64),
    permit: Option<Permit>,
    mut warnings: Vec<Warning>,
) -> Verdict {
    let position = restored.partition.next_offset();
    if position > end {
        return Verdict::Stop(StopReason::BeyondEnd { position, end });
    }
    if position >= start {
        return Verdict::Go(Box::new(restored), warnings);
    }
    if permit != Some(Permit::AcceptGap(position)) {
        return Verdict::Stop(StopReason::Gap { position, start });
    }
    restored.partition.skip_to(start);
    restored.writer.note_gap(position..start);
    warnings.push(Warning::GapAccepted {
        partition,
        from: position,
        to: start,
    });
    Verdict::Go(Box::new(restored), warnings)
}
