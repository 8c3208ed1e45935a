//! The wallet and the tenant that owns it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Alarm, Alarms, Exhaustion, Gauge, Lot, LotIdentity, Lots, Pool};
use crate::domain::{BillingMode, LotUse, LotUses, Moment, Money, TenantConfig};

/// How many UTC days of spend are kept.
const SPEND_DAYS_KEPT: usize = 4;

/// A recharge that was asked for and not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recharge {
    /// Its number; request_id is `recharge/n`.
    pub number: i64,
    /// When the latch opens by itself.
    pub until: Moment,
}

/// A tenant's money and what is remembered about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wallet {
    /// Credit, in order of use. Never above zero together with debt.
    #[serde(skip)]
    pub lots: Lots,
    /// Owed.
    pub debt: Money,
    /// Set aside for minutes that live calls may still use.
    pub holds: Money,
    /// Of the last ledger record.
    pub entry_sequence: i64,
    /// Of the last notice.
    pub notice_sequence: i64,
    /// Of the last order about the tenant.
    pub order_sequence: i64,
    /// Of the last recharge asked for.
    pub recharge_sequence: i64,
    /// The recharge under way.
    pub recharge: Option<Recharge>,
    /// Money asked for on the last UTC day on which any was.
    pub recharge_day: (i32, Money),
    /// Exhausted and restored.
    pub exhaustion: Exhaustion,
    /// Dial-out was suspended.
    pub dial_out_suspended: bool,
    /// One a threshold.
    pub alarms: Alarms,
    /// Amount of the last accepted grant.
    pub last_grant: Option<Money>,
    /// The minute pool.
    pub pool: Pool,
    /// Debits plus holds by UTC day of the minute's start.
    pub spend: SmallVec<[(i32, Money); 2]>,
    /// Since when it has been closed with a balance of zero.
    pub closed_since: Option<Moment>,
    /// Live calls; counted anew on restore.
    #[serde(skip)]
    pub live_calls: i32,
    /// Live calls under a cut for credit; counted anew on restore.
    #[serde(skip)]
    pub credit_cuts: i32,
    /// What all live calls cost in the next minute; added up anew on restore.
    #[serde(skip)]
    pub burn: Money,
}

impl Wallet {
    /// Lots less debt.
    #[must_use]
    pub fn balance(&self) -> Money {
        self.lots.total() - self.debt
    }

    /// Takes `amount` from the lots in order; the rest becomes debt.
    pub fn debit(&mut self, amount: Money, uses: &mut LotUses) {
        let rest = self.lots.take(amount, uses);
        self.debt += rest;
    }

    /// Pays debt with `amount`; returns what paid it and what is left.
    pub fn pay_debt(&mut self, amount: Money) -> (Money, Money) {
        let paid = amount.min(self.debt);
        self.debt -= paid;
        (paid, amount - paid)
    }

    /// Gives back what was debited too much: debt first, then the lot next in use, else a new lot
    /// `refund/<record_id>` of 12 months. True if it made that lot.
    pub fn give_back(
        &mut self,
        amount: Money,
        record_id: impl FnOnce() -> String,
        occurred_at: Moment,
        now: Moment,
        uses: &mut LotUses,
    ) -> bool {
        let (_, rest) = self.pay_debt(amount);
        if rest.is_zero() || self.lots.give_back(rest, uses) {
            return false;
        }
        let id: Arc<str> = format!("refund/{}", record_id()).into();
        uses.push(LotUse {
            lot_id: id.clone(),
            amount: -rest,
        });
        let lot = LotIdentity::refund(id, occurred_at, now);
        self.lots.insert(Lot::new(lot, rest));
        true
    }

    /// What an expired lot must give up now: what of the balance no hold needs.
    #[must_use]
    pub fn forfeitable(&self) -> Money {
        let Some(lot) = self.lots.first_expired() else {
            return Money::ZERO;
        };
        lot.state
            .remaining
            .min((self.balance() - self.holds).at_least_zero())
    }

    /// Debits plus holds of a UTC day.
    #[must_use]
    pub fn spent_on(&self, day: i32) -> Money {
        self.spend
            .iter()
            .find(|(d, _)| *d == day)
            .map_or(Money::ZERO, |(_, spent)| *spent)
    }

    /// Adds to (or, negative, takes from) a UTC day's spend. Days before those kept are forgotten.
    pub fn add_spend(&mut self, day: i32, amount: Money) {
        let place = self.spend.partition_point(|(d, _)| *d < day);
        let full = self.spend.len() >= SPEND_DAYS_KEPT;
        match self.spend.get_mut(place) {
            Some((d, spent)) if *d == day => *spent += amount,
            _ if place == 0 && full => {}
            _ => {
                self.spend.insert(place, (day, amount));
                if full {
                    self.spend.remove(0);
                }
            }
        }
    }
}

/// An organisation that pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: Arc<str>,
    /// Its configuration, shared with all tenants that have the same.
    pub config: Arc<TenantConfig>,
    /// Its money.
    pub wallet: Wallet,
}

impl Tenant {
    /// A tenant with an empty wallet.
    #[must_use]
    pub fn new(id: &str, config: Arc<TenantConfig>) -> Self {
        let mut tenant = Tenant {
            id: id.into(),
            config,
            wallet: Wallet::default(),
        };
        let gauge = tenant.gauge();
        let added = tenant
            .config
            .low_credit
            .iter()
            .map(|limit| Alarm::added(*limit, &gauge));
        tenant.wallet.alarms = added.collect();
        tenant
    }

    /// Balance less holds plus overdraft.
    #[must_use]
    pub fn available(&self) -> Money {
        self.wallet.balance() - self.wallet.holds + self.config.overdraft_limit
    }

    /// True in the modes that go to arrears, where credit limits nothing.
    #[must_use]
    pub fn in_arrears_mode(&self) -> bool {
        self.config.billing_mode != BillingMode::Prepaid
    }

    /// What the alarms look at.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        Gauge {
            available: self.available(),
            burn: self.wallet.burn,
            last_grant: self.wallet.last_grant,
            quiet: self.in_arrears_mode(),
        }
    }

    /// Takes a newer configuration. Alarms of thresholds that stay keep their latches.
    pub fn configure(&mut self, config: Arc<TenantConfig>) {
        let before = std::mem::replace(&mut self.config, config);
        let mut old: Vec<_> = before
            .low_credit
            .iter()
            .copied()
            .zip(self.wallet.alarms.iter().copied())
            .collect();
        let gauge = self.gauge();
        let alarms = self.config.low_credit.iter().map(|limit| {
            match old.iter().position(|(known, _)| known == limit) {
                Some(place) => old.swap_remove(place).1,
                None => Alarm::added(*limit, &gauge),
            }
        });
        self.wallet.alarms = alarms.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_days_of_spend_are_kept_and_older_ones_make_room() {
        let mut wallet = Wallet::default();
        let cent = Money::from_micros(10_000);
        for day in [11, 10, 12, 13, 12, 14, 9] {
            wallet.add_spend(day, cent);
        }
        let spent: Vec<i64> = (9..=14).map(|day| wallet.spent_on(day).micros()).collect();
        assert_eq!(spent, [0, 0, 10_000, 20_000, 10_000, 10_000]);
    }
}
