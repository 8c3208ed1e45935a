//! Rate cards.

use std::sync::Arc;

use crate::domain::{Moment, Money};

/// One version of a rate card.
#[derive(Debug)]
pub struct RateCard {}

impl RateCard {
    /// The lowest positive rate of the rows in force, barred ones and bands apart.
    #[must_use]
    pub fn lowest_positive_rate(&self, _at: Moment) -> Option<Money> {
        None
    }
}

/// All known versions of all cards.
#[derive(Debug, Default)]
pub struct RateCards {}

impl RateCards {
    /// The version of a card that is in force.
    #[must_use]
    pub fn in_force(&self, _card_id: &str, _at: Moment) -> Option<&Arc<RateCard>> {
        None
    }
}
