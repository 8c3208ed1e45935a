//! What a leg's seconds are billed as, and what they cost.

use crate::domain::Money;

/// In which steps connected time is billed, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Increments {
    /// The shortest time billed: 1 to 3600.
    pub initial_s: u32,
    /// The step beyond it: 1 to 60.
    pub increment_s: u32,
}

impl Increments {
    /// Whole minutes.
    pub const DEFAULT: Increments = Increments {
        initial_s: 60,
        increment_s: 60,
    };

    /// Seconds billed for seconds connected: none for none, else the initial time and as many steps as
    /// it takes to reach what was connected.
    #[must_use]
    pub fn billed(self, connected: u32) -> u32 {
        if connected == 0 {
            return 0;
        }
        let beyond = connected.saturating_sub(self.initial_s);
        let steps = beyond.div_ceil(self.increment_s);
        self.initial_s
            .saturating_add(steps.saturating_mul(self.increment_s))
    }
}

/// What `billed` seconds cost: the fee and, for each second, a sixtieth of its minute's rate, rounded
/// half-even at the sixth decimal once.
///
/// `runs` gives rates as (first minute, rate per minute), rising from minute 1; a rate holds until the
/// next run begins. A day at [`super::MAX_PRICE`] takes a hundredth of what 64 bits count; beyond them it panics.
#[must_use]
pub fn total(fee: Money, runs: impl IntoIterator<Item = (u32, Money)>, billed: u32) -> Money {
    // The sum is rounded, not the seconds' part of it: half-even looks at the whole sum's last digit.
    let mut sixtieths = 60 * fee.micros();
    let mut running: Option<(u32, Money)> = None;
    for (first_minute, rate) in runs {
        let begin = first_minute
            .saturating_sub(1)
            .saturating_mul(60)
            .min(billed);
        if let Some((from, rate)) = running {
            assert!(from <= begin, "price runs rise");
            sixtieths += cost(from, begin, rate);
        }
        running = Some((begin, rate));
    }
    if let Some((from, rate)) = running {
        sixtieths += cost(from, billed, rate);
    }
    Money::from_micros(rounded(sixtieths))
}

/// Seconds after `from` up to `to` at a rate, in sixtieths of a millionth.
fn cost(from: u32, to: u32, rate: Money) -> i64 {
    i64::from(to - from) * rate.micros()
}

/// Sixtieths to wholes, half-even.
fn rounded(sixtieths: i64) -> i64 {
    let (floor, rest) = (sixtieths.div_euclid(60), sixtieths.rem_euclid(60));
    let up = rest > 30 || rest == 30 && floor % 2 != 0;
    floor + i64::from(up)
}
