//! What every event and timer of a tenant ends with: forfeits, second tries, notices, orders.

use std::ops::Bound;
use std::sync::Arc;

use hashbrown::HashSet;

use super::Facts;
use super::entry::Entry;
use super::partition::{Account, Partition};
use super::turn::Turn;
use crate::calls::{Notice, Occasion, Outcome};
use crate::domain::{
    BalanceNotice, EntryKind, MILLIS_PER_MINUTE, Money, NoticeKind, OrderReason, Record,
    TenantOrder, TenantOrderKind, TenantStatus,
};
use crate::wallet::{Exhaustion, PoolMark, Recharge, Tenant};

/// How long a recharge that is not answered keeps the next from being asked for.
const RECHARGE_WAIT_MS: i64 = 15 * MILLIS_PER_MINUTE;
/// So many of the cheapest minutes must be there again before credit counts as restored.
const RESTORED_MINUTES: i64 = 10;

/// After so many calls in a row for which nothing more could be held, the rest are not tried: a tenant
/// with a hundred thousand calls under a cut must not hold the others up.
const FUTILE_TRIES: u32 = 100;

impl Partition {
    /// Ends a tenant's turn and publishes what came of it.
    pub(super) fn conclude(&mut self, mut turn: Turn, on: &Occasion<'_>, facts: &mut Facts) {
        let slot = turn.slot;
        let account = self.accounts.moved(slot).expect("a turn has its tenant");
        forfeit(&mut account.tenant, on, &mut turn.out);
        let available = account.tenant.available();
        let licenses = account.tenant.config.subscription_licenses;
        let pool = account.tenant.wallet.pool.left_of_all(licenses);
        let raised = available > turn.available_before;
        let more = raised || pool > turn.pool_before || turn.eased;
        if more && !account.cuts.is_empty() {
            self.try_again(slot, on, &mut turn);
        }
        self.look_ahead_again(&turn, on);
        let card = self
            .accounts
            .get(slot)
            .and_then(|account| on.cards.in_force(&account.tenant.config.rate_card, on.now));
        let lowest = card.and_then(|card| card.lowest_positive_rate(on.now));
        if let Some(card) = card {
            self.note_card(card.id(), card.version());
        }
        let account = if turn.fixed_changed || turn.out.lots_changed {
            self.accounts.written(slot)
        } else {
            self.accounts.moved(slot)
        };
        let account = account.expect("a turn has its tenant");
        let tenant = &mut account.tenant;
        let mut verdict = Verdict::default();
        pool_notices(tenant, &mut turn.out);
        alarm_notices(tenant, turn.credit, on, &mut verdict);
        exhaustion(tenant, &turn, raised, lowest, &mut verdict);
        let recharged = !turn.recharge_failed && ask_for_recharge(tenant, on, &mut verdict);
        let closed = tenant.config.status == TenantStatus::Closed;
        let empty = closed && tenant.wallet.balance().is_zero();
        tenant.wallet.closed_since = match tenant.wallet.closed_since {
            Some(since) if empty => Some(since),
            _ => empty.then_some(on.now),
        };
        let lots_changed = turn.out.lots_changed;
        turn.out.notices.append(&mut verdict.notices);
        self.spare = publish(account, turn.out, verdict.order, on, facts);
        if recharged || lots_changed {
            self.set_lot_timers(slot);
        }
    }

    /// Tries the calls under a cut that has not passed again: earliest cut first, then call id, each once,
    /// until there is nothing left to try with.
    fn try_again(&mut self, tenant: u32, on: &Occasion<'_>, turn: &mut Turn) {
        let mut from = Bound::Included((on.now, Arc::from(""), 0));
        let mut tried: HashSet<u32, foldhash::fast::FixedState> = HashSet::default();
        let mut futile = 0;
        loop {
            let account = self.accounts.get(tenant).expect("a turn has its tenant");
            let next = account.cuts.range((from, Bound::Unbounded)).next().cloned();
            let Some(entry) = next else { return };
            let slot = entry.2;
            from = Bound::Excluded(entry);
            let cut = self.calls.get(slot).and_then(|call| call.state.cut);
            let Some(cut) = cut.filter(|cut| cut.reason != OrderReason::Closed) else {
                continue;
            };
            if futile >= FUTILE_TRIES && cut.reason == OrderReason::Credit {
                return;
            }
            // A cut that moved on to a later moment is met again.
            if tried.insert(slot) {
                let gained = self.try_one(tenant, slot, on, turn);
                futile = if gained { 0 } else { futile + 1 };
            }
        }
    }

