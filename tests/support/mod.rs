//! What every test here needs: a cluster, names of its own, and conditions to wait on.

mod cluster;
mod deployment;
mod load;
pub mod process;
pub mod proxy;
pub mod reference;
pub mod requests;
pub mod running;
pub mod traffic;
mod wait;

pub use cluster::{Cluster, Own};
pub use deployment::Deployment;
pub use load::{Load, now};
pub use process::Process;
pub use running::Running;
pub use wait::{WAIT, eventually};
