//! Notices and orders: numbered without a gap.

use super::partition::PartitionAudit;
use super::{Order, Stream, Wrong};

/// The number that must come, if that is known.
fn expected(last: Option<i64>, whole: bool) -> Option<i64> {
    match last {
        Some(last) => Some(last + 1),
        None => whole.then_some(1),
    }
}

impl PartitionAudit<'_> {
    pub(super) fn notice(&mut self, offset: i64, tenant: &str, found: i64) {
        self.counts.notices += 1;
        let whole = self.carried.is_whole(Stream::Notices);
        let last = self.carried.tenant(tenant).notice.replace(found);
        if let Some(expected) = expected(last, whole).filter(|expected| *expected != found) {
            let tenant = tenant.to_owned();
            self.report(
                Stream::Notices,
                Some(offset),
                Wrong::NoticeSequence {
                    tenant,
                    expected,
                    found,
                },
            );
        }
    }

    /// `answers` is the start that the order may answer: its source, if it is about a leg and no timer's.
    pub(super) fn order(&mut self, offset: i64, answers: Option<i64>, order: &Order) {
        self.counts.orders += 1;
        // The order to hang up the leg of a tenant that nobody knows: each such start has its own.
        if answers.is_some_and(|source| self.answers.is_rejected(source)) {
            return;
        }
        let whole = self.carried.is_whole(Stream::Orders);
        let found = order.sequence;
        // Else a closing or rejection that nobody saw may lie between two first orders.
        let told = self.carried.is_whole(Stream::Ledger) && self.carried.is_whole(Stream::Rejected);
        let last = match &order.call {
            Some(call) => {
                let leg = self.carried.leg(&order.tenant, call);
                if found == 1 {
                    leg.ordered_anew(order.at);
                }
                let last = leg.order.replace(found);
                last.filter(|_| found != 1 || told)
            }
            None => self.carried.tenant(&order.tenant).order.replace(found),
        };
        if let Some(expected) = expected(last, whole).filter(|expected| *expected != found) {
            let call = order.call.as_deref();
            let about = call.map_or_else(|| "the tenant itself".to_owned(), about_call);
            let tenant = order.tenant.clone();
            let wrong = Wrong::OrderSequence {
                tenant,
                about,
                expected,
                found,
            };
            self.report(Stream::Orders, Some(offset), wrong);
        }
    }
}

/// A leg in words.
pub(super) fn about_call(call: &str) -> String {
    format!("call `{call}`")
}
