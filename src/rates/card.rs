//! One version of a rate card and the row that prices a number.

use std::sync::Arc;

use crate::domain::{Currency, LegKind, Moment, Money, PhoneNumber, Symbol};

use super::RateRow;
use super::index::PrefixIndex;
use super::lowest::LowestRates;

/// One version of a rate card: its rows in the order of the file, and how to find one fast.
#[derive(Debug)]
pub struct RateCard {
    id: Arc<str>,
    version: i64,
    currency: Option<Currency>,
    rows: Vec<RateRow>,
    by_kind: [PrefixIndex; LegKind::ALL.len()],
    lowest: LowestRates,
}

/// The row that prices a number at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Match<'a> {
    /// The row; none if no row is in force for the number.
    pub row: Option<&'a RateRow>,
    /// After the moment asked for. At every moment from that one to this one (exclusive) the answer of
    /// this card version is the same; it may still be the same afterwards.
    pub until: Moment,
}

impl RateCard {
    /// From rows that [`super::parse_csv`] let through, in their order. Without a currency the card has
    /// whatever currency the wallet has.
    #[must_use]
    pub fn new(
        id: impl Into<Arc<str>>,
        version: i64,
        currency: Option<Currency>,
        rows: Vec<RateRow>,
    ) -> Self {
        let by_kind =
            std::array::from_fn(|kind| PrefixIndex::new(&rows, |row| row.kind.ordinal() == kind));
        RateCard {
            id: id.into(),
            version,
            currency,
            by_kind,
            lowest: LowestRates::new(&rows),
            rows,
        }
    }

    /// The card's id, shared by its versions.
    #[must_use]
    pub const fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// Rising from 1.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.version
    }

    /// Of all its rates and fees; none: whatever the wallet has.
    #[must_use]
    pub const fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// Its rows, in the order of the file.
    #[must_use]
    pub fn rows(&self) -> &[RateRow] {
        &self.rows
    }

    /// The row in force for a number at a moment: the longest prefix; of equal prefixes a row with a
    /// band before one without, then the latest `effective_from`, then the later line.
    #[must_use]
    pub fn find(&self, kind: LegKind, number: PhoneNumber, at: Moment) -> Match<'_> {
        let mut until = Moment::LATEST.max(at.plus_millis(1));
        for row in self.candidates(kind, number) {
            let (in_force, stands_until) = row.standing(at);
            // A row that loses to this one cannot win before this one changes.
            until = until.min(stands_until.max(at.plus_millis(1)));
            if in_force {
                return Match {
                    row: Some(row),
                    until,
                };
            }
        }
        Match { row: None, until }
    }

    /// All rows whose prefix the number begins with, in force or not: the first of them that is in
    /// force at a moment is the one that [`RateCard::find`] gives.
    pub fn candidates(
        &self,
        kind: LegKind,
        number: PhoneNumber,
    ) -> impl Iterator<Item = &RateRow> + '_ {
        let lines = self.by_kind[kind.ordinal()].candidates(number);
        lines.map(|line| &self.rows[line as usize])
    }

    /// The lowest positive rate of all rows that are effective at a moment and not barred, bands
    /// ignored; none if there is none.
    #[must_use]
    pub fn lowest_positive_rate(&self, at: Moment) -> Option<Money> {
        self.lowest.at(at)
    }
}
