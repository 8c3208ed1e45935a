//! Grants, adjustments and recharges.

use super::Facts;
use super::entry::Entry;
use super::index::{content_of, key_of};
use super::partition::{Partition, PaymentRow};
use super::turn::{Fault, Turn, fault};
use crate::calls::Occasion;
use crate::domain::{
    AdjustmentReason, BillingMode, CreditAdjusted, CreditGranted, Currency, EntryKind, LotUses,
    Moment, Money, RechargeFailed, Record, RejectReason, Symbol,
};
use crate::wallet::{Lot, LotIdentity, Tenant};

/// How long payments and adjustments are remembered.
pub(super) const PAYMENT_DAYS: i64 = 400;
/// How many months a lot lives unless its grant says otherwise.
const LOT_MONTHS: i32 = 12;
/// Most lots of a wallet with something left, so that its row and a record that uses all of them stay
/// below what a topic takes.
const LOTS_PER_WALLET: usize = 1_000;
pub(super) const PAYMENT_KEY: u8 = b'p';
pub(super) const ADJUSTMENT_KEY: u8 = b'a';

/// A payment or adjustment as it comes in.
struct Payment<'e> {
    kind: u8,
    id: &'e str,
    /// A hash of what must not differ in a repeat.
    content: u64,
    currency: Currency,
    amount: Money,
}

/// One that has not been taken yet, or has.
enum Novelty {
    New { key: u128, content: u64 },
    Repeat,
}

impl Partition {
    fn novelty(
        &self,
        (kind, tenant, id): (u8, u32, &str),
        content: u64,
        occurred_at: Moment,
    ) -> Result<Novelty, Fault> {
        let tenant_id = self.accounts.get(tenant).map(|account| &account.tenant.id);
        let key = key_of(kind, tenant_id.expect("the tenant was found"), id);
        let known = self
            .payment_index
            .get(&key)
            .and_then(|slot| self.payments.get(*slot));
        match known {
            Some(row) if row.content == content => Ok(Novelty::Repeat),
            Some(_) => Err(fault(
                RejectReason::Conflict,
                "this id was taken with other content",
            )),
            None if occurred_at < self.time.plus_days(-PAYMENT_DAYS) => Err(fault(
                RejectReason::TooLate,
                "older than the 400 days ids are remembered",
            )),
            None => Ok(Novelty::New { key, content }),
        }
    }

    /// Whether one more id can be remembered, and one more lot where the amount makes one.
    fn check_room(&self, tenant: &Tenant, amount: Money) -> Result<(), Fault> {
        if self.payments.len() >= self.settings.kept {
            return Err(fault(
                RejectReason::Capacity,
                "no more payments are remembered",
            ));
        }
        let makes_lot = amount > tenant.wallet.debt;
        if makes_lot && tenant.wallet.lots.iter().len() >= LOTS_PER_WALLET {
            return Err(fault(
                RejectReason::Capacity,
                "the wallet has 1000 lots with something left",
            ));
        }
        Ok(())
    }

    fn remember_payment(&mut self, key: u128, content: u64, occurred_at: Moment) {
        let slot = self.payments.insert(PaymentRow {
            key,
            content,
            day: occurred_at.day(),
        });
        self.payment_index.insert(key, slot);
    }

    /// The first of a payment or adjustment: checked and remembered. None if it is a repeat.
    fn taken_first(
        &mut self,
        slot: u32,
        payment: &Payment<'_>,
        on: &Occasion<'_>,
        allowed: impl FnOnce(&Tenant) -> Result<(), Fault>,
    ) -> Result<Option<Turn>, Fault> {
        let id = (payment.kind, slot, payment.id);
        let novelty = self.novelty(id, payment.content, on.occurred_at)?;
        let Novelty::New { key, content } = novelty else {
            return Ok(None);
        };
        let account = self.accounts.get(slot).expect("the tenant was found");
        check_currency(&account.tenant, payment.currency)?;
        check_bound(&account.tenant, payment.amount)?;
        allowed(&account.tenant)?;
        self.check_room(&account.tenant, payment.amount)?;
        let turn = self.turn_of(slot);
        self.remember_payment(key, content, on.occurred_at);
        Ok(Some(turn))
    }

    pub(super) fn grant(
        &mut self,
        slot: u32,
        grant: &CreditGranted<'_>,
        on: &Occasion<'_>,
    ) -> Result<Turn, Fault> {
        let payment = Payment {
            kind: PAYMENT_KEY,
            id: &grant.payment_id,
            content: content_of(&(
                grant.amount,
                grant.currency,
                grant.kind,
                grant.expires_at,
                &grant.request_id,
            )),
            currency: grant.currency,
            amount: grant.amount,
        };
        let Some(mut turn) = self.taken_first(slot, &payment, on, |_| Ok(()))? else {
            return Ok(self.turn_of(slot));
        };
        let account = self.accounts.written(slot).expect("the tenant was found");
        let tenant = &mut account.tenant;
        let id = format!("payment/{}", grant.payment_id);
        let mut entry = Entry::of(id, EntryKind::Funding, grant.amount);
        let balance_before = tenant.wallet.balance();
        let lot = LotIdentity {
            id: entry.record_id.clone(),
            kind: grant.kind,
            purchased_at: on.occurred_at,
            expires_at: grant
                .expires_at
                .unwrap_or_else(|| on.occurred_at.plus_months(LOT_MONTHS)),
            made_at: on.now,
        };
        fund(tenant, grant.amount, lot, &mut entry);
        tenant.wallet.last_grant = Some(grant.amount);
        if tenant
            .wallet
            .recharge
            .is_some_and(|r| answers(r.number, grant.request_id.as_deref()))
        {
            tenant.wallet.recharge = None;
        }
        book(&mut turn, entry.record(tenant, balance_before, on));
        Ok(turn)
    }

