//! Lots of credit, in the order in which they are used.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::domain::{LotKind, LotUse, LotUses, Moment, Money};

/// One purchase of credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// What never changes.
    pub identity: LotIdentity,
    /// What does.
    pub state: LotState,
}

/// What of a lot never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotIdentity {
    /// The record_id of the entry that made it.
    pub id: Arc<str>,
    /// What it came from.
    pub kind: LotKind,
    /// When it was granted.
    pub purchased_at: Moment,
    /// When what is left of it is forfeited.
    pub expires_at: Moment,
    /// Partition time when it was made.
    pub made_at: Moment,
}

impl LotIdentity {
    /// Of returned money, which lives 12 months from the event.
    #[must_use]
    pub fn refund(id: Arc<str>, occurred_at: Moment, now: Moment) -> Self {
        const MONTHS: i32 = 12;
        LotIdentity {
            id,
            kind: LotKind::Refund,
            purchased_at: occurred_at,
            expires_at: occurred_at.plus_months(MONTHS),
            made_at: now,
        }
    }
}

/// What of a lot changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotState {
    /// What is left; above zero.
    pub remaining: Money,
    /// How many of `EXPIRY_NOTICE_DAYS` have been told or lay before it was made.
    pub notices: u8,
    /// Its expiry moment was reached.
    pub expired: bool,
    /// Forfeits recorded so far.
    pub forfeits: u32,
}

/// Days before the expiry at which a notice is due.
pub const EXPIRY_NOTICE_DAYS: [i64; 2] = [30, 7];

impl Lot {
    /// A new lot. Notices whose moment lies before its making are never given.
    #[must_use]
    pub fn new(identity: LotIdentity, remaining: Money) -> Self {
        let past = |days: &&i64| identity.expires_at.plus_days(-**days) <= identity.made_at;
        let notices = EXPIRY_NOTICE_DAYS.iter().take_while(past).count();
        let notices = u8::try_from(notices).expect("two notices at most");
        Lot {
            identity,
            state: LotState {
                remaining,
                notices,
                expired: false,
                forfeits: 0,
            },
        }
    }

    /// When the next notice about its expiry is due.
    #[must_use]
    pub fn notice_due(&self) -> Option<Moment> {
        let days = EXPIRY_NOTICE_DAYS.get(usize::from(self.state.notices))?;
        Some(self.identity.expires_at.plus_days(-days))
    }

    /// When its expiry is due, unless it was reached.
    #[must_use]
    pub fn expiry_due(&self) -> Option<Moment> {
        (!self.state.expired).then_some(self.identity.expires_at)
    }

    fn order(&self) -> (Moment, Moment) {
        (self.identity.expires_at, self.identity.purchased_at)
    }
}

/// The lots of a wallet: first expiring first, then oldest; none is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lots {
    lots: SmallVec<[Lot; 1]>,
    total: Money,
}

impl Lots {
    /// What is left in all of them.
    #[must_use]
    pub fn total(&self) -> Money {
        self.total
    }