    /// Tries one call again; true if more of it is covered than before.
    fn try_one(&mut self, tenant: u32, slot: u32, on: &Occasion<'_>, turn: &mut Turn) -> bool {
        let call = self.calls.moved(slot).expect("it is under a cut");
        let account = self.accounts.moved(tenant).expect("a turn has its tenant");
        let covered_before = call.state.covered_s;
        call.try_again(&mut account.tenant, on, &mut turn.out);
        call.look_ahead(&account.tenant, on);
        account.count(slot, call);
        call.state.cut.is_none() || call.state.covered_s > covered_before
    }

    /// What a call's next minute costs is open as long as that minute is not held, and such a call is
    /// under a cut: the pool, the configuration and the next version of a card still change it.
    fn look_ahead_again(&mut self, turn: &Turn, on: &Occasion<'_>) {
        let account = self
            .accounts
            .moved(turn.slot)
            .expect("a turn has its tenant");
        if account.cuts.is_empty() {
            return;
        }
        let licenses = account.tenant.config.subscription_licenses;
        let pool = account.tenant.wallet.pool.left_of_all(licenses) != turn.pool_before;
        // Compared with what was known then, not with when: a card may become known late.
        let published = on.cards.publications_by(on.now);
        if !(pool || account.looked_by != published || turn.fixed_changed) {
            return;
        }
        account.looked_by = published;
        let under_cut: Vec<u32> = account.cuts.iter().map(|(_, _, slot)| *slot).collect();
        for slot in under_cut {
            let Some(call) = self.calls.moved(slot) else {
                continue;
            };
            let account = self
                .accounts
                .moved(turn.slot)
                .expect("a turn has its tenant");
            call.look_ahead(&account.tenant, on);
            account.count(slot, call);
        }
    }

    fn note_card(&mut self, id: &Arc<str>, version: i64) {
        let known = self.memory.get(0).map_or(&[][..], |memory| &memory.cards);
        let place = known.iter().position(|(card, _)| card == id);
        if place.is_some_and(|place| known[place].1 >= version) {
            return;
        }
        let Some(memory) = self.memory.written(0) else {
            return;
        };
        match place {
            Some(place) => memory.cards[place].1 = version,
            None => memory.cards.push((id.clone(), version)),
        }
    }
}

/// What the latches say.
#[derive(Default)]
struct Verdict {
    notices: Vec<Notice>,
    order: Option<TenantOrderKind>,
}

/// Expired lots give up what no hold needs, each as its own entry.
fn forfeit(tenant: &mut Tenant, on: &Occasion<'_>, out: &mut Outcome) {
    loop {
        let amount = tenant.wallet.forfeitable();
        if !amount.is_positive() {
            return;
        }
        let balance_before = tenant.wallet.balance();
        let (lot, number) = tenant.wallet.lots.forfeit(amount);
        let mut entry = Entry::of(
            format!("expiry/{}/{number}", lot.id),
            EntryKind::Expiry,
            -amount,
        );
        entry.lot_id = Some(lot.id.clone());
        entry.expires_at = Some(lot.expires_at);
        out.entries.push(entry.record(tenant, balance_before, on));
        out.lots_changed = true;
    }
}

fn pool_notices(tenant: &mut Tenant, out: &mut Outcome) {
    let licenses = tenant.config.subscription_licenses;
    if licenses == 0 {
        return;
    }
    for (month, mark) in tenant.wallet.pool.reached(licenses) {
        let kind = match mark {
            PoolMark::Low => NoticeKind::PoolLow,
            PoolMark::Exhausted => NoticeKind::PoolExhausted,
        };
        let detail = format!(
            "{}-{:02}",
            1970 + month.div_euclid(12),
            month.rem_euclid(12) + 1
        );
        out.notices.push(Notice {
            detail: Some(detail),
            ..Notice::of(kind)
        });
    }
}

fn alarm_notices(tenant: &mut Tenant, credit: bool, on: &Occasion<'_>, verdict: &mut Verdict) {
    if tenant.config.low_credit.is_empty() {
        return;
    }
    let gauge = tenant.gauge();
    let limits = tenant.config.low_credit.iter();
    for (threshold, alarm) in limits.zip(&mut tenant.wallet.alarms) {
        if alarm.look(*threshold, &gauge, credit, on.now) {
            let threshold = Some(*threshold);
            verdict.notices.push(Notice {
                threshold,
                ..Notice::of(NoticeKind::CreditLow)
            });
        }
    }
}

