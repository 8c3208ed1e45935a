//! One tenant's turn: what it had before, and what the event or timer is to it.

use super::partition::Account;
use crate::calls::Outcome;
use crate::domain::{Money, RejectReason};

/// Why a record is at fault, and words for a person.
pub(super) type Fault = (RejectReason, String);

/// A fault with fixed words.
pub(super) fn fault(reason: RejectReason, what: &str) -> Fault {
    (reason, what.to_owned())
}

/// What concluding an event needs to know of it.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of one event"
)]
pub(super) struct Turn {
    pub slot: u32,
    pub available_before: Money,
    pub pool_before: i64,
    pub lots_before: Money,
    pub out: Outcome,
    /// An accepted grant or adjustment.
    pub credit: bool,
    /// A limit was eased.
    pub eased: bool,
    /// A recharge failed: the next is looked at with the next event.
    pub recharge_failed: bool,
    /// The configuration or the lots themselves changed.
    pub fixed_changed: bool,
}

impl Turn {
    /// Begins the turn of a tenant, with an empty outcome.
    pub fn of(slot: u32, account: &Account, out: Outcome) -> Self {
        let tenant = &account.tenant;
        Turn {
            slot,
            available_before: tenant.available(),
            pool_before: tenant
                .wallet
                .pool
                .left_of_all(tenant.config.subscription_licenses),
            lots_before: tenant.wallet.lots.total(),
            out,
            credit: false,
            eased: false,
            recharge_failed: false,
            fixed_changed: false,
        }
    }
}
