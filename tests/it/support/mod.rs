//! What every test here needs: a cluster, names of its own, and conditions to wait on.

mod cluster;
mod wait;

pub use cluster::{Cluster, Own};
pub use wait::{eventually, eventually_within};
