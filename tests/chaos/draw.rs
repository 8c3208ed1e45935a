//! Chance by a seed: the same seed draws the same.

use std::time::Duration;

/// A source of draws (xorshift64: repeatable, and good enough to mix cases).
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// By this seed; seeds that are close give draws that are not.
    pub fn new(seed: u64) -> Self {
        let mut draw = Draw((seed ^ 0x9E37_79B9_7F4A_7C15).max(1));
        for _ in 0..8 {
            draw.below(2);
        }
        draw
    }

    /// A number below this one.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// An index below this one.
    pub fn index(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a small number");
        usize::try_from(self.below(bound)).expect("below a usize")
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// Whether something happens that happens once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A time below this many milliseconds.
    pub fn millis(&mut self, bound: u64) -> Duration {
        Duration::from_millis(self.below(bound))
    }
}
