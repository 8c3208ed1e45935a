//! What a worker decides, as exact lists of commands.

mod failures;
mod held;
mod poison;
mod stage;
mod takeovers;
mod transactions;
