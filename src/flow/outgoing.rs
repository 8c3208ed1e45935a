//! Records on their way out: one buffer for the bytes of many, used again and again.

use std::ops::Range;

use crate::codec::OutputTopic;

/// Where a record goes. The shell knows the topic's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Rated usage and wallet entries.
    RatedUsage,
    /// Notices.
    BalanceNotices,
    /// Orders.
    CallControl,
    /// Records at fault.
    Rejected,
    /// Balances.
    Balances,
    /// The journal.
    State,
}

impl Destination {
    /// All of them, in the order of their numbers.
    pub const ALL: [Destination; 6] = [
        Destination::RatedUsage,
        Destination::BalanceNotices,
        Destination::CallControl,
        Destination::Rejected,
        Destination::Balances,
        Destination::State,
    ];
}

impl From<OutputTopic> for Destination {
    fn from(topic: OutputTopic) -> Self {
        match topic {
            OutputTopic::RatedUsage => Destination::RatedUsage,
            OutputTopic::BalanceNotices => Destination::BalanceNotices,
            OutputTopic::CallControl => Destination::CallControl,
            OutputTopic::Balances => Destination::Balances,
        }
    }
}

#[derive(Clone, Debug)]
enum Name {
    Known(&'static str),
    Copied(Range<usize>),
}

#[derive(Clone, Debug)]
struct Header {
    name: Name,
    value: Option<Range<usize>>,
}

#[derive(Clone, Debug)]
struct Span {
    destination: Destination,
    partition: i32,
    key: Option<Range<usize>>,
    payload: Option<Range<usize>>,
    headers: Range<usize>,
    ticket: usize,
}

/// A record as it goes out, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutRecord<'a> {
    /// Where to.
    pub destination: Destination,
    /// The partition, everywhere that of the input.
    pub partition: i32,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub payload: Option<&'a [u8]>,
    /// Above zero on the first journal message of a partition: its offset is wanted.
    pub ticket: usize,
}

/// Records on their way out, in order.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    headers: Vec<Header>,
    records: Vec<Span>,
}

impl Outgoing {
    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Bytes of all records, names of headers apart.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// The record at a place below [`Outgoing::len`]; its headers replace what is in `headers`.
    pub fn record<'a>(
        &'a self,
        place: usize,
        headers: &mut Vec<(&'a str, Option<&'a [u8]>)>,
    ) -> OutRecord<'a> {
        let span = &self.records[place];
        headers.clear();
        headers.extend(self.headers[span.headers.clone()].iter().map(|header| {
            let name = match &header.name {
                Name::Known(name) => name,
                Name::Copied(range) => std::str::from_utf8(&self.bytes[range.clone()])
                    .expect("names of headers were texts when they were copied"),
            };
            (name, self.slice(header.value.as_ref()))
        }));
        OutRecord {
            destination: span.destination,
            partition: span.partition,
            key: self.slice(span.key.as_ref()),
            payload: self.slice(span.payload.as_ref()),
            ticket: span.ticket,
        }
    }

    fn slice(&self, range: Option<&Range<usize>>) -> Option<&[u8]> {
        range.map(|range| &self.bytes[range.clone()])
    }

    /// Bytes of memory that it has room in, full or empty.
    pub(super) fn room(&self) -> usize {
        self.bytes.capacity()
            + self.headers.capacity() * size_of::<Header>()
            + self.records.capacity() * size_of::<Span>()
    }

    /// Empties it and keeps its room.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.headers.clear();
        self.records.clear();
    }

    /// Begins a record; header after header may follow, then [`Outgoing::end`].
    pub(super) fn begin(&mut self, key: Option<&[u8]>) -> Draft {
        Draft {
            key: key.map(|key| self.put(key)),
            first_header: self.headers.len(),
        }
    }

    pub(super) fn header(&mut self, name: &'static str, value: &[u8]) {
        let value = Some(self.put(value));
        let name = Name::Known(name);
        self.headers.push(Header { name, value });
    }

    pub(super) fn copied_header(&mut self, name: &str, value: Option<&[u8]>) {
        let name = Name::Copied(self.put(name.as_bytes()));
        let value = value.map(|value| self.put(value));
        self.headers.push(Header { name, value });
    }

    /// Ends a record whose value `write` appends.
    pub(super) fn end(
        &mut self,
        draft: Draft,
        destination: Destination,
        partition: i32,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let payload = Some(start..self.bytes.len());
        self.push(draft, destination, partition, payload, 0);
    }

    /// Ends a record whose value is given, or absent.
    pub(super) fn end_with(
        &mut self,
        draft: Draft,
        destination: Destination,
        partition: i32,
        payload: Option<&[u8]>,
        ticket: usize,
    ) {
        let payload = payload.map(|payload| self.put(payload));
        self.push(draft, destination, partition, payload, ticket);
    }

    fn push(
        &mut self,
        draft: Draft,
        destination: Destination,
        partition: i32,
        payload: Option<Range<usize>>,
        ticket: usize,
    ) {
        self.records.push(Span {
            destination,
            partition,
            key: draft.key,
            payload,
            headers: draft.first_header..self.headers.len(),
            ticket,
        });
    }

    fn put(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}

/// A record that is begun.
pub(super) struct Draft {
    key: Option<Range<usize>>,
    first_header: usize,
}