fn exhaustion(
    tenant: &mut Tenant,
    turn: &Turn,
    raised: bool,
    lowest: Option<Money>,
    verdict: &mut Verdict,
) {
    let available = tenant.available();
    let arrears = tenant.in_arrears_mode();
    let wallet = &mut tenant.wallet;
    match wallet.exhaustion {
        Exhaustion::NeverFunded => {
            let enough = lowest.map_or(available.is_positive(), |rate| available >= rate);
            if turn.credit && enough {
                wallet.exhaustion = Exhaustion::Clear;
            }
        }
        Exhaustion::Clear => {
            let exhausted = if arrears {
                turn.lots_before.is_positive() && wallet.lots.total().is_zero()
            } else {
                turn.out.credit_short || lowest.is_some_and(|rate| available < rate)
            };
            if exhausted {
                wallet.exhaustion = Exhaustion::Exhausted;
                verdict
                    .notices
                    .push(Notice::of(NoticeKind::CreditExhausted));
                if !arrears && !wallet.dial_out_suspended {
                    wallet.dial_out_suspended = true;
                    verdict.order = Some(TenantOrderKind::DialOutSuspended);
                }
            }
        }
        Exhaustion::Exhausted => {
            let enough = lowest.map_or(available.is_positive(), |rate| {
                available >= Money::from_micros(rate.micros() * RESTORED_MINUTES)
            });
            if raised && enough && wallet.credit_cuts == 0 {
                wallet.exhaustion = Exhaustion::Clear;
                verdict.notices.push(Notice::of(NoticeKind::CreditRestored));
                if wallet.dial_out_suspended {
                    wallet.dial_out_suspended = false;
                    verdict.order = Some(TenantOrderKind::DialOutResumed);
                }
            }
        }
    }
}

/// Asks for a recharge where one is due and none is under way; true if it did.
fn ask_for_recharge(tenant: &mut Tenant, on: &Occasion<'_>, verdict: &mut Verdict) -> bool {
    let Some(recharge) = tenant.config.auto_recharge else {
        return false;
    };
    let wallet = &mut tenant.wallet;
    let wanted = tenant.config.status == TenantStatus::Active
        && wallet.recharge.is_none()
        && wallet.balance() - wallet.holds < recharge.trigger;
    if !wanted {
        return false;
    }
    let today = on.now.day();
    let asked = if wallet.recharge_day.0 == today {
        wallet.recharge_day.1
    } else {
        Money::ZERO
    };
    let Some(sum) = asked.checked_add(recharge.amount) else {
        return false;
    };
    if sum > recharge.daily_cap {
        return false;
    }
    wallet.recharge_day = (today, sum);
    wallet.recharge_sequence += 1;
    let number = wallet.recharge_sequence;
    wallet.recharge = Some(Recharge {
        number,
        until: on.now.plus_millis(RECHARGE_WAIT_MS),
    });
    verdict.notices.push(Notice {
        request_id: Some(format!("recharge/{number}")),
        amount: Some(recharge.amount),
        ..Notice::of(NoticeKind::RechargeRequested)
    });
    true
}

/// The place of a kind among the notices of one event.
fn rank(kind: NoticeKind) -> u8 {
    match kind {
        NoticeKind::CreditExpiring => 0,
        NoticeKind::Discrepancy => 1,
        NoticeKind::PoolLow => 2,
        NoticeKind::PoolExhausted => 3,
        NoticeKind::CreditLow => 4,
        NoticeKind::CreditExhausted | NoticeKind::CreditRestored => 5,
        NoticeKind::RechargeRequested => 6,
    }
}

/// Publishes in the order of the groups; gives back the emptied outcome, for the next turn.
fn publish(
    account: &mut Account,
    mut out: Outcome,
    order: Option<TenantOrderKind>,
    on: &Occasion<'_>,
    facts: &mut Facts,
) -> Outcome {
    facts.records.append(&mut out.entries);
    let tenant = &mut account.tenant;
    out.notices.sort_by_key(|notice| rank(notice.kind));
    let (available, gauge) = (tenant.available(), tenant.gauge());
    for notice in out.notices.drain(..) {
        tenant.wallet.notice_sequence += 1;
        let wallet = &tenant.wallet;
        facts
            .records
            .push(Record::BalanceNotice(Box::new(BalanceNotice {
                tenant_id: tenant.id.clone(),
                notice_sequence: wallet.notice_sequence,
                kind: notice.kind,
                threshold: notice.threshold,
                request_id: notice.request_id,
                amount: notice.amount,
                call_id: notice.call_id,
                detail: notice.detail,
                balance: wallet.balance(),
                available,
                holds: wallet.holds,
                currency: tenant.config.currency,
                live_calls: wallet.live_calls,
                burn_per_minute: wallet.burn,
                runway_seconds: gauge.runway_seconds(),
                occurred_at: on.occurred_at,
                source: on.source,
            })));
    }
    facts.records.append(&mut out.orders);
    if let Some(kind) = order {
        tenant.wallet.order_sequence += 1;
        facts
            .records
            .push(Record::TenantOrder(Box::new(TenantOrder {
                tenant_id: tenant.id.clone(),
                order_sequence: tenant.wallet.order_sequence,
                kind,
                available,
                occurred_at: on.occurred_at,
                issued_at: on.now,
                source: on.source,
            })));
    }
    Outcome {
        credit_short: false,
        lots_changed: false,
        ..out
    }
}
