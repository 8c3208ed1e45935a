//! One row of a rate card.

use std::sync::Arc;

use crate::domain::{Country, LegKind, Moment, Money};

use super::{Band, Increments};

/// What legs of a kind to (or over) numbers of a prefix cost, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct RateRow {
    /// The kind of leg it prices.
    pub kind: LegKind,
    /// 1 to 15 digits without plus: of the bridge number for dial-in, of the remote number for dial-out.
    pub prefix: Arc<str>,
    /// What people call it.
    pub destination: Option<Arc<str>>,
    /// For display only; a number's own country decides.
    pub country: Option<Country>,
    /// Never negative.
    pub rate_per_minute: Money,
    /// Never negative; owed once per charged leg.
    pub connection_fee: Money,
    /// The shortest time billed, in seconds: 1 to 3600.
    pub initial_s: u32,
    /// The step beyond it, in seconds: 1 to 60.
    pub increment_s: u32,
    /// In force from here on; [`Moment::EARLIEST`] if the card does not say.
    pub effective_from: Moment,
    /// Until here, exclusive.
    pub effective_to: Option<Moment>,
    /// At these hours only.
    pub band: Option<Band>,
    /// Calls there are refused.
    pub barred: bool,
    /// Never funded by the minute pool.
    pub premium: bool,
}

impl RateRow {
    /// In which steps a leg priced by this row is billed.
    #[must_use]
    pub const fn increments(&self) -> Increments {
        Increments {
            initial_s: self.initial_s,
            increment_s: self.increment_s,
        }
    }

    /// Whether the row is in force at a moment, and until when (exclusive, not before it could change)
    /// that answer holds.
    pub(super) fn standing(&self, at: Moment) -> (bool, Moment) {
        if at < self.effective_from {
            return (false, self.effective_from);
        }
        let end = self.effective_to.unwrap_or(Moment::LATEST);
        if self.effective_to.is_some_and(|end| end <= at) {
            return (false, Moment::LATEST);
        }
        match &self.band {
            None => (true, end),
            Some(band) => {
                let (holds, until) = band.standing(at);
                (holds, until.min(end))
            }
        }
    }
}
