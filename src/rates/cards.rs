//! All known versions of all rate cards, and which of them is in force.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::domain::Moment;

use super::RateCard;

/// Every version of every rate card that was published. A copy shares the cards themselves.
#[derive(Clone, Debug, Default)]
pub struct RateCards {
    /// By card id; each card's versions rising.
    cards: HashMap<Arc<str>, Vec<Published>, FixedState>,
    /// When any version of any card was published; rising.
    publications: Vec<Moment>,
}

#[derive(Clone, Debug)]
struct Published {
    at: Moment,
    card: Arc<RateCard>,
}

impl RateCards {
    /// Takes a version. One that is known already is kept as it was published first.
    pub fn publish(&mut self, card: Arc<RateCard>, published_at: Moment) {
        let versions = self.cards.entry(Arc::clone(card.id())).or_default();
        let place = versions.binary_search_by_key(&card.version(), |known| known.card.version());
        if let Err(place) = place {
            let at = published_at;
            versions.insert(place, Published { at, card });
            let place = self.publications.partition_point(|known| *known <= at);
            self.publications.insert(place, at);
        }
    }

    /// The last publication, of whatever card, at or before a moment: what a card said then still holds.
    #[must_use]
    pub fn last_publication(&self, at: Moment) -> Option<Moment> {
        let until = self.publications.partition_point(|known| *known <= at);
        self.publications[..until].last().copied()
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
