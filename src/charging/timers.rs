//! When something is due without an event: an index over the state, never written.

use std::collections::BTreeSet;

use crate::domain::Moment;

/// What is due, in the order in which it fires at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKind {
    /// A call was silent for too long. Fires past its moment.
    Silence,
    /// A parked event found no start. Fires past its moment.
    Parking,
    /// A lot expires.
    LotExpiry,
    /// A lot expires soon.
    LotNotice,
    /// A recharge was not answered.
    Recharge,
    /// A silent call is forgotten.
    ForgetCall,
    /// An ended call is forgotten.
    ForgetPacked,
}

/// Due moments by slot. An entry may be out of date: whoever takes it looks at the row and, if that
/// is due later, sets it again. So a tick need not touch it.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Moment, TimerKind, u32)>,
}

impl Timers {
    /// Something of this kind in this slot is due then.
    pub fn set(&mut self, due: Moment, kind: TimerKind, slot: u32) {
        self.due.insert((due, kind, slot));
    }

    /// The earliest moment at which something may be due.
    pub fn next(&self) -> Option<Moment> {
        self.due.first().map(|(due, _, _)| *due)
    }

    /// Takes all slots of the first moment and kind that fire at `now`.
    pub fn take_group(&mut self, now: Moment) -> Option<(Moment, TimerKind, Vec<u32>)> {
        let first = *self.due.first()?;
        let (due, kind) = if first.0 < now {
            (first.0, first.1)
        } else {
            // At its very moment only what needs not be past it fires.
            let reached = (now, TimerKind::LotExpiry, 0)..=(now, TimerKind::ForgetPacked, u32::MAX);
            let (due, kind, _) = *self.due.range(reached).next()?;
            (due, kind)
        };
        let group = (due, kind, 0)..=(due, kind, u32::MAX);
        let slots: Vec<u32> = self.due.range(group).map(|(_, _, slot)| *slot).collect();
        for slot in &slots {
            self.due.remove(&(due, kind, *slot));
        }
        Some((due, kind, slots))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_fires_past_its_moment_and_expiry_at_it() {
        let at = Moment::from_millis;
        let mut timers = Timers::default();
        timers.set(at(5), TimerKind::Silence, 1);
        timers.set(at(5), TimerKind::LotExpiry, 2);
        timers.set(at(6), TimerKind::Recharge, 3);
        assert_eq!(timers.take_group(at(4)), None);
        assert_eq!(
            timers.take_group(at(5)),
            Some((at(5), TimerKind::LotExpiry, vec![2]))
        );
        assert_eq!(timers.take_group(at(5)), None);
        assert_eq!(
            timers.take_group(at(6)),
            Some((at(5), TimerKind::Silence, vec![1]))
        );
        assert_eq!(
            timers.take_group(at(6)),
            Some((at(6), TimerKind::Recharge, vec![3]))
        );
        assert_eq!(timers.next(), None);
    }
}
