//! One partition's wallets and calls, and `apply`: a record and a time in, facts out. It never knows a
//! clock, Kafka, or another partition.

mod apply;
mod calling;
mod cleaning;
mod conclude;
mod configure;
mod credit;
mod entry;
mod expiry;
mod figures;
mod foresee;
mod halves;
mod image;
mod index;
mod parking;
mod partition;
mod restoring;
mod rows;
mod settings;
#[cfg(test)]
mod tests;
mod timers;
mod turn;
mod validate;

pub use figures::{LegFigures, Remembered, TenantFigures};
pub use partition::Partition;
pub use restoring::Restoring;
pub use rows::{Change, Layout, Part, RowError, RowKey, Table};
pub use settings::{Facts, RawRef, Settings};
