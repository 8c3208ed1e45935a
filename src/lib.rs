//! Prepaid call charging on a stream: call and credit events in, rated usage, notices and orders out.
//!
//! ARCHITECTURE.md has the rooms in reading order, each of which may use only those above it; `rooms.rs` keeps it so.

pub mod audit;
pub mod calls;
pub mod charging;
pub mod codec;
pub mod command;
#[cfg(feature = "kafka")]
pub mod config;
pub mod domain;
pub mod flow;
pub mod http;
pub mod journal;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod rates;
#[cfg(test)]
mod rooms;
pub mod telemetry;
pub mod view;
pub mod wallet;

/// For the whole process, librdkafka's C included, which takes and frees memory for every record (ADR 8).
#[cfg(feature = "kafka")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