    pub(super) fn adjust(
        &mut self,
        slot: u32,
        adjustment: &CreditAdjusted<'_>,
        on: &Occasion<'_>,
    ) -> Result<Turn, Fault> {
        let payment = Payment {
            kind: ADJUSTMENT_KEY,
            id: &adjustment.adjustment_id,
            content: content_of(&(adjustment.amount, adjustment.currency, adjustment.reason)),
            currency: adjustment.currency,
            amount: adjustment.amount,
        };
        let allowed = |tenant: &Tenant| check_cover(tenant, adjustment);
        let Some(mut turn) = self.taken_first(slot, &payment, on, allowed)? else {
            return Ok(self.turn_of(slot));
        };
        let account = self.accounts.written(slot).expect("the tenant was found");
        let tenant = &mut account.tenant;
        let id = format!("adjustment/{}", adjustment.adjustment_id);
        let mut entry = Entry::of(id, EntryKind::Adjustment, adjustment.amount);
        entry.reason = Some(adjustment.reason.symbol());
        let balance_before = tenant.wallet.balance();
        if adjustment.amount.is_negative() {
            tenant.wallet.debit(-adjustment.amount, &mut LotUses::new());
        } else {
            let lot = LotIdentity::refund(entry.record_id.clone(), on.occurred_at, on.now);
            fund(tenant, adjustment.amount, lot, &mut entry);
        }
        book(&mut turn, entry.record(tenant, balance_before, on));
        Ok(turn)
    }

    pub(super) fn recharge_fails(&mut self, slot: u32, failed: &RechargeFailed<'_>) -> Turn {
        let mut turn = self.turn_of(slot);
        let account = self.accounts.moved(slot).expect("the tenant was found");
        let wallet = &mut account.tenant.wallet;
        if wallet
            .recharge
            .is_some_and(|r| answers(r.number, Some(&failed.request_id)))
        {
            wallet.recharge = None;
            turn.recharge_failed = true;
        }
        turn
    }

    pub(super) fn recharge_times_out(
        &mut self,
        due: Moment,
        slot: u32,
        on: &Occasion<'_>,
        facts: &mut Facts,
    ) -> bool {
        let Some(account) = self.accounts.get(slot) else {
            return false;
        };
        if account
            .tenant
            .wallet
            .recharge
            .is_none_or(|recharge| recharge.until != due)
        {
            return false;
        }
        let turn = self.turn_of(slot);
        if let Some(account) = self.accounts.moved(slot) {
            account.tenant.wallet.recharge = None;
        }
        self.conclude(turn, on, facts);
        true
    }
}

/// Pays debt first and makes a lot of what is left.
fn fund(tenant: &mut Tenant, amount: Money, lot: LotIdentity, entry: &mut Entry) {
    let (paid, rest) = tenant.wallet.pay_debt(amount);
    entry.debt_paid = paid;
    if rest.is_positive() {
        entry.lot_id = Some(lot.id.clone());
        entry.expires_at = Some(lot.expires_at);
        tenant.wallet.lots.insert(Lot::new(lot, rest));
    }
}

fn book(turn: &mut Turn, entry: Record) {
    turn.out.entries.push(entry);
    turn.credit = true;
    turn.out.lots_changed = true;
}

fn answers(number: i64, request_id: Option<&str>) -> bool {
    let number_of = |id: &str| id.strip_prefix("recharge/")?.parse::<i64>().ok();
    request_id.and_then(number_of) == Some(number)
}

fn check_currency(tenant: &Tenant, currency: Currency) -> Result<(), Fault> {
    if currency == tenant.config.currency {
        return Ok(());
    }
    Err(fault(
        RejectReason::CurrencyMismatch,
        "`currency` is not the wallet's",
    ))
}

/// A wallet stays within what the wire can carry.
fn check_bound(tenant: &Tenant, amount: Money) -> Result<(), Fault> {
    match tenant.wallet.balance().checked_add(amount) {
        Some(_) => Ok(()),
        None => Err(fault(
            RejectReason::Invalid,
            "`amount` makes the balance too large",
        )),
    }
}

fn check_cover(tenant: &Tenant, adjustment: &CreditAdjusted<'_>) -> Result<(), Fault> {
    let after = tenant.wallet.balance() + adjustment.amount;
    let too_low = adjustment.amount.is_negative()
        && adjustment.reason != AdjustmentReason::Chargeback
        && tenant.config.billing_mode == BillingMode::Prepaid
        && after < -tenant.config.overdraft_limit;
    if too_low {
        let what = "it would take the balance below the overdraft limit";
        return Err(fault(RejectReason::InsufficientCredit, what));
    }
    Ok(())
}
