//! Rate cards: their CSV, their check, the row of a number, the price of a leg's seconds.
//! Never knows a tenant, a call or a wallet; moments and numbers are handed in.

mod band;
mod card;
mod cards;
mod cell;
mod csv;
mod index;
mod line;
mod lowest;
mod parts;
mod price;
mod row;
#[cfg(test)]
mod tests;

pub use band::{Band, BandError, Days};
pub use card::{Match, RateCard};
pub use cards::{NoRoom, RateCards};
pub use cell::MAX_PRICE;
pub use csv::{CsvFault, canonical_csv, parse_csv};
pub use parts::{PartAssembler, PartError, PartFault, part_key, split};
pub use price::{Increments, total};
pub use row::RateRow;
