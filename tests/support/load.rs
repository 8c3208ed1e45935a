//! Calls of many tenants, and the books that must come of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tollkeeper::domain::{Moment, Money};

use super::{Deployment, eventually};

/// Tenants with calls of 150 seconds each, three minutes at 0.02.
#[derive(Clone, Copy)]
pub struct Load {
    pub tenants: u32,
    /// Of each tenant.
    pub calls: u32,
}

const CARD: &str = "kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium\n\
                    DIAL_OUT,+49,Germany,DE,0.02,,,,,,,,,,,\n";

impl Load {
    /// Publishes the rate card and the tenants, with credit.
    pub fn prepare(self, deployment: &Deployment) {
        let card = deployment.file("standard.csv", CARD);
        deployment.done(&format!(
            "rates publish {card} --card standard --currency EUR"
        ));
        let mut lines = String::new();
        for tenant in 0..self.tenants {
            line(
                &mut lines,
                tenant,
                "TenantConfigured",
                r#""version":1,"status":"ACTIVE","currency":"EUR","country":"DE","rate_card":"standard","billing_mode":"PREPAID""#,
            );
            line(
                &mut lines,
                tenant,
                "CreditGranted",
                r#""payment_id":"p1","amount":"1000","currency":"EUR","kind":"PURCHASE""#,
            );
        }
        publish(deployment, &lines);
    }

    /// Publishes calls, numbered from `first` on in each tenant; all their starts come first, so
    /// that many are live at a time.
    pub fn publish(self, deployment: &Deployment, first: u32) {
        let mut lines = String::new();
        let all = (first..first + self.calls).flat_map(|n| (0..self.tenants).map(move |t| (t, n)));
        for (tenant, n) in all.clone() {
            let fields = format!(
                r#""call_id":"c{n}","answered_at":"{}","leg":"DIAL_OUT","remote_number":"+4930901820","organizer_id":"o","organizer_country":"DE","license":"PAY_PER_MINUTE""#,
                now()
            );
            line(&mut lines, tenant, "CallStarted", &fields);
        }
        for minute in 1..=2 {
            for (tenant, n) in all.clone() {
                let fields = format!(r#""call_id":"c{n}","minute":{minute}"#);
                line(&mut lines, tenant, "CallMinuteTick", &fields);
            }
        }
        for (tenant, n) in all {
            let fields = format!(r#""call_id":"c{n}","duration_seconds":150"#);
            line(&mut lines, tenant, "CallEnded", &fields);
        }
        publish(deployment, &lines);
    }

    /// Waits until that many calls of each tenant have ended, then proves that every call was
    /// charged once, every wallet's chain is whole, and the audit agrees.
    pub fn balances(self, deployment: &Deployment, calls: u32) {
        let wanted = usize::try_from(self.tenants * calls).expect("a small load");
        let usage = eventually("every call to end", || {
            let usage = deployment.consume("rated_usage");
            let ended = usage.iter().filter(|entry| entry["kind"] == "FINAL");
            (ended.count() >= wanted).then_some(usage)
        });
        assert_eq!(deployment.consume("rejected"), Vec::<Value>::new());
        let mut wallets: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for entry in &usage {
            let tenant = entry["tenant_id"].as_str().expect("a tenant");
            wallets.entry(tenant).or_default().push(entry);
        }
        assert_eq!(wallets.len(), usize::try_from(self.tenants).expect("few"));
        for entries in wallets.values() {
            wallet_balances(entries, calls);
        }
        deployment.done("audit");
    }
}

/// A wallet's entries in the order of the log: gap-free, chained, and each call paid once.
fn wallet_balances(entries: &[&Value], calls: u32) {
    let mut balance = Money::ZERO;
    for (place, entry) in entries.iter().enumerate() {
        assert_eq!(entry["entry_sequence"], Value::from(place + 1), "{entry}");
        assert_eq!(money(entry, "balance_before"), balance, "{entry}");
        balance = money(entry, "balance_after");
    }
    let ids: std::collections::BTreeSet<_> = entries
        .iter()
        .map(|entry| entry["record_id"].as_str())
        .collect();
    assert_eq!(ids.len(), entries.len(), "a record came twice");
    let spent = i64::from(calls) * 60_000;
    assert_eq!(balance, Money::from_micros(1_000_000_000 - spent));
}

fn money(entry: &Value, field: &str) -> Money {
    let text = entry[field].as_str().expect("money is text");
    Money::parse(text).expect("money")
}

fn line(lines: &mut String, tenant: u32, kind: &str, fields: &str) {
    writeln!(
        lines,
        r#"{{"type":"{kind}","event_id":"e","tenant_id":"tenant-{tenant}","occurred_at":"{}",{fields}}}"#,
        now()
    )
    .expect("a string takes any text");
}

fn publish(deployment: &Deployment, lines: &str) {
    let file = deployment.file("load.jsonl", lines);
    deployment.done(&format!("publish {file}"));
}

/// The present moment, as the brokers have it.
pub fn now() -> Moment {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970");
    Moment::from_millis(i64::try_from(since.as_millis()).expect("before the year 9000"))
}
