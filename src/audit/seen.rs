//! Records of the topics, reduced to what an audit looks at.

use crate::codec::{
    CreditEntry, DecodedRecord, EventDecoder, Origin, RecordDecoder, UsageEntry, UsageKind,
};
use crate::domain::{Body, Cause, Moment, Money, RejectReason, Symbol};

use super::{Stream, Wrong};

/// A record that an audit looks at.
#[derive(Debug)]
pub struct Seen {
    /// Its offset in its own topic.
    pub offset: i64,
    /// The input offset that it comes from; its own for an event. The smallest number where unreadable.
    pub source: i64,
    /// A timer led to it, after the record at `source` was applied.
    pub timer: bool,
    /// What it is.
    pub kind: SeenKind,
}

/// The kinds of record.
#[derive(Debug)]
pub enum SeenKind {
    /// Of the ledger.
    Entry(Box<Entry>),
    /// A notice.
    Notice {
        /// Whose.
        tenant: String,
        /// Gap-free from 1.
        sequence: i64,
    },
    /// An order.
    Order(Order),
    /// A rejected record; an orphan's source lies further back.
    Rejected {
        /// Why.
        reason: RejectReason,
    },
    /// An event.
    Event {
        /// Its timestamp in the topic.
        at: Moment,
        /// What it asks for.
        asked: Asked,
    },
    /// A record that is wrong by itself.
    Wrong(Wrong),
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Whose.
    pub tenant: String,
    /// The leg; none for an order about the tenant.
    pub call: Option<String>,
    /// Gap-free from 1, of the leg or of the tenant.
    pub sequence: i64,
    /// Partition time.
    pub at: Moment,
}

/// What an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A leg to be charged.
    Start {
        /// Whose.
        tenant: String,
        /// The leg.
        call: String,
    },
    /// A leg to be closed.
    End {
        /// Whose.
        tenant: String,
        /// The leg.
        call: String,
    },
    /// Credit to be added or corrected.
    Credit {
        /// Whose.
        tenant: String,
        /// `payment/…` or `adjustment/…`.
        record_id: String,
    },
    /// To be rejected: it cannot be read or makes no sense by itself.
    Rejection,
    /// Nothing that must show.
    Nothing,
}

/// A record of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose.
    pub tenant: String,
    /// Gap-free from 1.
    pub sequence: i64,
    /// What it adds to the balance.
    pub change: Money,
    /// Before it.
    pub before: Money,
    /// After it.
    pub after: Money,
    /// Partition time.
    pub at: Moment,
    /// What it is about.
    pub of: EntryOf,
}

/// What a record of the ledger is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryOf {
    /// Use of a leg.
    Usage {
        /// The leg.
        call: String,
        /// Which of its records.
        kind: UsageKind,
        /// What led to it.
        cause: Cause,
        /// Of the leg, so far.
        total: Money,
    },
    /// Credit.
    Credit {
        /// Unique within the tenant.
        record_id: String,
    },
}

/// An input topic's partition, which every record must name.
#[derive(Clone, Copy, Debug)]
pub struct InputPartition<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
}

impl SeenKind {
    /// The topic that such records belong to.
    pub(super) fn stream(&self) -> Option<Stream> {
        match self {
            SeenKind::Entry(_) => Some(Stream::Ledger),
            SeenKind::Notice { .. } => Some(Stream::Notices),
            SeenKind::Order(_) => Some(Stream::Orders),
            SeenKind::Rejected { .. } => Some(Stream::Rejected),
            SeenKind::Event { .. } => Some(Stream::Events),
            SeenKind::Wrong(_) => None,
        }
    }
}

impl Seen {
    fn wrong(offset: i64, wrong: Wrong) -> Self {
        Seen {
            offset,
            source: i64::MIN,
            timer: false,
            kind: SeenKind::Wrong(wrong),
        }
    }

