//! Grants, adjustments, recharges and the end of lots.

use std::sync::Arc;

use super::Facts;
use super::index::{content_of, key_of};
use super::partition::{Partition, PaymentRow};
use super::timers::TimerKind;
use super::turn::{Fault, Turn, fault};
use crate::calls::{Notice, Occasion};
use crate::domain::{
    AdjustmentReason, BillingMode, CreditAdjusted, CreditGranted, EntryKind, LotUses, Moment,
    Money, NoticeKind, RechargeFailed, Record, RejectReason, Symbol, WalletEntry,
};
use crate::wallet::{Lot, LotIdentity, Tenant};

/// How long payments and adjustments are remembered.
const PAYMENT_DAYS: i64 = 400;
/// How many months a lot lives unless its grant says otherwise.
const LOT_MONTHS: i32 = 12;
pub(super) const PAYMENT_KEY: u8 = b'p';
pub(super) const ADJUSTMENT_KEY: u8 = b'a';

/// A payment or adjustment that has not been taken yet, or has.
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

    fn remember_payment(&mut self, key: u128, content: u64, occurred_at: Moment) {
        let slot = self.payments.insert(PaymentRow {
            key,
            content,
            day: occurred_at.day(),
        });
        self.payment_index.insert(key, slot);
    }

    pub(super) fn grant(
        &mut self,
        slot: u32,
        grant: &CreditGranted<'_>,
        on: &Occasion<'_>,
    ) -> Result<Turn, Fault> {
        let content = content_of(&(
            grant.amount,
            grant.currency,
            grant.kind,
            grant.expires_at,
            &grant.request_id,
        ));
        let id = (PAYMENT_KEY, slot, &*grant.payment_id);
        let novelty = self.novelty(id, content, on.occurred_at)?;
        let mut turn = Turn::of(slot, self.accounts.get(slot).expect("the tenant was found"));
        let Novelty::New { key, content } = novelty else {
            return Ok(turn);
        };
        let account = self.accounts.get(slot).expect("the tenant was found");
        check_currency(&account.tenant, grant.currency)?;
        check_bound(&account.tenant, grant.amount)?;
        self.remember_payment(key, content, on.occurred_at);
        let account = self.accounts.written(slot).expect("the tenant was found");
        let tenant = &mut account.tenant;
        let mut entry = Entry::of(
            format!("payment/{}", grant.payment_id),
            EntryKind::Funding,
            grant.amount,
        );
        let balance_before = tenant.wallet.balance();
        let (paid, rest) = tenant.wallet.pay_debt(grant.amount);
        entry.debt_paid = paid;
        if rest.is_positive() {
            let expires_at = grant
                .expires_at
                .unwrap_or_else(|| on.occurred_at.plus_months(LOT_MONTHS));
            let identity = LotIdentity {
                id: entry.record_id.clone(),
                kind: grant.kind,
                purchased_at: on.occurred_at,
                expires_at,
                made_at: on.now,
            };
            tenant.wallet.lots.insert(Lot::new(identity, rest));
            entry.lot_id = Some(entry.record_id.clone());
            entry.expires_at = Some(expires_at);
        }
        tenant.wallet.last_grant = Some(grant.amount);
        if tenant
            .wallet
            .recharge
            .is_some_and(|r| answers(r.number, grant.request_id.as_deref()))
        {
            tenant.wallet.recharge = None;
        }
        turn.out
            .entries
            .push(entry.record(tenant, balance_before, on));
        turn.credit = true;
        turn.out.lots_changed = true;
        Ok(turn)
    }

    pub(super) fn adjust(
        &mut self,
        slot: u32,
        adjustment: &CreditAdjusted<'_>,
        on: &Occasion<'_>,
    ) -> Result<Turn, Fault> {
        let content = content_of(&(adjustment.amount, adjustment.currency, adjustment.reason));
        let id = (ADJUSTMENT_KEY, slot, &*adjustment.adjustment_id);
        let novelty = self.novelty(id, content, on.occurred_at)?;
        let mut turn = Turn::of(slot, self.accounts.get(slot).expect("the tenant was found"));
        let Novelty::New { key, content } = novelty else {
            return Ok(turn);
        };
        let account = self.accounts.get(slot).expect("the tenant was found");
        check_currency(&account.tenant, adjustment.currency)?;
        check_bound(&account.tenant, adjustment.amount)?;
        check_cover(&account.tenant, adjustment)?;
        self.remember_payment(key, content, on.occurred_at);
        let account = self.accounts.written(slot).expect("the tenant was found");
        let tenant = &mut account.tenant;
        let id = format!("adjustment/{}", adjustment.adjustment_id);
        let mut entry = Entry::of(id, EntryKind::Adjustment, adjustment.amount);
        entry.reason = Some(adjustment.reason.symbol());
        let balance_before = tenant.wallet.balance();
        if adjustment.amount.is_negative() {
            tenant.wallet.debit(-adjustment.amount, &mut LotUses::new());
        } else {
            let (paid, rest) = tenant.wallet.pay_debt(adjustment.amount);
            entry.debt_paid = paid;
            if rest.is_positive() {
                let id = entry.record_id.clone();
                tenant
                    .wallet
                    .add_refund(id.clone(), rest, on.occurred_at, on.now);
                entry.lot_id = Some(id);
                entry.expires_at = Some(on.occurred_at.plus_months(LOT_MONTHS));
            }
        }
        turn.out
            .entries
            .push(entry.record(tenant, balance_before, on));
        turn.credit = true;
        turn.out.lots_changed = true;
        Ok(turn)
    }

    pub(super) fn recharge_fails(&mut self, slot: u32, failed: &RechargeFailed<'_>) -> Turn {
        let account = self.accounts.moved(slot).expect("the tenant was found");
        let mut turn = Turn::of(slot, account);
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
        let turn = Turn::of(slot, account);
        if let Some(account) = self.accounts.moved(slot) {
            account.tenant.wallet.recharge = None;
        }
        self.conclude(turn, on, facts);
        true
    }

    /// Lots of a tenant whose expiry is reached, by id; returns how many.
    pub(super) fn expire_lots(
        &mut self,
        due: Moment,
        slot: u32,
        on: &Occasion<'_>,
        facts: &mut Facts,
    ) -> usize {
        let ids = self.lots_due(slot, |lot| lot.expiry_due() == Some(due));
        for id in &ids {
            let account = self.accounts.moved(slot).expect("its lots were found");
            let turn = Turn::of(slot, account);
            if let Some(state) = account.tenant.wallet.lots.state_mut(id) {
                state.expired = true;
            }
            self.conclude(turn, on, facts);
        }
        ids.len()
    }

    /// Tells of lots of a tenant that expire soon, by id; returns how many.
    pub(super) fn tell_expiring(
        &mut self,
        due: Moment,
        slot: u32,
        on: &Occasion<'_>,
        facts: &mut Facts,
    ) -> usize {
        let ids = self.lots_due(slot, |lot| lot.notice_due() == Some(due));
        for id in &ids {
            let account = self.accounts.moved(slot).expect("its lots were found");
            let mut turn = Turn::of(slot, account);
            if let Some(state) = account.tenant.wallet.lots.state_mut(id) {
                state.notices += 1;
                let amount = Some(state.remaining);
                let detail = Some(id.to_string());
                let kind = NoticeKind::CreditExpiring;
                turn.out.notices.push(Notice {
                    amount,
                    detail,
                    ..Notice::of(kind)
                });
            }
            self.set_lot_timers(slot);
            self.conclude(turn, on, facts);
        }
        ids.len()
    }

    fn lots_due(&self, slot: u32, due: impl Fn(&Lot) -> bool) -> Vec<Arc<str>> {
        let Some(account) = self.accounts.get(slot) else {
            return Vec::new();
        };
        let lots = account.tenant.wallet.lots.iter().filter(|lot| due(lot));
        let mut ids: Vec<_> = lots.map(|lot| lot.identity.id.clone()).collect();
        ids.sort();
        ids
    }

    /// Sets the timers of a tenant's lots and recharge.
    pub(super) fn set_lot_timers(&mut self, slot: u32) {
        let Some(account) = self.accounts.get(slot) else {
            return;
        };
        let wallet = &account.tenant.wallet;
        for lot in wallet.lots.iter() {
            if let Some(due) = lot.notice_due() {
                self.timers.set(due, TimerKind::LotNotice, slot);
            }
            if let Some(due) = lot.expiry_due() {
                self.timers.set(due, TimerKind::LotExpiry, slot);
            }
        }
        if let Some(recharge) = wallet.recharge {
            self.timers.set(recharge.until, TimerKind::Recharge, slot);
        }
    }

    /// Once a UTC day: forgets ids older than 400 days and tenants long closed and empty.
    pub(super) fn clean_daily(&mut self) {
        let today = self.time.day();
        if self
            .memory
            .get(0)
            .is_none_or(|memory| memory.cleaned_day == today)
        {
            return;
        }
        if let Some(memory) = self.memory.written(0) {
            memory.cleaned_day = today;
        }
        let kept_days = i32::try_from(PAYMENT_DAYS).expect("400") + 1;
        let old: Vec<u32> = self
            .payments
            .iter()
            .filter(|(_, row)| row.day + kept_days < today)
            .map(|(slot, _)| slot)
            .collect();
        for slot in old {
            if let Some(row) = self.payments.remove(slot) {
                self.payment_index.remove(&row.key);
            }
        }
        self.forget_closed_tenants();
    }

    fn forget_closed_tenants(&mut self) {
        let before = self.time.plus_days(-PAYMENT_DAYS);
        let gone: Vec<u32> = self
            .accounts
            .iter()
            .filter(|(_, a)| {
                a.tenant
                    .wallet
                    .closed_since
                    .is_some_and(|since| since < before)
            })
            .filter(|(_, a)| a.tenant.wallet.live_calls == 0)
            .map(|(slot, _)| slot)
            .collect();
        for slot in gone {
            if self.calls.iter().any(|(_, call)| call.fixed.tenant == slot) {
                continue;
            }
            if let Some(account) = self.accounts.remove(slot) {
                let hash = super::index::hash_of(0, &account.tenant.id);
                self.account_index.remove(hash, slot);
            }
        }
    }
}

