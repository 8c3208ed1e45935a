//! Latches: what has been told and must not be told again until it is over.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::domain::{Moment, Money, Threshold, ThresholdKind};

/// Whether the tenant has been told that its credit is exhausted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exhaustion {
    /// Never had enough credit for a minute; nothing is told until it has.
    #[default]
    NeverFunded,
    /// There is credit.
    Clear,
    /// Told; until it is restored.
    Exhausted,
}

/// The latch of one low-credit threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alarm {
    /// Waits for credit to bring available to the threshold.
    Unarmed,
    /// Goes off when available (runway) is below the threshold.
    Armed,
    /// Went off; waits for credit to bring 10 % more, a runway one for 10 % more and an hour.
    Told(Moment),
}

/// One alarm a threshold, in the order configured.
pub type Alarms = SmallVec<[Alarm; 2]>;

/// An hour: how long a runway alarm keeps quiet after it went off.
const RUNWAY_QUIET_MS: i64 = 3_600_000;

/// What the alarms of a tenant look at.
#[derive(Clone, Copy, Debug)]
pub struct Gauge {
    /// Balance less holds plus overdraft.
    pub available: Money,
    /// Cost of the next minute of all live calls.
    pub burn: Money,
    /// Amount of the last accepted grant.
    pub last_grant: Option<Money>,
    /// In the arrears modes alarms are armed but never go off.
    pub quiet: bool,
}

impl Gauge {
    /// Whole seconds that available lasts, below zero where it is; `None` while nothing burns.
    #[must_use]
    pub fn runway_seconds(&self) -> Option<i64> {
        if !self.burn.is_positive() {
            return None;
        }
        let seconds =
            (i128::from(self.available.micros()) * 60).div_euclid(i128::from(self.burn.micros()));
        Some(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    /// Compares the gauge with `percent` per cent of the threshold; `None` where it has no value yet.
    fn compare(&self, threshold: Threshold, percent: i128) -> Option<std::cmp::Ordering> {
        let value = i128::from(threshold.value.micros());
        let available = i128::from(self.available.micros());
        let (left, right) = match threshold.kind {
            ThresholdKind::Amount => (available * 100, value * percent),
            ThresholdKind::Percent => {
                let grant = i128::from(self.last_grant?.micros());
                (available * 100 * 100_000_000, value * grant * percent)
            }
            ThresholdKind::Runway if !self.burn.is_positive() => (1, 0),
            ThresholdKind::Runway => (
                available * 100_000_000,
                value * i128::from(self.burn.micros()) * percent,
            ),
        };
        Some(left.cmp(&right))
    }

    fn at_or_above(&self, threshold: Threshold, percent: i128) -> bool {
        self.compare(threshold, percent)
            .is_some_and(std::cmp::Ordering::is_ge)
    }
}

impl Alarm {
    /// A new threshold's alarm, by the configuration that adds it.
    #[must_use]
    pub fn added(threshold: Threshold, gauge: &Gauge) -> Self {
        if threshold.kind == ThresholdKind::Runway || gauge.at_or_above(threshold, 100) {
            Alarm::Armed
        } else {
            Alarm::Unarmed
        }
    }

    /// Looks at the gauge after an event; true when it goes off.
    pub fn look(&mut self, threshold: Threshold, gauge: &Gauge, credit: bool, now: Moment) -> bool {
        let rearmed = match (*self, threshold.kind) {
            (Alarm::Armed, _) => false,
            (Alarm::Told(at), ThresholdKind::Runway) => {
                gauge.at_or_above(threshold, 110) && now >= at.plus_millis(RUNWAY_QUIET_MS)
            }
            (_, ThresholdKind::Runway) => true,
            (Alarm::Told(_), _) => credit && gauge.at_or_above(threshold, 110),
            (Alarm::Unarmed, _) => credit && gauge.at_or_above(threshold, 100),
        };
        if rearmed {
            *self = Alarm::Armed;
        }
        let below = gauge
            .compare(threshold, 100)
            .is_some_and(std::cmp::Ordering::is_lt);
        let goes_off = *self == Alarm::Armed && below && !gauge.quiet;
        if goes_off {
            *self = Alarm::Told(now);
        }
        goes_off
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(available: &str, burn: &str) -> Gauge {
        let money = |text| Money::parse(text).expect("money");
        Gauge {
            available: money(available),
            burn: money(burn),
            last_grant: Some(money("100")),
            quiet: false,
        }
    }

    fn threshold(kind: ThresholdKind, value: &str) -> Threshold {
        Threshold {
            kind,
            value: Money::parse(value).expect("money"),
        }
    }

    #[test]
    fn an_amount_alarm_goes_off_once_until_credit_brings_ten_percent_more() {
        let at = Moment::EARLIEST;
        for (kind, value) in [
            (ThresholdKind::Amount, "20"),
            (ThresholdKind::Percent, "20"),
        ] {
            let limit = threshold(kind, value);
            let mut alarm = Alarm::added(limit, &gauge("20", "0"));
            let steps = [
                ("20", false, false),
                ("19.999999", false, true),
                ("10", false, false),
                ("21.999999", true, false),
                ("19", false, false),
                ("22", false, false),
                ("19", false, false),
                ("22", true, false),
                ("19", false, true),
            ];
            for (available, credit, expected) in steps {
                let off = alarm.look(limit, &gauge(available, "0"), credit, at);
                assert_eq!(off, expected, "{kind:?} at {available}");
            }
        }
    }

    #[test]
    fn an_unarmed_alarm_waits_for_credit() {
        let limit = threshold(ThresholdKind::Amount, "20");
        let mut alarm = Alarm::added(limit, &gauge("0", "0"));
        assert_eq!(alarm, Alarm::Unarmed);
        assert!(!alarm.look(limit, &gauge("30", "0"), false, Moment::EARLIEST));
        assert_eq!(alarm, Alarm::Unarmed);
        assert!(!alarm.look(limit, &gauge("20", "0"), true, Moment::EARLIEST));
        assert_eq!(alarm, Alarm::Armed);
    }

    #[test]
    fn a_runway_alarm_keeps_quiet_for_an_hour() {
        let limit = threshold(ThresholdKind::Runway, "10");
        let mut alarm = Alarm::added(limit, &gauge("0", "0"));
        let hour = |h: i64| Moment::EARLIEST.plus_seconds(h * 3600);
        assert!(!alarm.look(limit, &gauge("5", "0"), false, hour(0)));
        assert!(alarm.look(limit, &gauge("9", "1"), false, hour(0)));
        assert!(!alarm.look(limit, &gauge("11", "1"), false, hour(0)));
        assert!(!alarm.look(limit, &gauge("9", "1"), false, hour(0)));
        assert!(!alarm.look(limit, &gauge("11", "1"), false, hour(1)));
        assert!(alarm.look(limit, &gauge("9", "1"), false, hour(1)));
        assert_eq!(gauge("9", "1").runway_seconds(), Some(540));
    }
}
