//! Which record is next among the topics of a partition.

use super::{Seen, Stream};

/// The place of the next record among heads in the order of [`Stream::BESIDE`]: the smallest source, and
/// of one source what its event led to, the event, what timers led to after it. None where nothing is left.
#[must_use]
pub fn next_of(heads: &[Option<Seen>; 5]) -> Option<usize> {
    let places = heads.iter().enumerate().filter_map(|(place, head)| {
        let head = head.as_ref()?;
        let after_event = head.timer || place == Stream::Events as usize;
        Some((head.source, after_event, head.timer, place))
    });
    places.min().map(|(.., place)| place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::SeenKind;
    use crate::domain::RejectReason;

    #[test]
    fn what_an_event_led_to_comes_before_it_and_what_timers_led_to_after_it() {
        let seen = |(source, timer)| Seen {
            offset: 0,
            source,
            timer,
            kind: SeenKind::Rejected {
                reason: RejectReason::Invalid,
            },
        };
        let (by_event, by_timer) = (
            |source| Some((source, false)),
            |source| Some((source, true)),
        );
        for (sources, expected) in [
            ([by_event(5); 5], Some(0)),
            (
                [by_event(6), by_event(5), None, by_event(6), by_event(5)],
                Some(1),
            ),
            (
                [by_event(6), by_event(6), None, by_event(6), by_event(5)],
                Some(4),
            ),
            (
                [by_event(6), by_timer(5), None, by_event(6), by_event(5)],
                Some(4),
            ),
            (
                [by_event(6), by_timer(5), None, by_event(6), by_event(6)],
                Some(1),
            ),
            ([None, None, None, by_event(i64::MIN), by_event(0)], Some(3)),
            ([None; 5], None),
        ] {
            assert_eq!(
                next_of(&sources.map(|head| head.map(seen))),
                expected,
                "{sources:?}"
            );
        }
    }
}
