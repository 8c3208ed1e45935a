//! What was published, added up.

use std::collections::BTreeMap;

use tollkeeper::domain::{Money, RatedUsageKind, Record};

#[derive(Default)]
pub struct Books {
    sequence: i64,
    pub balance: Money,
    totals: BTreeMap<String, Money>,
    pub finals: BTreeMap<String, u32>,
    notices: i64,
}

/// The books of each tenant; sequences, balances and totals are checked on the way.
pub fn check_books(records: &[Record]) -> BTreeMap<String, Books> {
    let mut tenants: BTreeMap<String, Books> = BTreeMap::new();
    for record in records {
        match record {
            Record::RatedUsage(usage) => {
                let books = tenants.entry(usage.tenant_id.to_string()).or_default();
                books.sequence += 1;
                assert_eq!(usage.entry_sequence, books.sequence);
                assert_eq!(usage.balance_before, books.balance);
                assert_eq!(usage.balance_after, books.balance - usage.amount);
                books.balance = usage.balance_after;
                let call = usage.call.call_id.to_string();
                let total = books.totals.entry(call.clone()).or_default();
                *total += usage.amount;
                assert_eq!(*total, usage.call_total, "the records of a leg add up");
                *books.finals.entry(call).or_default() +=
                    u32::from(usage.kind == RatedUsageKind::Final);
            }
            Record::WalletEntry(entry) => {
                let books = tenants.entry(entry.tenant_id.to_string()).or_default();
                books.sequence += 1;
                assert_eq!(entry.entry_sequence, books.sequence);
                assert_eq!(entry.balance_before, books.balance);
                assert_eq!(entry.balance_after, books.balance + entry.amount);
                books.balance = entry.balance_after;
            }
            Record::BalanceNotice(notice) => {
                let books = tenants.entry(notice.tenant_id.to_string()).or_default();
                books.notices += 1;
                assert_eq!(notice.notice_sequence, books.notices);
            }
            Record::CallOrder(_) | Record::TenantOrder(_) | Record::TenantBalance(_) => {}
        }
    }
    tenants
}

pub fn tenant_of(record: &Record) -> &str {
    match record {
        Record::RatedUsage(usage) => &usage.tenant_id,
        Record::WalletEntry(entry) => &entry.tenant_id,
        Record::BalanceNotice(notice) => &notice.tenant_id,
        Record::CallOrder(order) => &order.tenant_id,
        Record::TenantOrder(order) => &order.tenant_id,
        Record::TenantBalance(balance) => &balance.tenant_id,
    }
}
