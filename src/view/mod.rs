//! What may be read from outside while the workers work: how each partition is. Written after the
//! fact, read at any time; it never holds up a worker and nothing is decided by it.

mod health;

pub use health::{Health, PartitionHealth, Readiness};
