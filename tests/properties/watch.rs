//! What must hold after every timer and record: of holds, of cuts, of notices.

use std::collections::BTreeMap;

use tollkeeper::charging::LegFigures;
use tollkeeper::domain::{
    BillingMode, CallOrderKind, CutScope, EntryKind, Moment, Money, NoticeKind, OrderReason,
    Record, TenantOrderKind, Threshold, ThresholdKind,
};

use crate::books::tenant_of;
use crate::history::{POOL_CALL, TENANTS, What, answered_at};
use crate::run::{Happened, Run};

const QUARTER_HOUR_S: i64 = 15 * 60;
const HOUR_S: i64 = 3_600;

/// What a leg costs in millionths, from its own row: the fee and each billed second at a sixtieth of
/// the rate, rounded half-even once.
fn price(call: u8, seconds: i64) -> Money {
    let (rate, fee, initial, step) = match call {
        0 | 3 => (310_000, 50_000, 30, 6),
        1 => (700_000, 0, 60, 60),
        2 => (13_333, 0, 1, 1),
        _ => (110_000, 0, 180, 60),
    };
    let mut billed = if seconds > 0 { initial } else { 0 };
    while billed < seconds {
        billed += step;
    }
    let sixtieths: i64 = billed * rate;
    let (whole, rest) = (sixtieths / 60, sixtieths % 60);
    let up = rest > 30 || (rest == 30 && (fee + whole) % 2 == 1);
    Money::from_micros(fee + whole + i64::from(up))
}

fn call_of(leg: &LegFigures) -> u8 {
    leg.call_id[1..].parse().expect("calls are c0 to c4")
}

type Legs = BTreeMap<(String, String), LegFigures>;

fn legs_of(run: &Run) -> Legs {
    let legs = run.partition.leg_figures();
    legs.map(|leg| ((leg.tenant_id.to_string(), leg.call_id.to_string()), leg))
        .collect()
}

/// Watches what is held: never money that is not there, always what the coverage costs.
#[derive(Default)]
pub struct Holds {
    before: Legs,
}

impl Holds {
    pub fn look(&mut self, run: &Run) {
        let legs = legs_of(run);
        let figures = run.partition.figures();
        for ((tenant, call), leg) in &legs {
            let before = self.before.get(&(tenant.clone(), call.clone()));
            let of = |f: fn(&LegFigures) -> Money| before.map_or(Money::ZERO, f);
            let debited = (leg.total - of(|leg| leg.total)).at_least_zero();
            let kept = (of(|leg| leg.held) - debited).at_least_zero();
            if leg.held > kept {
                let figures = figures.iter().find(|f| *f.tenant_id == **tenant);
                let figures = figures.expect("a leg has its tenant");
                newly_held(run, tenant, figures.balance - figures.holds);
            }
            if leg.live && call_of(leg) != POOL_CALL {
                let answered = answered_at(call_of(leg), run.first);
                let covered_s = (leg.coverage.millis() - answered.millis()) / 1_000;
                let cost = price(call_of(leg), covered_s);
                assert_eq!(leg.total + leg.held, cost, "{call} is covered by money");
            }
        }
        self.before = legs;
    }
}

/// Money was set aside in this moment: so much is left of the balance.
fn newly_held(run: &Run, tenant: &str, left: Money) {
    let place = TENANTS.iter().position(|id| *id == tenant).expect("known");
    let config = &run.configs[place];
    let lowest = match (config.billing_mode, config.cut_scope) {
        (BillingMode::Prepaid, CutScope::AllChargeable) => Some(config.overdraft_limit),
        (BillingMode::Prepaid, CutScope::DialOutOnly) => {
            config.limits.debt.map(|d| d.max(config.overdraft_limit))
        }
        _ => config.limits.debt,
    };
    if let Some(lowest) = lowest {
        assert!(left >= -lowest, "{tenant} holds {left} below -{lowest}");
    }
}

/// Watches cuts: none before the coverage ends, none missing.
#[derive(Default)]
pub struct Cuts {
    before: Legs,
}

impl Cuts {
    pub fn look(&mut self, run: &Run, happened: &Happened<'_>) {
        let legs = legs_of(run);
        for record in happened.records {
            let Record::CallOrder(order) = record else {
                continue;
            };
            let key = (order.tenant_id.to_string(), order.call_id.to_string());
            let Some(leg) = legs.get(&key) else { continue };
            // The last order of the event is the one that counts.
            if order.order_sequence != leg.order_sequence || order.reason == OrderReason::Closed {
                continue;
            }
            if let (CallOrderKind::CutOff, Some(at)) = (order.kind, order.cut_at) {
                let first = self.before.get(&key).is_none_or(|leg| leg.cut_at.is_none());
                let earliest = if first {
                    leg.coverage
                } else {
                    leg.coverage.min(run.now)
                };
                assert!(at >= earliest, "{} is cut too early", order.call_id);
            }
        }
        for ((_, call), leg) in legs
            .iter()
            .filter(|(_, leg)| leg.live && leg.cut_at.is_none())
        {
            let answered = answered_at(call_of(leg), run.first);
            let next = answered.plus_seconds((i64::from(leg.proved) + 2) * 60);
            assert!(leg.coverage >= next, "{call} has its next minute or a cut");
        }
        self.before = legs;
    }
}

