//! The minute pool: minutes of a calendar month (UTC) that subscriptions bring.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Pool minutes that one subscription licence brings each month.
pub const MINUTES_PER_LICENSE: i64 = 60;
/// Months that are kept: the present one, the one before, and one begun by a minute held ahead.
const MONTHS_KEPT: usize = 3;

/// One month's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MonthUse {
    month: i32,
    used: i32,
    held: i32,
    low_told: bool,
    exhausted_told: bool,
}

/// The pool of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    months: SmallVec<[MonthUse; 1]>,
}

/// Which mark of the month's pool was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMark {
    /// 80 % used.
    Low,
    /// 100 % used.
    Exhausted,
}

impl Pool {
    /// Minutes left of a month: `60 × licences − used − held`, at least zero.
    #[must_use]
    pub fn left(&self, month: i32, licenses: i32) -> i64 {
        let taken = self
            .find(month)
            .map_or(0, |m| i64::from(m.used) + i64::from(m.held));
        (MINUTES_PER_LICENSE * i64::from(licenses) - taken).max(0)
    }

    /// Minutes left of all months that are kept; higher than before means there is pool again.
    #[must_use]
    pub fn left_of_all(&self, licenses: i32) -> i64 {
        self.months
            .iter()
            .map(|m| self.left(m.month, licenses))
            .sum()
    }

    /// Holds (or, negative, releases) minutes.
    pub fn hold(&mut self, month: i32, minutes: i32) {
        let entry = self.entry(month);
        entry.held += minutes;
        assert!(
            entry.held >= 0,
            "no more pool minutes are released than held"
        );
    }

    /// Uses (or, negative, gives back) minutes.
    pub fn use_up(&mut self, month: i32, minutes: i32) {
        let entry = self.entry(month);
        entry.used += minutes;
        assert!(
            entry.used >= 0,
            "no more pool minutes come back than were used"
        );
    }

    /// Marks reached and not yet told, each once a month: by month, then low before exhausted.
    pub fn reached(&mut self, licenses: i32) -> SmallVec<[(i32, PoolMark); 2]> {
        let mut marks = SmallVec::new();
        let whole = MINUTES_PER_LICENSE * i64::from(licenses);
        if whole == 0 {
            return marks;
        }
        for entry in &mut self.months {
            let used = i64::from(entry.used);
            if !entry.low_told && used * 100 >= whole * 80 {
                entry.low_told = true;
                marks.push((entry.month, PoolMark::Low));
            }
            if !entry.exhausted_told && used >= whole {
                entry.exhausted_told = true;
                marks.push((entry.month, PoolMark::Exhausted));
            }
        }
        marks
    }

    fn find(&self, month: i32) -> Option<&MonthUse> {
        self.months.iter().find(|m| m.month == month)
    }

    fn entry(&mut self, month: i32) -> &mut MonthUse {
        let place = self.months.partition_point(|m| m.month < month);
        if self.months.get(place).is_none_or(|m| m.month != month) {
            let fresh = MonthUse {
                month,
                used: 0,
                held: 0,
                low_told: false,
                exhausted_told: false,
            };
            self.months.insert(place, fresh);
            if self.months.len() > MONTHS_KEPT && place > 0 && self.months[0].held == 0 {
                self.months.remove(0);
                return &mut self.months[place - 1];
            }
        }
        &mut self.months[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_reached_once_a_month() {
        let mut pool = Pool::default();
        pool.use_up(5, 47);
        assert!(pool.reached(1).is_empty());
        pool.use_up(5, 1);
        assert_eq!(pool.reached(1).to_vec(), [(5, PoolMark::Low)]);
        pool.use_up(5, 12);
        assert_eq!(pool.reached(1).to_vec(), [(5, PoolMark::Exhausted)]);
        pool.use_up(5, -12);
        pool.use_up(5, 12);
        assert!(pool.reached(1).is_empty());
        assert_eq!((pool.left(5, 1), pool.left(6, 1)), (0, 60));
    }

    #[test]
    fn old_months_are_forgotten() {
        let mut pool = Pool::default();
        for month in 0..10 {
            pool.use_up(month, 1);
        }
        assert_eq!(
            pool.months.iter().map(|m| m.month).collect::<Vec<_>>(),
            [7, 8, 9]
        );
    }
}