    /// In the order of use.
    #[expect(clippy::iter_without_into_iter, reason = "lots are read by name")]
    pub fn iter(&self) -> std::slice::Iter<'_, Lot> {
        self.lots.iter()
    }

    /// Puts a lot in its place, behind those of the same order.
    pub fn insert(&mut self, lot: Lot) {
        assert!(lot.state.remaining.is_positive(), "a lot holds something");
        self.total += lot.state.remaining;
        let place = self
            .lots
            .partition_point(|other| other.order() <= lot.order());
        self.lots.insert(place, lot);
    }

    /// Takes up to `amount`, lot by lot; what no lot could give is returned.
    pub fn take(&mut self, amount: Money, uses: &mut LotUses) -> Money {
        let mut rest = amount;
        let mut empty = 0;
        for lot in &mut self.lots {
            if rest.is_zero() {
                break;
            }
            let taken = rest.min(lot.state.remaining);
            lot.state.remaining -= taken;
            rest -= taken;
            uses.push(LotUse {
                lot_id: lot.identity.id.clone(),
                amount: taken,
            });
            empty += usize::from(lot.state.remaining.is_zero());
        }
        self.lots.drain(..empty);
        self.total -= amount - rest;
        rest
    }

    /// Gives `amount` back to the lot next in use; false if there is none.
    pub fn give_back(&mut self, amount: Money, uses: &mut LotUses) -> bool {
        let Some(lot) = self.lots.first_mut() else {
            return false;
        };
        lot.state.remaining += amount;
        self.total += amount;
        uses.push(LotUse {
            lot_id: lot.identity.id.clone(),
            amount: -amount,
        });
        true
    }

    /// The state of the lot with this id.
    pub fn state_mut(&mut self, id: &str) -> Option<&mut LotState> {
        self.lots
            .iter_mut()
            .find(|lot| &*lot.identity.id == id)
            .map(|lot| &mut lot.state)
    }

    /// Takes `amount` from the first expired lot and counts the forfeit.
    ///
    /// Returns the lot and the forfeit's number. There must be an expired lot with as much left.
    pub fn forfeit(&mut self, amount: Money) -> (LotIdentity, u32) {
        let place = self.lots.iter().position(|lot| lot.state.expired);
        let place = place.expect("a forfeit has an expired lot");
        let lot = &mut self.lots[place];
        lot.state.remaining -= amount;
        assert!(
            !lot.state.remaining.is_negative(),
            "a forfeit takes what is there"
        );
        lot.state.forfeits += 1;
        self.total -= amount;
        let result = (lot.identity.clone(), lot.state.forfeits);
        if lot.state.remaining.is_zero() {
            self.lots.remove(place);
        }
        result
    }

    /// The first lot that expired with something left.
    #[must_use]
    pub fn first_expired(&self) -> Option<&Lot> {
        self.lots.iter().find(|lot| lot.state.expired)
    }

    /// From what the journal kept, in the order of use.
    #[must_use]
    pub fn from_parts(identities: Vec<LotIdentity>, states: &[LotState]) -> Option<Self> {
        if identities.len() != states.len() {
            return None;
        }
        let pairs = identities.into_iter().zip(states);
        let lots: SmallVec<[Lot; 1]> = pairs
            .map(|(identity, state)| Lot {
                identity,
                state: *state,
            })
            .collect();
        let total = lots.iter().map(|lot| lot.state.remaining).sum();
        Some(Lots { lots, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lot(id: &str, amount: i64, purchased: i64, expires: i64) -> Lot {
        let identity = LotIdentity {
            id: id.into(),
            kind: LotKind::Purchase,
            purchased_at: Moment::from_millis(purchased),
            expires_at: Moment::from_millis(expires),
            made_at: Moment::from_millis(purchased),
        };
        Lot::new(identity, Money::from_micros(amount))
    }

    #[test]
    fn the_first_to_expire_is_used_first_then_the_oldest() {
        let mut lots = Lots::default();
        lots.insert(lot("late", 5, 1, 300));
        lots.insert(lot("young", 5, 2, 200));
        lots.insert(lot("old", 5, 1, 200));
        let mut uses = LotUses::new();
        let rest = lots.take(Money::from_micros(12), &mut uses);
        let names: Vec<_> = uses
            .iter()
            .map(|u| (&*u.lot_id, u.amount.micros()))
            .collect();
        assert_eq!(names, [("old", 5), ("young", 5), ("late", 2)]);
        assert_eq!((rest, lots.total()), (Money::ZERO, Money::from_micros(3)));
    }

    #[test]
    fn what_no_lot_can_give_is_returned() {
        let mut lots = Lots::default();
        lots.insert(lot("a", 5, 1, 300));
        assert_eq!(
            lots.take(Money::from_micros(8), &mut LotUses::new()),
            Money::from_micros(3)
        );
        assert_eq!((lots.total(), lots.iter().count()), (Money::ZERO, 0));
        assert!(!lots.give_back(Money::from_micros(1), &mut LotUses::new()));
    }

    #[test]
    fn notices_before_the_making_are_never_due() {
        let day = crate::domain::MILLIS_PER_DAY;
        assert_eq!(
            lot("a", 1, 0, 40 * day).notice_due(),
            Some(Moment::from_millis(10 * day))
        );
        assert_eq!(
            lot("a", 1, 0, 30 * day).notice_due(),
            Some(Moment::from_millis(23 * day))
        );
        assert_eq!(lot("a", 1, 0, 5 * day).notice_due(), None);
    }
}
