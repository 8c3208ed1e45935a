//! The HTTP side: metrics, health and readiness, on a thread and a small runtime of its own.
//! It only reads what the workers left for it; no request ever reaches a worker.

mod connections;
mod problem;
mod routes;
mod server;

pub use routes::Shown;
pub use server::Server;
