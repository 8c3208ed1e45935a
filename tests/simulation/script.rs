//! What a worker did to a partition since its last commit: which records it took by which clock, how it
//! moved partition time. Written down from outside, by what changed in each step.

use tollkeeper::domain::Moment;

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The records from here
    pub from: i64,
    /// up to here were applied,
    pub to: i64,
    /// by this clock of the reader
    pub clock: Moment,
    /// and by the cards of this state of their topic.
    pub cards: usize,
    /// Partition time after it.
    pub time: Moment,
    /// Timers that fired meanwhile.
    pub timers: u64,
    /// When, on the clock that never goes back.
    pub at: u64,
}

/// All of it, in order.
pub type Script = Vec<Deed>;
