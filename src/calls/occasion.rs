//! The circumstances of one decision, and what came of it.

use std::sync::Arc;

use crate::domain::{Moment, Money, NoticeKind, Record, Source, Threshold};
use crate::rates::RateCards;

/// When and why something is decided.
#[derive(Clone, Copy)]
pub struct Occasion<'a> {
    /// Partition time.
    pub now: Moment,
    /// When the event happened; for a timer, its due moment.
    pub occurred_at: Moment,
    /// The input record.
    pub source: Source,
    /// All known rate cards.
    pub cards: &'a RateCards,
}

/// A notice before the wallet's figures are put to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// What it tells.
    pub kind: NoticeKind,
    /// The threshold crossed.
    pub threshold: Option<Threshold>,
    /// The recharge asked for.
    pub request_id: Option<String>,
    /// The money asked for, or about to expire.
    pub amount: Option<Money>,
    /// The leg of a discrepancy.
    pub call_id: Option<Arc<str>>,
    /// Begins with the discrepancy's name, the lot's id or the month.
    pub detail: Option<String>,
}

impl Notice {
    /// A notice that tells only its kind.
    #[must_use]
    pub fn of(kind: NoticeKind) -> Self {
        Notice {
            kind,
            threshold: None,
            request_id: None,
            amount: None,
            call_id: None,
            detail: None,
        }
    }
}

/// What came of it, in the three groups in which it is published.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rated usage and wallet entries.
    pub entries: Vec<Record>,
    /// Notices, not yet in the order of their kinds.
    pub notices: Vec<Notice>,
    /// Orders.
    pub orders: Vec<Record>,
    /// A minute could not be held, or a call not admitted, for lack of credit.
    pub credit_short: bool,
    /// A lot was made or used up.
    pub lots_changed: bool,
}

impl Outcome {
    /// Adds a discrepancy about a leg; its detail begins with `name`.
    pub fn discrepancy(&mut self, call_id: &Arc<str>, name: &str, what: &str) {
        self.notices.push(Notice {
            call_id: Some(call_id.clone()),
            detail: Some(format!("{name} {what}")),
            ..Notice::of(NoticeKind::Discrepancy)
        });
    }
}