/// What has been told of a tenant.
#[derive(Default)]
struct Told {
    exhausted: bool,
    suspended: bool,
    pool: BTreeMap<(NoticeKind, String), u32>,
    expiring: BTreeMap<String, u32>,
    /// When each threshold was told of, and whether credit has brought 10 % more since.
    low: Vec<(Threshold, Moment, bool)>,
    last_grant: Money,
    /// The open recharge: its number, and when it was asked for.
    recharge: Option<(i64, Moment)>,
    /// Calls told of as ignoring their cut, until that is cancelled.
    ignoring: Vec<String>,
}

/// Watches notices: none twice for one crossing.
#[derive(Default)]
pub struct Notices {
    told: BTreeMap<String, Told>,
}

impl Notices {
    pub fn look(&mut self, run: &Run, happened: &Happened<'_>) {
        if let Some(step) = happened.what {
            let told = self
                .told
                .entry(TENANTS[step.tenant].to_owned())
                .or_default();
            match step.what {
                What::Configure { .. } => told.low.clear(),
                What::RechargeFails { number } => told.answered(number),
                What::Grant { answers, .. } => told.answered(answers.unwrap_or(0)),
                _ => {}
            }
        }
        for record in happened.records {
            let told = self.told.entry(tenant_of(record).to_owned()).or_default();
            told.take(run, record);
        }
    }
}

impl Told {
    fn answered(&mut self, number: u8) {
        self.recharge = self.recharge.filter(|open| open.0 != i64::from(number));
    }

    fn take(&mut self, run: &Run, record: &Record) {
        match record {
            Record::WalletEntry(entry) => {
                if entry.kind == EntryKind::Funding {
                    self.last_grant = entry.amount;
                }
                if entry.kind != EntryKind::Expiry {
                    self.credit(run, &entry.tenant_id);
                }
            }
            Record::TenantOrder(order) => {
                let suspends = order.kind == TenantOrderKind::DialOutSuspended;
                assert_ne!(self.suspended, suspends, "{:?} twice", order.kind);
                self.suspended = suspends;
            }
            Record::CallOrder(order) if order.kind == CallOrderKind::CutOffCancelled => {
                self.ignoring.retain(|call| **call != *order.call_id);
            }
            Record::BalanceNotice(notice) => {
                let detail = notice.detail.as_deref().unwrap_or_default();
                match notice.kind {
                    NoticeKind::CreditExhausted | NoticeKind::CreditRestored => {
                        let exhausted = notice.kind == NoticeKind::CreditExhausted;
                        assert_ne!(self.exhausted, exhausted, "{:?} twice", notice.kind);
                        self.exhausted = exhausted;
                    }
                    NoticeKind::PoolLow | NoticeKind::PoolExhausted => {
                        let times = self.pool.entry((notice.kind, detail.to_owned()));
                        let times = times.or_default();
                        *times += 1;
                        assert_eq!(*times, 1, "{:?} once a month", notice.kind);
                    }
                    NoticeKind::CreditExpiring => {
                        let times = self.expiring.entry(detail.to_owned()).or_default();
                        *times += 1;
                        assert!(*times <= 2, "`{detail}` expires twice at most");
                    }
                    NoticeKind::CreditLow => {
                        let threshold = notice.threshold.expect("a threshold was crossed");
                        self.low(threshold, run.now);
                    }
                    NoticeKind::RechargeRequested => {
                        let id = notice.request_id.as_deref().unwrap_or_default();
                        self.asked(id, run.now);
                    }
                    NoticeKind::Discrepancy if detail.starts_with("CUT_IGNORED") => {
                        let call = notice.call_id.as_deref().expect("of a call").to_owned();
                        assert!(
                            !self.ignoring.contains(&call),
                            "{call} ignores its cut once"
                        );
                        self.ignoring.push(call);
                    }
                    NoticeKind::Discrepancy => {}
                }
            }
            _ => {}
        }
    }

    fn credit(&mut self, run: &Run, tenant: &str) {
        let place = TENANTS.iter().position(|id| *id == tenant).expect("known");
        let figures = run.partition.figures();
        let figures = figures.iter().find(|f| *f.tenant_id == *tenant);
        let figures = figures.expect("a wallet has its tenant");
        let overdraft = run.configs[place].overdraft_limit;
        let available = i128::from((figures.balance - figures.holds + overdraft).micros());
        for (threshold, _, again) in &mut self.low {
            let value = i128::from(threshold.value.micros());
            let grant = i128::from(self.last_grant.micros());
            *again |= match threshold.kind {
                ThresholdKind::Amount => available * 100 >= value * 110,
                ThresholdKind::Percent => available * 10_000_000_000 >= value * grant * 110,
                ThresholdKind::Runway => false,
            };
        }
    }

    fn low(&mut self, threshold: Threshold, now: Moment) {
        let known = self
            .low
            .iter()
            .position(|(known, _, _)| *known == threshold);
        if let Some(place) = known {
            let (_, at, again) = self.low.swap_remove(place);
            let hour_over = now >= at.plus_seconds(HOUR_S);
            let runway = threshold.kind == ThresholdKind::Runway;
            assert!(again || (runway && hour_over), "{threshold:?} twice");
        }
        self.low.push((threshold, now, false));
    }

    fn asked(&mut self, id: &str, now: Moment) {
        let number = id.strip_prefix("recharge/").and_then(|n| n.parse().ok());
        let number: i64 = number.expect("a request is `recharge/n`");
        if let Some((before, at)) = self.recharge {
            let over = now >= at.plus_seconds(QUARTER_HOUR_S);
            assert!(over && number == before + 1, "{id} while {before} is open");
        }
        self.recharge = Some((number, now));
    }
}