    /// A record that went out; `cause` is the header of that name.
    #[must_use]
    pub fn output(
        decoder: &RecordDecoder,
        input: InputPartition<'_>,
        offset: i64,
        cause: Option<&[u8]>,
        payload: &[u8],
    ) -> Self {
        let (origin, kind) = match decoder.decode(payload) {
            Ok(DecodedRecord::RatedUsage(usage)) => usage_entry(*usage),
            Ok(DecodedRecord::WalletEntry(credit)) => credit_entry(*credit),
            Ok(DecodedRecord::BalanceNotice(notice)) => {
                let (tenant, sequence) = (notice.tenant_id, notice.notice_sequence);
                (notice.origin, SeenKind::Notice { tenant, sequence })
            }
            Ok(DecodedRecord::Order(order)) => {
                let read = Order {
                    tenant: order.tenant_id,
                    call: order.call.map(|(call, _)| call),
                    sequence: order.order_sequence,
                    at: order.issued_at,
                };
                (order.origin, SeenKind::Order(read))
            }
            Ok(DecodedRecord::TenantBalance(_)) => {
                let what = "a TenantBalance is not published here".to_owned();
                return Self::wrong(offset, Wrong::Unreadable(what));
            }
            Err(error) => return Self::wrong(offset, Wrong::Unreadable(error.to_string())),
        };
        Self::of_source(
            input,
            offset,
            origin.topic,
            origin.source.partition,
            (origin.source.offset, cause == Some(b"timer")),
            kind,
        )
    }

    /// A rejected record, by its headers.
    #[must_use]
    pub fn rejected(
        input: InputPartition<'_>,
        offset: i64,
        headers: &[(&str, Option<&[u8]>)],
    ) -> Self {
        // A header of that name may also have come with the record; ours are the last ones.
        let text = |wanted: &str| {
            let (_, value) = headers.iter().rfind(|(name, _)| *name == wanted)?;
            std::str::from_utf8((*value)?).ok()
        };
        let read = || {
            let topic = text("tollkeeper.errors.topic")?.to_owned();
            let partition = text("tollkeeper.errors.partition")?.parse().ok()?;
            let source = text("tollkeeper.errors.offset")?.parse().ok()?;
            let reason = RejectReason::from_symbol(text("tollkeeper.errors.reason")?)?;
            Some((topic, partition, source, reason))
        };
        match read() {
            None => {
                let what =
                    "its headers do not say where it stood and why it is rejected".to_owned();
                Self::wrong(offset, Wrong::Unreadable(what))
            }
            Some((topic, partition, source, reason)) => Self::of_source(
                input,
                offset,
                topic,
                partition,
                (source, false),
                SeenKind::Rejected { reason },
            ),
        }
    }

    fn of_source(
        input: InputPartition<'_>,
        offset: i64,
        topic: String,
        partition: i32,
        (source, timer): (i64, bool),
        kind: SeenKind,
    ) -> Self {
        if topic == input.topic && partition == input.partition {
            Seen {
                offset,
                source,
                timer,
                kind,
            }
        } else {
            Self::wrong(offset, Wrong::Source { topic, partition })
        }
    }

    /// An event.
    #[must_use]
    pub fn event(decoder: &EventDecoder, offset: i64, at: Moment, payload: Option<&[u8]>) -> Self {
        let asked = decoder.decode(payload).map_or(Asked::Rejection, |event| {
            let tenant = event.tenant_id.into_owned();
            match event.body {
                Body::CallStarted(start) => Asked::Start {
                    tenant,
                    call: start.call_id.into_owned(),
                },
                Body::CallEnded(end) => Asked::End {
                    tenant,
                    call: end.call_id.into_owned(),
                },
                Body::CreditGranted(grant) => Asked::Credit {
                    tenant,
                    record_id: format!("payment/{}", grant.payment_id),
                },
                Body::CreditAdjusted(adjusted) => Asked::Credit {
                    tenant,
                    record_id: format!("adjustment/{}", adjusted.adjustment_id),
                },
                Body::CallMinuteTick(_) | Body::RechargeFailed(_) | Body::TenantConfigured(_) => {
                    Asked::Nothing
                }
            }
        });
        Seen {
            offset,
            source: offset,
            timer: false,
            kind: SeenKind::Event { at, asked },
        }
    }
}

fn usage_entry(usage: UsageEntry) -> (Origin, SeenKind) {
    let entry = Entry {
        tenant: usage.tenant_id,
        sequence: usage.entry_sequence,
        change: -usage.amount,
        before: usage.balance_before,
        after: usage.balance_after,
        at: usage.rated_at,
        of: EntryOf::Usage {
            call: usage.call_id,
            kind: usage.kind,
            cause: usage.cause,
            total: usage.call_total,
        },
    };
    (usage.origin, SeenKind::Entry(Box::new(entry)))
}

fn credit_entry(credit: CreditEntry) -> (Origin, SeenKind) {
    let entry = Entry {
        tenant: credit.tenant_id,
        sequence: credit.entry_sequence,
        change: credit.amount,
        before: credit.balance_before,
        after: credit.balance_after,
        at: credit.recorded_at,
        of: EntryOf::Credit {
            record_id: credit.record_id,
        },
    };
    (credit.origin, SeenKind::Entry(Box::new(entry)))
}
