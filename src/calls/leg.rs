//! What prices a leg: the row values that stay, the price of each minute, the total so far.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::domain::{CallDescription, MILLIS_PER_MINUTE, Moment, Money, PhoneNumber};
use crate::rates::{Increments, total};

/// What is known of a leg from its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// What its records say of it.
    pub description: Arc<CallDescription>,
    /// Minute 1 begins here.
    pub answered_at: Moment,
    /// The number that is looked up in the card.
    pub number: Option<PhoneNumber>,
    /// Of minute 1's row.
    pub increments: Increments,
    /// False for what never costs anything: included, emergency, unrated.
    pub charged: bool,
    /// Its minutes come from the pool first.
    pub pool_first: bool,
    /// Never charged, never refused, never cut.
    pub emergency: bool,
}

impl Leg {
    /// When minute `minute` (from 1) begins.
    #[must_use]
    pub fn minute_start(&self, minute: u32) -> Moment {
        self.answered_at.plus_millis((i64::from(minute) - 1) * MILLIS_PER_MINUTE)
    }

    /// The moment `seconds` after the answer.
    #[must_use]
    pub fn after(&self, seconds: i32) -> Moment {
        self.answered_at.plus_seconds(i64::from(seconds))
    }

    /// Seconds billed for so many connected.
    #[must_use]
    pub fn billed(&self, connected: i32) -> i32 {
        let connected = u32::try_from(connected).expect("a duration is not negative");
        let billed = self.increments.billed(connected);
        i32::try_from(billed).expect("a day's billed seconds fit into 32 bits")
    }

    /// Minutes that a billed second falls in, for so many seconds connected.
    #[must_use]
    pub fn minutes_billed(&self, connected: i32) -> u32 {
        let billed = u32::try_from(self.billed(connected)).expect("billed seconds are not negative");
        billed.div_ceil(60)
    }

    /// What the leg costs for so many seconds connected. Its minutes must be priced that far.
    #[must_use]
    pub fn total(&self, meter: &Meter, connected: i32) -> Money {
        if !self.charged {
            return Money::ZERO;
        }
        assert!(meter.priced_minutes >= self.minutes_billed(connected), "minutes are priced");
        let fee = match meter.runs.first() {
            Some(run) if run.funding == Funding::Credit => self.description.connection_fee,
            _ => None,
        };
        let runs = meter.runs.iter().map(|run| (run.first_minute, run.charge()));
        let billed = u32::try_from(self.billed(connected)).expect("billed seconds are positive");
        total(fee.unwrap_or(Money::ZERO), runs, billed)
    }
}

/// Who pays a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Funding {
    /// Credit.
    Credit,
    /// The minute pool, as a whole.
    Pool,
    /// It was the pool's, went back unused, and is decided anew if it is used after all.
    Open,
}

/// Consecutive minutes of one price and funding, up to the next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// From this minute.
    pub first_minute: u32,
    /// Per minute.
    pub rate: Money,
    /// Who pays.
    pub funding: Funding,
    /// Of the card that gave the rate.
    pub version: i64,
}

impl Run {
    /// What credit pays per minute.
    #[must_use]
    pub fn charge(&self) -> Money {
        if self.funding == Funding::Credit { self.rate } else { Money::ZERO }
    }
}

/// How far a leg is priced and settled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    /// Debited so far.
    pub total: Money,
    /// Seconds connected that the last record settled.
    pub settled_s: i32,
    /// Minutes that a billed second has fallen in.
    pub used_minutes: u32,
    /// Minutes whose price is fixed.
    pub priced_minutes: u32,
    /// Their prices.
    pub runs: SmallVec<[Run; 1]>,
}

impl Meter {
    /// The run of a priced minute.
    #[must_use]
    pub fn run_of(&self, minute: u32) -> Option<&Run> {
        if minute > self.priced_minutes {
            return None;
        }
        self.runs.iter().rev().find(|run| run.first_minute <= minute)
    }

    /// The run of a minute, or of the last one priced.
    #[must_use]
    pub fn run_at_or_before(&self, minute: u32) -> Option<&Run> {
        self.run_of(minute).or_else(|| self.runs.last())
    }

    /// Fixes the price of the next minute.
    pub fn push(&mut self, rate: Money, funding: Funding, version: i64) {
        self.priced_minutes += 1;
        let same = |run: &Run| (run.rate, run.funding, run.version) == (rate, funding, version);
        if !self.runs.last().is_some_and(same) {
            let first_minute = self.priced_minutes;
            self.runs.push(Run { first_minute, rate, funding, version });
        }
    }

    /// Takes back prices fixed after `minutes`.
    pub fn truncate(&mut self, minutes: u32) {
        self.priced_minutes = self.priced_minutes.min(minutes);
        while self.runs.last().is_some_and(|run| run.first_minute > minutes) {
            self.runs.pop();
        }
    }

    /// Changes who pays a priced minute.
    pub fn set_funding(&mut self, minute: u32, funding: Funding) {
        let place = self.runs.partition_point(|run| run.first_minute <= minute) - 1;
        let run = self.runs[place];
        if run.funding == funding {
            return;
        }
        let last = self.runs.get(place + 1).map_or(self.priced_minutes, |r| r.first_minute - 1);
        let mut parts: SmallVec<[Run; 3]> = SmallVec::new();
        if run.first_minute < minute {
            parts.push(run);
        }
        parts.push(Run { first_minute: minute, funding, ..run });
        if minute < last {
            parts.push(Run { first_minute: minute + 1, ..run });
        }
        self.runs.remove(place);
        self.runs.insert_many(place, parts);
        self.merge();
    }

    fn merge(&mut self) {
        self.runs.dedup_by(|next, run| {
            (next.rate, next.funding, next.version) == (run.rate, run.funding, run.version)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn funding_of_one_minute_splits_and_joins_runs() {
        let mut meter = Meter::default();
        for _ in 0..5 {
            meter.push(Money::from_micros(7), Funding::Pool, 1);
        }
        meter.set_funding(3, Funding::Credit);
        let shape = |m: &Meter| {
            m.runs.iter().map(|r| (r.first_minute, r.funding)).collect::<Vec<_>>()
        };
        assert_eq!(
            shape(&meter),
            [(1, Funding::Pool), (3, Funding::Credit), (4, Funding::Pool)]
        );
        meter.set_funding(3, Funding::Pool);
        assert_eq!(shape(&meter), [(1, Funding::Pool)]);
        meter.set_funding(5, Funding::Open);
        meter.set_funding(1, Funding::Credit);
        assert_eq!(
            shape(&meter),
            [(1, Funding::Credit), (2, Funding::Pool), (5, Funding::Open)]
        );
        meter.truncate(4);
        assert_eq!((meter.priced_minutes, meter.runs.len()), (4, 2));
    }
}
