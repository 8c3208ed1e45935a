//! At the end: what the topics add up to is what the journal has.

use std::collections::BTreeMap;

use super::carried::{LegPast, TenantPast};
use super::ledger::is_forgotten;
use super::orders::about_call;
use super::partition::PartitionAudit;
use super::{LegStanding, Stream, TenantStanding, Wrong};
use crate::domain::Money;

impl PartitionAudit<'_> {
    /// Compares every tenant and leg with the journal.
    pub(super) fn settle(&mut self) {
        let books = self.books;
        let mut tenants = std::mem::take(&mut self.carried.tenants);
        for (tenant, standing) in &books.tenants {
            let unseen = TenantPast::default();
            let past = tenants.get(tenant).unwrap_or(&unseen);
            self.settle_tenant(tenant, standing, past);
            self.settle_legs(tenant, past);
        }
        tenants.retain(|tenant, past| {
            // What is neither closed, live nor parked has been reported, or was another leg's.
            past.legs.retain(|call, leg| {
                let may_come = leg.closed.is_some() || !leg.ends.is_empty();
                may_come || books.leg(tenant, call).is_some()
            });
            let known = books.tenants.contains_key(tenant);
            if !known {
                self.settle_unknown(tenant, past);
            }
            // A forgotten tenant begins anew.
            known
                || past
                    .entry
                    .is_none_or(|last| !is_forgotten(&last, books.time))
        });
        self.carried.tenants = tenants;
    }

    fn settle_tenant(&mut self, tenant: &str, standing: &TenantStanding, past: &TenantPast) {
        let name = || tenant.to_owned();
        let held = standing.holds != standing.held_by_calls
            || (standing.live_calls == 0 && !standing.holds.is_zero());
        if held {
            let TenantStanding {
                holds,
                held_by_calls,
                live_calls,
                ..
            } = *standing;
            let wrong = Wrong::Holds {
                tenant: name(),
                holds,
                held_by_calls,
                live_calls,
            };
            self.report(Stream::Journal, None, wrong);
        }
        let journal = standing.entry_sequence;
        match past.entry {
            Some(last) if last.sequence == journal && last.balance != standing.balance => {
                let (ledger, balance) = (last.balance, standing.balance);
                let wrong = Wrong::BalanceInJournal {
                    tenant: name(),
                    sequence: journal,
                    ledger,
                    journal: balance,
                };
                self.report(Stream::Ledger, Some(last.offset), wrong);
            }
            Some(last) if last.sequence < journal => {
                let wrong = Wrong::EntriesMissing {
                    tenant: name(),
                    ledger: last.sequence,
                    journal,
                };
                self.report(Stream::Ledger, Some(last.offset), wrong);
            }
            None if journal > 0 && self.carried.is_whole(Stream::Ledger) => {
                let wrong = Wrong::EntriesMissing {
                    tenant: name(),
                    ledger: 0,
                    journal,
                };
                self.report(Stream::Ledger, None, wrong);
            }
            _ => {}
        }
        let about = "notices".to_owned();
        self.settle_sequence(
            Stream::Notices,
            tenant,
            about,
            past.notice,
            standing.notice_sequence,
        );
        let about = "orders about the tenant itself".to_owned();
        self.settle_sequence(
            Stream::Orders,
            tenant,
            about,
            past.order,
            standing.order_sequence,
        );
    }

    fn settle_sequence(
        &mut self,
        stream: Stream,
        tenant: &str,
        about: String,
        last: Option<i64>,
        journal: i64,
    ) {
        let last = match last {
            None if !self.carried.is_whole(stream) => return,
            last => last.unwrap_or(0),
        };
        if last < journal {
            let tenant = tenant.to_owned();
            self.report(
                stream,
                None,
                Wrong::SequenceMissing {
                    tenant,
                    about,
                    last,
                    journal,
                },
            );
        }
    }

    fn settle_legs(&mut self, tenant: &str, past: &TenantPast) {
        let books = self.books;
        let nothing = BTreeMap::new();
        let standing = books.legs.get(tenant).unwrap_or(&nothing);
        for (call, leg) in &past.legs {
            self.settle_leg(tenant, call, leg, standing.get(call));
        }
        for (call, standing) in standing {
            let unseen = LegPast::default();
            let leg = past.legs.get(call).unwrap_or(&unseen);
            let about = about_call(call);
            self.settle_sequence(
                Stream::Orders,
                tenant,
                about,
                leg.order,
                standing.order_sequence,
            );
            if leg.last.is_none() && past.whole && !standing.total.is_zero() {
                let wrong = Wrong::LegInJournal {
                    tenant: tenant.to_owned(),
                    call: call.clone(),
                    ledger: Money::ZERO,
                    journal: standing.total,
                };
                self.report(Stream::Ledger, None, wrong);
            }
        }
    }

    fn settle_leg(
        &mut self,
        tenant: &str,
        call: &str,
        leg: &LegPast,
        standing: Option<&LegStanding>,
    ) {
        let ids = || (tenant.to_owned(), call.to_owned());
        let closed = self.books.closed_total(tenant, call);
        // A closed leg's id may serve another one as soon as the core may have forgotten it.
        let remembered = leg
            .closed
            .is_none_or(|closed| self.books.time < closed.forgotten_at);
        let surely_the_same = remembered && !leg.doubtful;
        let journal = standing
            .map(|standing| standing.total)
            .or(closed)
            .filter(|_| surely_the_same);
        if let (Some((offset, ledger)), Some(journal)) = (leg.last, journal)
            && ledger != journal
        {
            let (tenant, call) = ids();
            self.report(
                Stream::Ledger,
                Some(offset),
                Wrong::LegInJournal {
                    tenant,
                    call,
                    ledger,
                    journal,
                },
            );
        }
        if leg.closed.is_some() {
            return;
        }
        if standing.is_none() {
            // Without a FINAL it must be live; where old records are gone, it may be closed since long.
            let seen_from_start = closed.is_none();
            if let Some(offset) = leg.started_at.filter(|_| seen_from_start) {
                self.unanswered(
                    offset,
                    format!("the start of {} of tenant `{tenant}`", about_call(call)),
                );
            } else if let Some((offset, _)) = leg.last {
                let (tenant, call) = ids();
                self.report(
                    Stream::Ledger,
                    Some(offset),
                    Wrong::LegLost { tenant, call },
                );
            }
        }
        // An end that changes nothing makes the core remember a leg for longer. Where old records are gone, one
        // of a leg of which nothing else is seen may be such a one.
        let whole = self.carried.is_whole(Stream::Ledger);
        let may_repeat = !whole && leg.started_at.is_none() && leg.last.is_none();
        if closed.is_some() || may_repeat {
            return;
        }
        for offset in &leg.ends {
            if !self.books.parked.contains(offset) {
                self.unanswered(
                    *offset,
                    format!("the end of {} of tenant `{tenant}`", about_call(call)),
                );
            }
        }
    }

    fn settle_unknown(&mut self, tenant: &str, past: &TenantPast) {
        let books = self.books;
        if let Some(last) = past.entry.filter(|last| !is_forgotten(last, books.time)) {
            let wrong = Wrong::UnknownTenant {
                tenant: tenant.to_owned(),
            };
            self.report(Stream::Ledger, Some(last.offset), wrong);
        }
        for (call, leg) in &past.legs {
            let asked = leg.started_at.iter().chain(&leg.ends);
            for offset in asked {
                self.unanswered(
                    *offset,
                    format!("an event of {} of tenant `{tenant}`", about_call(call)),
                );
            }
        }
    }
}
