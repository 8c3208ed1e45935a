//! What operators watch: the names of all metrics, and the log. Labels come from closed sets; a tenant,
//! a call or a telephone number is never among them.

mod log;
mod metrics;

pub use log::{LogFormat, LogSettings, start_log};
pub use metrics::Metrics;
