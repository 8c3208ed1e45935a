//! Rate cards: their CSV, their check, the row of a number, the price of a leg's seconds.
//! Never knows a tenant, a call or a wallet; moments and numbers are handed in.

mod band;
mod card;
mod cards;
mod index;
mod lowest;
mod price;
mod row;

pub use band::{Band, BandError, Days};
pub use card::{Match, RateCard};
pub use cards::RateCards;
pub use price::{Increments, total};
pub use row::RateRow;
