//! What a partition's journal says at its end, as far as an audit needs it.

use std::collections::{BTreeMap, BTreeSet};

use crate::charging::{Partition, Remembered};
use crate::domain::{Moment, Money};

/// A tenant as the journal has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantStanding {
    /// Lots less debt.
    pub balance: Money,
    /// Set aside for live calls.
    pub holds: Money,
    /// What its calls have set aside.
    pub held_by_calls: Money,
    /// How many are live.
    pub live_calls: i32,
    /// Of the last ledger record.
    pub entry_sequence: i64,
    /// Of the last notice.
    pub notice_sequence: i64,
    /// Of the last order about the tenant.
    pub order_sequence: i64,
}

/// A leg as the journal has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegStanding {
    /// Debited so far.
    pub total: Money,
    /// Of the last order about it.
    pub order_sequence: i64,
}

/// The state of a partition at the end of its journal.
#[derive(Clone, Debug)]
pub struct Books {
    /// The input position after the last one applied.
    pub next_offset: i64,
    /// The last input offset applied; below 0 before there is one.
    pub last_applied: i64,
    /// Partition time.
    pub time: Moment,
    /// Its tenants.
    pub tenants: BTreeMap<String, TenantStanding>,
    /// Legs that may still change by tenant and call: live, refused or silent.
    pub legs: BTreeMap<String, BTreeMap<String, LegStanding>>,
    /// Closed legs with their totals, payments and adjustments that are remembered, by
    /// [`Remembered::key`].
    pub remembered: BTreeMap<u128, Option<Money>>,
    /// Input offsets of parked events.
    pub parked: BTreeSet<i64>,
}

impl Books {
    /// The books of a partition as it was restored.
    #[must_use]
    pub fn of(partition: &Partition) -> Self {
        let mut legs: BTreeMap<String, BTreeMap<String, LegStanding>> = BTreeMap::new();
        for leg in partition.leg_figures() {
            let order_sequence = leg.order_sequence.into();
            let standing = LegStanding {
                total: leg.total,
                order_sequence,
            };
            let of_tenant = legs.entry(leg.tenant_id.to_string()).or_default();
            of_tenant.insert(leg.call_id.to_string(), standing);
        }
        let tenants = partition.figures().into_iter().map(|figures| {
            let standing = TenantStanding {
                balance: figures.balance,
                holds: figures.holds,
                held_by_calls: figures.held_by_calls,
                live_calls: figures.live_calls,
                entry_sequence: figures.entry_sequence,
                notice_sequence: figures.notice_sequence,
                order_sequence: figures.order_sequence,
            };
            (figures.tenant_id.to_string(), standing)
        });
        Books {
            next_offset: partition.next_offset(),
            last_applied: partition.last_applied(),
            time: partition.time(),
            tenants: tenants.collect(),
            legs,
            remembered: partition.remembered().collect(),
            parked: partition.parked_offsets(),
        }
    }

    /// A leg that may still change.
    pub(super) fn leg(&self, tenant: &str, call: &str) -> Option<&LegStanding> {
        self.legs.get(tenant)?.get(call)
    }

    /// Whether a payment or adjustment (`payment/…`, `adjustment/…`) was taken before.
    pub(super) fn remembers_credit(&self, tenant: &str, record_id: &str) -> bool {
        let kinds = [
            ("payment/", Remembered::Payment),
            ("adjustment/", Remembered::Adjustment),
        ];
        kinds.into_iter().any(|(prefix, kind)| {
            let id = record_id.strip_prefix(prefix);
            id.is_some_and(|id| self.remembered.contains_key(&kind.key(tenant, id)))
        })
    }

    /// The total of a leg that is closed and remembered.
    pub(super) fn closed_total(&self, tenant: &str, call: &str) -> Option<Money> {
        self.remembered
            .get(&Remembered::Leg.key(tenant, call))
            .copied()
            .flatten()
    }
}
