//! Facts to records on their way out, with the headers of the contract.

use crate::charging::{Facts, RawRef};
use crate::codec::{RecordEncoder, key_of, rejection_headers, topic_of};
use crate::domain::{NoticeKind, Record, Rejected, RejectedRecord, TenantBalance};

use super::pending::Pending;
use super::{Destination, FlowSettings};

/// The event that led to an output, or a timer.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub cause: &'a [u8],
    pub traceparent: Option<&'a [u8]>,
    /// The record being applied; none for a timer.
    pub raw: Option<RawRef<'a>>,
}

impl Origin<'_> {
    pub(super) const TIMER: Origin<'static> = Origin {
        cause: b"timer",
        traceparent: None,
        raw: None,
    };
}

/// Where facts are written to.
pub(super) struct Press<'a> {
    pub settings: &'a FlowSettings,
    pub encoder: &'a RecordEncoder,
    /// What the partition has for its next commit.
    pub pending: &'a mut Pending,
}

/// Room for the headers that we add to a rejected record.
const OWN_HEADERS_BYTES: usize = 4 * 1024;

impl Press<'_> {
    /// Puts all facts on their way and forgets them.
    pub(super) fn publish(&mut self, partition: i32, facts: &mut Facts, origin: Origin<'_>) {
        for record in facts.records.drain(..) {
            self.record(partition, &record, origin);
        }
        for rejected in facts.rejected.drain(..) {
            self.rejected(partition, &rejected, origin);
        }
    }

    fn record(&mut self, partition: i32, record: &Record, origin: Origin<'_>) {
        match record {
            Record::CallOrder(_) | Record::TenantOrder(_) => {
                self.pending.counts.orders += 1;
                self.pending.urgent = true;
            }
            Record::BalanceNotice(notice) if notice.kind == NoticeKind::CreditExhausted => {
                self.pending.urgent = true;
            }
            _ => {}
        }
        let draft = self.pending.outgoing.begin(Some(key_of(record)));
        self.pending
            .outgoing
            .header("tollkeeper.cause", origin.cause);
        if let Some(traceparent) = origin.traceparent {
            self.pending.outgoing.header("traceparent", traceparent);
        }
        let destination = Destination::from(topic_of(record));
        self.pending.counts.published[destination as usize] += 1;
        let encoder = self.encoder;
        self.pending
            .outgoing
            .end(draft, destination, partition, |out| {
                encoder.encode(record, out);
            });
    }

    /// The latest of a tenant: it sums a transaction up, so no single event is its cause.
    pub(super) fn balance(&mut self, partition: i32, balance: TenantBalance) {
        let record = Record::TenantBalance(Box::new(balance));
        let draft = self.pending.outgoing.begin(Some(key_of(&record)));
        self.pending.counts.published[Destination::Balances as usize] += 1;
        let encoder = self.encoder;
        self.pending
            .outgoing
            .end(draft, Destination::Balances, partition, |out| {
                encoder.encode(&record, out);
            });
    }

    fn rejected(&mut self, partition: i32, rejected: &Rejected, origin: Origin<'_>) {
        if let RejectedRecord::Parked(parked) = &rejected.record {
            let headers: Vec<_> = parked
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_deref()))
                .collect();
            let raw = RawRef {
                offset: parked.offset,
                timestamp: parked.timestamp,
                key: parked.key.as_deref(),
                payload: parked.payload.as_deref(),
                headers: &headers,
            };
            self.reject(partition, rejected, raw);
        } else {
            let raw = origin
                .raw
                .expect("a timer rejects no other record than parked ones");
            self.reject(partition, rejected, raw);
        }
    }

    /// The record as it came, with the reason; cut where the topic would not take it.
    pub(super) fn reject(&mut self, partition: i32, rejected: &Rejected, raw: RawRef<'_>) {
        let fitted = Fitted::of(raw, self.settings.record_bytes - OWN_HEADERS_BYTES);
        let topic = &self.settings.input_topic;
        let draft = self.pending.outgoing.begin(fitted.key);
        for (name, value) in fitted.headers {
            self.pending.outgoing.copied_header(name, *value);
        }
        for (name, value) in rejection_headers(rejected, topic, partition, raw.offset) {
            self.pending.outgoing.header(name, value.as_bytes());
        }
        if fitted.cut {
            let length = raw.payload.map_or(0, <[u8]>::len);
            let value = length.to_string();
            self.pending
                .outgoing
                .header("tollkeeper.errors.truncated", value.as_bytes());
        }
        self.pending.counts.published[Destination::Rejected as usize] += 1;
        let destination = Destination::Rejected;
        self.pending
            .outgoing
            .end_with(draft, destination, partition, fitted.payload, 0);
    }
}

/// A record cut to a size: its headers go first if they take half of it, its key is cut to a
/// quarter, its value to what is left.
struct Fitted<'a> {
    key: Option<&'a [u8]>,
    payload: Option<&'a [u8]>,
    headers: &'a [(&'a str, Option<&'a [u8]>)],
    cut: bool,
}

impl<'a> Fitted<'a> {
    fn of(raw: RawRef<'a>, room: usize) -> Self {
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let named: usize = raw
            .headers
            .iter()
            .map(|(name, value)| name.len() + length(*value) + HEADER_BYTES)
            .sum();
        let whole = length(raw.key) + length(raw.payload) + named;
        if whole <= room {
            return Fitted {
                key: raw.key,
                payload: raw.payload,
                headers: raw.headers,
                cut: false,
            };
        }
        let (headers, named) = if named > room / 2 {
            (&[][..], 0)
        } else {
            (raw.headers, named)
        };
        let first = |bytes: &'a [u8], most: usize| &bytes[..bytes.len().min(most)];
        let key = raw.key.map(|key| first(key, room / 4));
        let left = room - named - length(key);
        Fitted {
            key,
            payload: raw.payload.map(|payload| first(payload, left)),
            headers,
            cut: true,
        }
    }
}

/// What a header takes beside its name and value.
const HEADER_BYTES: usize = 10;
