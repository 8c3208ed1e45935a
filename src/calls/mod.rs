//! The life of a call: admitted or refused, ticked, covered, cut, silent, ended, late. It knows one
//! call and its tenant's wallet, never another call, a partition or a clock.

mod admission;
mod call;
mod cover;
mod leg;
mod near;
mod occasion;
mod orders;
mod packed;
mod pricing;
mod settle;

pub use admission::{Numbers, Parked, admit};
pub use call::{Call, CallFixed, CallState, Cut, Phase, Share};
pub use leg::{Funding, Leg, Meter, Run};
pub use occasion::{Notice, Occasion, Outcome};
pub use packed::Packed;

/// The longest call there is, in minutes.
pub const LONGEST_CALL_MINUTES: u32 = 1_440;
/// A refused call that ends before this many seconds obeyed the refusal and owes nothing.
pub const REFUSAL_GRACE_SECONDS: i32 = 60;
/// Seconds by which a tick and an end may differ without a word.
pub const END_TOLERANCE_SECONDS: i32 = 5;
/// How often an ignored cut is repeated since the call was last covered.
pub const CUT_REPEATS: u8 = 3;
