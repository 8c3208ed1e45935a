//! Whether each event has led to something.

use super::carried::LegPast;
use super::partition::PartitionAudit;
use super::{Asked, Stream, Wrong};
use crate::domain::Moment;

/// By how much partition time may be ahead of the time of events: a clock moved it while none came.
const DOUBT_S: i64 = 10 * 60;

/// What the input record under consideration has led to, apart from what is known of legs.
#[derive(Debug, Default)]
pub(super) struct Answers {
    source: i64,
    rejected: bool,
    entries: Vec<String>,
}

impl Answers {
    fn at(&mut self, source: i64) -> &mut Self {
        if self.source != source {
            self.source = source;
            self.rejected = false;
            self.entries.clear();
        }
        self
    }

    /// The record at this input offset has led to a wallet entry.
    pub fn entry(&mut self, source: i64, record_id: &str) {
        self.at(source).entries.push(record_id.to_owned());
    }

    /// It was rejected; true if it already was.
    pub fn rejected(&mut self, source: i64) -> bool {
        std::mem::replace(&mut self.at(source).rejected, true)
    }

    pub fn is_rejected(&self, source: i64) -> bool {
        self.source == source && self.rejected
    }

    fn has_entry(&self, source: i64, record_id: &str) -> bool {
        self.source == source && self.entries.iter().any(|entry| entry == record_id)
    }
}

impl PartitionAudit<'_> {
    pub(super) fn event(&mut self, offset: i64, at: Moment, asked: &Asked) {
        self.carried.pass(at);
        if !self.can_judge(offset) {
            if let Asked::Start { tenant, call } = asked {
                self.unclosed(tenant, call);
            }
            return;
        }
        self.counts.events += 1;
        if self.answers.is_rejected(offset) {
            return;
        }
        match asked {
            Asked::Nothing => {}
            Asked::Rejection => self.unanswered(offset, "a record that makes no sense".to_owned()),
            Asked::Start { tenant, call } => {
                if let Some(leg) = self.unclosed(tenant, call) {
                    leg.started_at.get_or_insert(offset);
                }
            }
            Asked::End { tenant, call } => {
                if let Some(leg) = self.unclosed(tenant, call) {
                    leg.ends.push(offset);
                    self.carried
                        .waiting
                        .insert(offset, (tenant.clone(), call.clone()));
                }
            }
            Asked::Credit { tenant, record_id } => {
                let repeated = || self.books.remembers_credit(tenant, record_id);
                if !self.answers.has_entry(offset, record_id) && !repeated() {
                    self.unanswered(offset, format!("`{record_id}` of tenant `{tenant}`"));
                }
            }
        }
    }

    /// The leg that an event is about, unless it repeats what closed the leg already. Nobody outside
    /// knows to the minute when a closed leg is forgotten and its id may serve another.
    fn unclosed(&mut self, tenant: &str, call: &str) -> Option<&mut LegPast> {
        let now = self.carried.now.unwrap_or(Moment::EARLIEST);
        let leg = self.carried.leg(tenant, call);
        if let Some(closed) = leg.closed {
            if now < closed.forgotten_at.plus_seconds(-DOUBT_S) {
                return None;
            }
            if now < closed.forgotten_at || closed.reopened {
                leg.doubtful = true;
                return None;
            }
            leg.renew();
        }
        Some(leg)
    }

    pub(super) fn unanswered(&mut self, offset: i64, what: String) {
        self.report(Stream::Events, Some(offset), Wrong::Unanswered { what });
    }

    /// Where old records of the ledger or rejected ones are gone, events are judged only from where
    /// on nothing that was closed or rejected before can be about them.
    fn can_judge(&self, offset: i64) -> bool {
        let carried = &self.carried;
        let ledger = carried.is_whole(Stream::Ledger)
            || carried.first_entry.is_some_and(|first| {
                let forgotten_at = self.scope.forgotten_at(first);
                carried.now > Some(forgotten_at.plus_seconds(DOUBT_S))
            });
        ledger && carried.tells_rejections_at(offset)
    }
}
