//! A batch of polled records, sorted by partition, as the flow takes them.

use std::ops::Range;

use rdkafka::message::{BorrowedMessage, Message as _};

use super::native;
use crate::charging::RawRef;
use crate::domain::Moment;

/// What was polled before it is looked at.
pub(super) struct Batch<'c> {
    messages: Vec<BorrowedMessage<'c>>,
}

impl<'c> Batch<'c> {
    pub(super) fn new() -> Self {
        Batch {
            messages: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, message: BorrowedMessage<'c>) {
        self.messages.push(message);
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn clear(&mut self) {
        self.messages.clear();
    }

    /// Brings the records of each partition together, keeping their order.
    pub(super) fn sort(&mut self) {
        self.messages.sort_by_key(BorrowedMessage::partition);
    }

    /// All headers of the batch, and where each record's begin.
    pub(super) fn headers(&self) -> Headers<'_> {
        let mut headers = Headers {
            all: Vec::new(),
            ends: Vec::with_capacity(self.messages.len()),
        };
        for message in &self.messages {
            native::message_headers(message, &mut headers.all);
            headers.ends.push(headers.all.len());
        }
        headers
    }

    /// The records, borrowed.
    pub(super) fn records<'b>(&'b self, headers: &'b Headers<'b>) -> Vec<RawRef<'b>> {
        let mut start = 0;
        let mut records = Vec::with_capacity(self.messages.len());
        for (message, end) in self.messages.iter().zip(&headers.ends) {
            records.push(RawRef {
                offset: message.offset(),
                timestamp: timestamp(message),
                key: message.key(),
                payload: message.payload(),
                headers: &headers.all[start..*end],
            });
            start = *end;
        }
        records
    }

    /// The partitions in the sorted batch, each with the places of its records.
    pub(super) fn partitions(&self) -> Vec<(i32, Range<usize>)> {
        let mut runs: Vec<(i32, Range<usize>)> = Vec::new();
        for (place, message) in self.messages.iter().enumerate() {
            match runs.last_mut() {
                Some((partition, run)) if *partition == message.partition() => run.end = place + 1,
                _ => runs.push((message.partition(), place..place + 1)),
            }
        }
        runs
    }
}

/// The headers of a batch.
pub(super) struct Headers<'b> {
    all: Vec<(&'b str, Option<&'b [u8]>)>,
    ends: Vec<usize>,
}

/// The record's Kafka timestamp; what lies outside the calendar moves no time.
fn timestamp(message: &BorrowedMessage<'_>) -> Moment {
    let millis = message.timestamp().to_millis().unwrap_or_default();
    let bounded = millis.clamp(Moment::EARLIEST.millis(), Moment::LATEST.millis());
    Moment::from_millis(bounded)
}