fn answers(number: i64, request_id: Option<&str>) -> bool {
    let number_of = |id: &str| id.strip_prefix("recharge/")?.parse::<i64>().ok();
    request_id.and_then(number_of) == Some(number)
}

fn check_currency(tenant: &Tenant, currency: crate::domain::Currency) -> Result<(), Fault> {
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

/// A wallet entry in the making.
pub(super) struct Entry {
    pub record_id: Arc<str>,
    pub kind: EntryKind,
    pub amount: Money,
    pub lot_id: Option<Arc<str>>,
    pub debt_paid: Money,
    pub reason: Option<&'static str>,
    pub expires_at: Option<Moment>,
}

impl Entry {
    pub fn of(record_id: String, kind: EntryKind, amount: Money) -> Self {
        Entry {
            record_id: record_id.into(),
            kind,
            amount,
            lot_id: None,
            debt_paid: Money::ZERO,
            reason: None,
            expires_at: None,
        }
    }

    /// The record, with the tenant's next entry sequence.
    pub fn record(self, tenant: &mut Tenant, balance_before: Money, on: &Occasion<'_>) -> Record {
        tenant.wallet.entry_sequence += 1;
        Record::WalletEntry(Box::new(WalletEntry {
            record_id: self.record_id,
            tenant_id: tenant.id.clone(),
            entry_sequence: tenant.wallet.entry_sequence,
            kind: self.kind,
            lot_id: self.lot_id,
            amount: self.amount,
            debt_paid: self.debt_paid,
            currency: tenant.config.currency,
            reason: self.reason,
            expires_at: self.expires_at,
            balance_before,
            balance_after: tenant.wallet.balance(),
            occurred_at: on.occurred_at,
            recorded_at: on.now,
            source: on.source,
        }))
    }
}
