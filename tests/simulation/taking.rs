//! What a worker polled, and how it is taken: run by run, as far as it still counts.

use std::collections::VecDeque;
use std::ops::Range;

use tollkeeper::charging::RawRef;
use tollkeeper::flow::Happened;

use super::consumer::{Poll, Polled};
use super::worker::{Stage, Worker};
use super::world::World;

/// A header of a record, borrowed.
type Header<'a> = (&'a str, Option<&'a [u8]>);

impl Worker {
    pub(super) fn poll(&mut self, world: &mut World) {
        let most = world.plan.batch;
        match self.consumer.poll(world, self.id, most) {
            Poll::Records { polled, gap } => {
                if gap {
                    self.step(world, Happened::InputTrimmed);
                }
                self.batch = polled;
                let mut runs: VecDeque<(i32, Range<usize>)> = VecDeque::new();
                for (place, polled) in self.batch.iter().enumerate() {
                    match runs.back_mut() {
                        Some((partition, run)) if *partition == polled.partition => {
                            run.end = place + 1;
                        }
                        _ => runs.push_back((polled.partition, place..place + 1)),
                    }
                }
                self.runs = runs;
            }
            Poll::FencedInstance => self.step(world, Happened::InstanceFenced),
        }
    }

    /// The next run of the batch.
    pub(super) fn take(&mut self, world: &mut World) {
        let Some((partition, run)) = self.runs.pop_front() else {
            self.left = None;
            self.batch.clear();
            self.stage = Stage::Group;
            return;
        };
        let last = self.batch[run.end - 1].offset;
        self.left = None;
        if let Some(from) = self.reading.run(partition, last) {
            self.left = Some((partition, run.clone()));
            self.tell_polled(world, partition, from, run);
        }
    }

    fn tell_polled(&mut self, world: &mut World, partition: i32, from: i64, run: Range<usize>) {
        let batch = std::mem::take(&mut self.batch);
        let headers: Vec<Vec<Header<'_>>> = batch[run.clone()]
            .iter()
            .map(|polled| {
                let headers = polled.message.headers.iter();
                headers
                    .map(|(name, value)| (name.as_str(), value.as_deref()))
                    .collect()
            })
            .collect();
        let records: Vec<RawRef<'_>> = batch[run]
            .iter()
            .zip(&headers)
            .map(|(polled, headers)| raw(polled, headers))
            .collect();
        self.step(
            world,
            Happened::Polled {
                partition,
                from,
                records: &records,
            },
        );
        drop(records);
        drop(headers);
        self.batch = batch;
    }

    pub(super) fn offer(&mut self, world: &mut World, partition: i32) {
        let (Some((of, run)), Some(from)) = (self.left.clone(), self.flow.position(partition))
        else {
            return;
        };
        if of != partition {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let records: Vec<RawRef<'_>> = batch[run.clone()]
            .iter()
            .map(|polled| raw(polled, &[]))
            .collect();
        let rest = self.reading.rest(partition, &records, from).map(<[_]>::len);
        drop(records);
        self.batch = batch;
        if let Some(rest) = rest {
            self.tell_polled(world, partition, from, run.end - rest..run.end);
        }
    }
}

fn raw<'a>(polled: &'a Polled, headers: &'a [(&'a str, Option<&'a [u8]>)]) -> RawRef<'a> {
    RawRef {
        offset: polled.offset,
        timestamp: polled.message.at.expect("input has timestamps"),
        key: polled.message.key.as_deref(),
        payload: polled.message.payload.as_deref(),
        headers,
    }
}
