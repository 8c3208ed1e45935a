//! All known versions of all rate cards, and which of them is in force.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::domain::Moment;

use super::RateCard;

/// The most versions, of all cards together, that are known at a time.
const MAX_VERSIONS: usize = 10_000;
/// The most rows in all of them, some 150 bytes each.
const MAX_ROWS_OF_ALL: usize = 10_000_000;

/// One more version of a card is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{versions} versions of rate cards with {rows} rows are published, and {more} more would be beyond \
     {MAX_VERSIONS} versions or {MAX_ROWS_OF_ALL} rows"
)]
pub struct NoRoom {
    /// Versions that are known.
    pub versions: usize,
    /// Rows in all of them.
    pub rows: usize,
    /// Rows of the one that is not taken.
    pub more: usize,
}

/// Every version of every rate card that was published. A copy shares the cards themselves.
#[derive(Clone, Debug, Default)]
pub struct RateCards {
    /// By card id; each card's versions rising.
    cards: HashMap<Arc<str>, Vec<Published>, FixedState>,
    /// When any version of any card was published; rising.
    publications: Vec<Moment>,
    /// In all of them.
    rows: usize,
}

#[derive(Clone, Debug)]
struct Published {
    at: Moment,
    card: Arc<RateCard>,
}

impl RateCards {
    /// Whether one more version with so many rows may be taken.
    pub fn room_for(&self, more: usize) -> Result<(), NoRoom> {
        let (versions, rows) = (self.publications.len(), self.rows);
        if versions >= MAX_VERSIONS || rows + more > MAX_ROWS_OF_ALL {
            return Err(NoRoom {
                versions,
                rows,
                more,
            });
        }
        Ok(())
    }

    /// Takes a version. One that is known already is kept as it was published first.
    pub fn publish(&mut self, card: Arc<RateCard>, published_at: Moment) {
        let versions = self.cards.entry(Arc::clone(card.id())).or_default();
        let place = versions.binary_search_by_key(&card.version(), |known| known.card.version());
        if let Err(place) = place {
            let at = published_at;
            self.rows += card.rows().len();
            versions.insert(place, Published { at, card });
            let place = self.publications.partition_point(|known| *known <= at);
            self.publications.insert(place, at);
        }
    }

    /// How many publications, of whatever card, are known at or before a moment. While that is the same,
    /// so is what every card says; one that becomes known late may be older than the last.
    #[must_use]
    pub fn publications_by(&self, at: Moment) -> usize {
        self.publications.partition_point(|known| *known <= at)
    }

    /// The highest version of a card that was published at or before a moment.
    #[must_use]
    pub fn in_force(&self, card_id: &str, at: Moment) -> Option<&Arc<RateCard>> {
        let versions = self.cards.get(card_id)?;
        let known = versions.iter().rev().find(|known| known.at <= at)?;
        Some(&known.card)
    }

    /// A certain version of a card.
    #[must_use]
    pub fn version(&self, card_id: &str, version: i64) -> Option<&Arc<RateCard>> {
        let versions = self.cards.get(card_id)?;
        let place = versions.binary_search_by_key(&version, |known| known.card.version());
        place.ok().map(|place| &versions[place].card)
    }

    /// The highest known version of a card, in force or not.
    #[must_use]
    pub fn latest_version(&self, card_id: &str) -> Option<i64> {
        let latest = self.cards.get(card_id)?.last()?;
        Some(latest.card.version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_rows_are_taken_up_to_their_limits() {
        let mut cards = RateCards::default();
        assert_eq!(cards.room_for(MAX_ROWS_OF_ALL), Ok(()));
        assert!(cards.room_for(MAX_ROWS_OF_ALL + 1).is_err());
        let csv = "kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,increment_s,\
                   effective_from,effective_to,days,time_from,time_to,zone,barred,premium\n\
                   DIAL_OUT,49,Germany,DE,0.018,,,,,,,,,,,\n";
        let rows = crate::rates::parse_csv(csv.as_bytes()).expect("a good card");
        for version in (1..).take(MAX_VERSIONS) {
            assert_eq!(cards.room_for(1), Ok(()), "{version}");
            let card = RateCard::new("a", version, None, rows.clone());
            cards.publish(Arc::new(card), Moment::EARLIEST);
        }
        let none = NoRoom {
            versions: MAX_VERSIONS,
            rows: MAX_VERSIONS,
            more: 1,
        };
        assert_eq!(cards.room_for(1), Err(none));
    }

    #[test]
    fn a_version_that_becomes_known_late_counts_even_if_it_is_older_than_the_last() {
        let at = |second| Moment::EARLIEST.plus_seconds(second);
        let card = |id: &str, version| Arc::new(RateCard::new(id, version, None, vec![]));
        let mut cards = RateCards::default();
        cards.publish(card("a", 1), at(10));
        cards.publish(card("b", 1), at(20));
        assert_eq!(cards.publications_by(at(9)), 0);
        assert_eq!(cards.publications_by(at(20)), 2);
        cards.publish(card("a", 2), at(15));
        assert_eq!(cards.publications_by(at(20)), 3);
        cards.publish(card("a", 2), at(15));
        assert_eq!(cards.publications_by(at(20)), 3, "known already");
    }
}
