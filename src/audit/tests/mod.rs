//! Audits of what the core really does: whole histories pass, and each way to break one is found with its
//! place.

mod broken;
mod good;
mod unfit;
mod world;
