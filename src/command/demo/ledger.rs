//! A ledger as a reader of rated usage keeps it: every record once, in order, without a gap.

use std::collections::{BTreeMap, BTreeSet};

use super::embedded::Heard;
use crate::charging::TenantFigures;
use crate::domain::Money;

/// What was booked for a tenant.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Paid in, corrected and expired.
    pub(super) credit: Money,
    /// Used.
    pub(super) usage: Money,
    /// Used without being paid for in time.
    pub(super) uncovered: Money,
    /// The last record's.
    pub(super) sequence: i64,
}

impl Account {
    /// What must be left.
    pub(super) fn balance(&self) -> Money {
        self.credit - self.usage
    }
}

/// All accounts.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    accounts: BTreeMap<String, Account>,
    closed: BTreeSet<(String, String)>,
}

impl Ledger {
    /// The accounts, by tenant.
    pub(super) fn accounts(&self) -> &BTreeMap<String, Account> {
        &self.accounts
    }

    /// Books a record; what is no ledger record is passed over, and so is a repeat.
    pub(super) fn book(&mut self, record: &Heard) -> Result<(), String> {
        let is_usage = match record.text("type") {
            "RatedUsage" => true,
            "WalletEntry" => false,
            _ => return Ok(()),
        };
        let tenant = record.tenant();
        let account = self.accounts.entry(tenant.to_owned()).or_default();
        let sequence = record.0["entry_sequence"].as_i64().unwrap_or_default();
        if sequence <= account.sequence {
            return Ok(());
        }
        if sequence != account.sequence + 1 || money(record, "balance_before")? != account.balance()
        {
            return Err(format!(
                "tenant `{tenant}`: ledger record {sequence} does not follow record {}",
                account.sequence
            ));
        }
        account.sequence = sequence;
        let amount = money(record, "amount")?;
        if is_usage {
            account.usage += amount;
            account.uncovered += money(record, "uncovered")?;
        } else {
            account.credit += amount;
        }
        if is_usage && record.kind() == "FINAL" {
            self.closed
                .insert((tenant.to_owned(), record.text("call_id").to_owned()));
        }
        Ok(())
    }

    /// Whether the closing record of all these calls was booked.
    pub(super) fn has_closed(&self, calls: &BTreeSet<(String, String)>) -> bool {
        calls.is_subset(&self.closed)
    }

    /// Every wallet must hold what the ledger says, and no money for calls that are over.
    pub(super) fn compare(&self, wallets: &[TenantFigures]) -> Result<(), String> {
        let mut wrong = Vec::new();
        for wallet in wallets {
            let booked = self.accounts.get(&*wallet.tenant_id);
            let balance = booked.map_or(Money::ZERO, Account::balance);
            if balance != wallet.balance {
                wrong.push(format!(
                    "tenant `{}`: the ledger adds up to {balance}, the wallet holds {}",
                    wallet.tenant_id, wallet.balance
                ));
            }
            if wallet.live_calls == 0 && !wallet.holds.is_zero() {
                wrong.push(format!(
                    "tenant `{}`: {} is held for no call",
                    wallet.tenant_id, wallet.holds
                ));
            }
        }
        let known = |tenant: &String| wallets.iter().any(|wallet| *wallet.tenant_id == **tenant);
        for tenant in self.accounts.keys().filter(|tenant| !known(tenant)) {
            wrong.push(format!(
                "tenant `{tenant}`: is in the ledger and has no wallet"
            ));
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("\n"))
        }
    }
}

fn money(record: &Heard, field: &str) -> Result<Money, String> {
    Money::parse(record.text(field))
        .map_err(|error| format!("`{field}` of `{}`: {error}", record.text("record_id")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(sequence: i64, kind: &str, amount: &str, before: &str) -> Heard {
        let record_type = if kind == "FUNDING" {
            "WalletEntry"
        } else {
            "RatedUsage"
        };
        Heard(json!({
            "type": record_type, "kind": kind, "record_id": "r",
            "tenant_id": "acme", "call_id": "c1", "entry_sequence": sequence, "amount": amount,
            "balance_before": before, "uncovered": "0",
        }))
    }

    fn wallet(balance: &str) -> TenantFigures {
        TenantFigures {
            tenant_id: "acme".into(),
            balance: Money::parse(balance).expect("an amount"),
            holds: Money::ZERO,
            held_by_calls: Money::ZERO,
            live_calls: 0,
            entry_sequence: 2,
            notice_sequence: 0,
            order_sequence: 0,
        }
    }

    #[test]
    fn repeats_are_booked_once_and_the_sum_is_compared() {
        let mut ledger = Ledger::default();
        let funding = entry(1, "FUNDING", "5", "0");
        let usage = entry(2, "FINAL", "0.3", "5");
        for record in [&funding, &funding, &usage, &funding] {
            ledger.book(record).expect("a repeat is no gap");
        }
        assert_eq!(ledger.compare(&[wallet("4.7")]), Ok(()));
        let calls = BTreeSet::from([("acme".to_owned(), "c1".to_owned())]);
        assert!(ledger.has_closed(&calls));
        let wrong = ledger.compare(&[wallet("4.8")]).expect_err("they differ");
        assert_eq!(
            wrong,
            "tenant `acme`: the ledger adds up to 4.7, the wallet holds 4.8"
        );
    }

    #[test]
    fn a_gap_and_a_broken_chain_are_seen() {
        let mut ledger = Ledger::default();
        assert!(ledger.book(&entry(2, "FINAL", "1", "5")).is_err());
        let mut ledger = Ledger::default();
        assert!(ledger.book(&entry(1, "FUNDING", "5", "1")).is_err());
    }
}
