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
    /// Rate and card version of minute 1, fixed by the start; a refused call is rated as if admitted.
    /// Journalled beside the leg, since the first layout of rows does not have it.
    #[serde(skip)]
    pub first_price: Option<(Money, i64)>,
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
        self.answered_at
            .plus_millis((i64::from(minute) - 1) * MILLIS_PER_MINUTE)
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
        let billed =
            u32::try_from(self.billed(connected)).expect("billed seconds are not negative");
        billed.div_ceil(60)
    }

    /// What the leg costs for so many seconds connected. Its minutes must be priced that far.
    #[must_use]
    pub fn total(&self, meter: &Meter, connected: i32) -> Money {
        if !self.charged {
            return Money::ZERO;
        }
        let billed = u32::try_from(self.billed(connected)).expect("billed seconds are positive");
        assert!(
            meter.priced_minutes >= billed.div_ceil(60),
            "minutes are priced"
        );
        let fee = match meter.runs.first() {
            Some(run) if run.funding == Funding::Credit => self.description.connection_fee,
            _ => None,
        };
        let runs = meter
            .runs
            .iter()
            .map(|run| (run.first_minute, run.charge()));
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
        if self.funding == Funding::Credit {
            self.rate
        } else {
            Money::ZERO
        }
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
    /// Up to this minute, those that are the pool's and not used are held there.
    pub pool_held_to: u32,
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
        self.runs
            .iter()
            .rev()
            .find(|run| run.first_minute <= minute)
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
            self.runs.push(Run {
                first_minute,
                rate,
                funding,
                version,
            });
        }
    }

    /// Takes back prices fixed after `minutes`.
    pub fn truncate(&mut self, minutes: u32) {
        self.priced_minutes = self.priced_minutes.min(minutes);
        while self
            .runs
            .last()
            .is_some_and(|run| run.first_minute > minutes)
        {
            self.runs.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_grow_by_price_and_funding_and_can_be_taken_back() {
        let mut meter = Meter::default();
        for (rate, funding) in [
            (7, Funding::Pool),
            (7, Funding::Pool),
            (7, Funding::Credit),
            (8, Funding::Credit),
        ] {
            meter.push(Money::from_micros(rate), funding, 1);
        }
        let starts: Vec<_> = meter.runs.iter().map(|run| run.first_minute).collect();
        assert_eq!(starts, [1, 3, 4]);
        assert_eq!(meter.run_of(2).map(|run| run.funding), Some(Funding::Pool));
        assert_eq!(meter.run_of(5), None);
        meter.truncate(2);
        assert_eq!((meter.priced_minutes, meter.runs.len()), (2, 1));
    }
}
