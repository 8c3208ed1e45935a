//! What a tenant has: lots, debt, holds, minute pool, latches, recharge. It never knows a call or a rate.

mod latch;
mod lots;
mod pool;
mod tenant;

pub use latch::{Alarm, Alarms, Exhaustion, Gauge};
pub use lots::{Lot, LotIdentity, LotState, Lots};
pub use pool::{Pool, PoolMark};
pub use tenant::{Recharge, Tenant, Wallet};
