//! Random histories over the rulebook's whole range: tenants of every kind, credit, calls in every state,
//! repeats, disorder, and nonsense.

use std::collections::VecDeque;

use tollkeeper::domain::{Body, Moment, RechargeFailed};

use super::dice::Dice;
use super::log::Message;
use super::plan::Plan;

/// The event id that trips an assertion.
pub const TRIP: &str = "trip";

/// A partition, a key and a value.
pub(super) type Keyed = (i32, Vec<u8>, Vec<u8>);

/// A record on its way into the input.
#[derive(Debug)]
pub struct Produced {
    pub partition: i32,
    pub message: Message,
}

#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) id: String,
    pub(super) version: i64,
    pub(super) currency: &'static str,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) tenant: usize,
    pub(super) id: String,
    pub(super) answered_at: Moment,
    pub(super) minute: i32,
}

/// How often each kind of event comes, and how wild it gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mood {
    weights: [u64; 12],
    repeats: u64,
    holds_back: u64,
    pub(super) oversized: u64,
    pub(super) cents: i64,
}

/// A source of events.
#[derive(Debug)]
pub struct Traffic {
    pub(super) dice: Dice,
    pub(super) partitions: i32,
    pub(super) mood: Mood,
    pub(super) tenants: Vec<Tenant>,
    pub(super) calls: Vec<Call>,
    pub(super) ended: Vec<Call>,
    pub(super) recent: VecDeque<Keyed>,
    pub(super) held: Vec<(u64, i32, Vec<u8>, Vec<u8>)>,
    pub(super) numbers: u64,
    pub(super) fresh: usize,
    pub(super) trips: u32,
    pub repeated: u64,
    pub disordered: u64,
    pub nonsense: u64,
    pub large: u64,
}

impl Traffic {
    pub fn new(mut dice: Dice, plan: &Plan) -> Self {
        let mut weights = [24, 40, 16, 8, 3, 1, 2, 2, 2, 2, 1, 1];
        for weight in &mut weights {
            *weight = (*weight * dice.below(5)).div_ceil(2);
        }
        weights[0] += 2;
        if plan.crowd {
            weights[0] *= 40;
            weights[3] += 20;
        }
        let wild = |dice: &mut Dice, most: u64| {
            if dice.chance(500_000) {
                dice.below(most)
            } else {
                0
            }
        };
        let mood = Mood {
            weights,
            repeats: wild(&mut dice, 150_000),
            holds_back: wild(&mut dice, 150_000),
            oversized: wild(&mut dice, 40_000),
            cents: *dice.pick(&[40, 200, 1_000, 10_000]),
        };
        let tenants = (0..dice.between(1, 8))
            .map(|number| Tenant {
                id: format!("tenant-{number}"),
                version: 0,
                currency: if dice.chance(100_000) { "USD" } else { "EUR" },
            })
            .collect();
        Traffic {
            dice,
            partitions: plan.partitions,
            mood,
            tenants,
            calls: Vec::new(),
            ended: Vec::new(),
            recent: VecDeque::new(),
            held: Vec::new(),
            numbers: 0,
            fresh: 0,
            trips: plan.trips,
            repeated: 0,
            disordered: 0,
            nonsense: 0,
            large: 0,
        }
    }

    /// The next record; `clock` is that of the platform.
    pub fn next(&mut self, clock: Moment) -> Produced {
        if let Some(place) = self.held.iter().position(|(left, ..)| *left == 0) {
            let (_, partition, key, payload) = self.held.remove(place);
            return self.produced(partition, key, payload);
        }
        for (left, ..) in &mut self.held {
            *left -= 1;
        }
        if !self.recent.is_empty() && self.dice.chance(self.mood.repeats) {
            self.repeated += 1;
            let (partition, key, payload) = self.dice.pick(self.recent.make_contiguous()).clone();
            return self.produced(partition, key, payload);
        }
        let (partition, key, payload) = self.record(clock);
        if self.recent.len() == 16 {
            self.recent.pop_front();
        }
        self.recent
            .push_back((partition, key.clone(), payload.clone()));
        if self.dice.chance(self.mood.holds_back) {
            self.disordered += 1;
            let after = self.dice.between(1, 8);
            self.held.push((after, partition, key, payload));
            return self.next(clock);
        }
        self.produced(partition, key, payload)
    }

    /// What is still held back.
    pub fn left(&mut self) -> Option<Produced> {
        let (_, partition, key, payload) = self.held.pop()?;
        Some(self.produced(partition, key, payload))
    }

    fn produced(&mut self, partition: i32, key: Vec<u8>, payload: Vec<u8>) -> Produced {
        let traced = self.dice.chance(200_000);
        let header = || ("traceparent".to_owned(), Some(b"00-4bf9-00f0-01".to_vec()));
        let message = Message {
            at: None,
            key: Some(key),
            payload: Some(payload),
            headers: traced.then(header).into_iter().collect(),
        };
        Produced { partition, message }
    }

    fn record(&mut self, clock: Moment) -> Keyed {
        if self.fresh < self.tenants.len() && (self.fresh == 0 || self.dice.chance(400_000)) {
            self.fresh += 1;
            let body = self.configuration(self.fresh - 1);
            return self.event(self.fresh - 1, clock, body);
        }
        let tenant = self.dice.place(self.fresh);
        let all: u64 = self.mood.weights.iter().sum();
        let mut thrown = self.dice.below(all);
        let mut kind = 0;
        while thrown >= self.mood.weights[kind] {
            thrown -= self.mood.weights[kind];
            kind += 1;
        }
        match kind {
            0 => self.start(tenant, clock),
            1 => self
                .tick(clock)
                .unwrap_or_else(|| self.grant(tenant, clock)),
            2 => self.end(clock).unwrap_or_else(|| self.start(tenant, clock)),
            3 => self.grant(tenant, clock),
            4 => self.adjust(tenant, clock),
            5 => {
                let request_id = format!("recharge/{}", self.dice.between(1, 3)).into();
                let body = Body::RechargeFailed(RechargeFailed {
                    request_id,
                    reason: None,
                });
                self.event(tenant, clock, body)
            }
            6 => {
                let body = self.configuration(tenant);
                self.event(tenant, clock, body)
            }
            7 => self
                .after_the_end(clock)
                .unwrap_or_else(|| self.start(tenant, clock)),
            8 => self.junk(tenant),
            9 => self.stranger(clock),
            10 => self.misrouted(tenant, clock),
            _ => self.invalid(tenant, clock),
        }
    }
}
