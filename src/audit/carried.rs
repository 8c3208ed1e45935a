//! What an audit knows of a partition's past, which the next audit goes on from.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::domain::{Moment, Money};

use super::Stream;

/// What is known of a partition's topics up to where each was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The last record of the journal: its number and hash.
    pub journal: Option<(u64, [u8; 32])>,
    /// Where each topic goes on, in the order of [`Stream::BESIDE`]; none before anything was read.
    pub next: Option<[i64; 5]>,
    /// The largest source of each topic.
    pub(super) sources: [Option<i64>; 5],
    /// Which topics were read from offset 0 on.
    pub(super) whole: [bool; 5],
    /// Partition time, as far as records show it.
    pub(super) now: Option<Moment>,
    /// Partition time of the first entry seen.
    pub(super) first_entry: Option<Moment>,
    /// Source of the first rejected record seen, orphans apart, whose sources lie anywhere.
    pub(super) first_rejected: Option<i64>,
    pub(super) tenants: BTreeMap<String, TenantPast>,
    /// Legs to be forgotten, by moment: as many as were closed in the last hours.
    pub(super) forget: VecDeque<(Moment, String, String)>,
    /// Input offsets of ends that wait for their leg's FINAL.
    pub(super) waiting: BTreeMap<i64, (String, String)>,
}

/// A tenant's records so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TenantPast {
    /// The last entry; none before the first one seen.
    pub entry: Option<EntryPast>,
    /// Its entries were seen from the first one on.
    pub whole: bool,
    /// The last notice seen.
    pub notice: Option<i64>,
    /// The last order about the tenant seen.
    pub order: Option<i64>,
    /// Its legs that are not closed, and those closed lately.
    pub legs: BTreeMap<String, LegPast>,
}

/// A tenant's last entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EntryPast {
    pub offset: i64,
    pub sequence: i64,
    pub balance: Money,
    pub at: Moment,
}

/// A leg's records so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LegPast {
    /// Offset and call_total of its last record.
    pub last: Option<(i64, Money)>,
    /// Its FINAL was seen, and what came after it.
    pub closed: Option<Closed>,
    /// It is closed, and its id may serve another leg by now.
    pub doubtful: bool,
    /// `order` may be of that other leg.
    pub reordered: bool,
    /// Input offset of its start.
    pub started_at: Option<i64>,
    /// Input offsets of ends without a FINAL yet.
    pub ends: Vec<i64>,
    /// The last order about it.
    pub order: Option<i64>,
}

/// A leg's closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Closed {
    /// From when on the core may know nothing of it.
    pub forgotten_at: Moment,
    /// It went on after silence, and may have been closed again without a record.
    pub reopened: bool,
}

/// A leg that went on after silence may go on for so long at most.
const LONGEST_LEG_S: i64 = 24 * 60 * 60;
/// Closed legs are kept for so long after the core has forgotten them.
const KEPT_ON_S: i64 = 60 * 60;

impl Closed {
    /// Until when something may still come of it.
    pub fn kept_until(self) -> Moment {
        let silence_s = if self.reopened { LONGEST_LEG_S } else { 0 };
        self.forgotten_at.plus_seconds(KEPT_ON_S + silence_s)
    }
}

impl LegPast {
    /// Its id serves another leg from here on.
    pub fn renew(&mut self) {
        let order = self.order.filter(|_| self.reordered);
        *self = LegPast {
            order,
            ..LegPast::default()
        };
    }

    /// A first order: of another leg, if this one is forgotten. One that went on after silence may not
    /// be, and have its own first order only now.
    pub fn ordered_anew(&mut self, at: Moment) {
        let forgotten = self.closed.filter(|closed| closed.forgotten_at <= at);
        match forgotten {
            Some(closed) if closed.reopened && self.order.is_none() => {
                self.doubtful = true;
                self.reordered = true;
            }
            Some(_) => *self = LegPast::default(),
            None => {}
        }
    }

    /// Whether anything is known of it.
    pub fn is_blank(&self) -> bool {
        *self == LegPast::default()
    }
}

impl Carried {
    /// Before anything was read; the topics are retained from these offsets on.
    #[must_use]
    pub fn beginning(starts: [i64; 5]) -> Self {
        Carried {
            next: Some(starts),
            whole: starts.map(|start| start == 0),
            ..Carried::default()
        }
    }

    pub(super) fn is_whole(&self, stream: Stream) -> bool {
        self.whole[stream as usize]
    }

    pub(super) fn leg(&mut self, tenant: &str, call: &str) -> &mut LegPast {
        entry_of(&mut self.tenant(tenant).legs, call)
    }

    pub(super) fn tenant(&mut self, tenant: &str) -> &mut TenantPast {
        entry_of(&mut self.tenants, tenant)
    }

    /// Whether a rejection of the record at this input offset would have been seen.
    pub(super) fn tells_rejections_at(&self, source: i64) -> bool {
        self.is_whole(Stream::Rejected) || self.first_rejected.is_some_and(|first| first < source)
    }

    /// Time goes on.
    pub(super) fn pass(&mut self, at: Moment) {
        let now = self.now.map_or(at, |now| now.max(at));
        self.now = Some(now);
        self.forget(now);
    }

    /// Forgets what was closed so long ago that nothing can come after it.
    fn forget(&mut self, now: Moment) {
        while self.forget.front().is_some_and(|(at, ..)| *at < now) {
            let Some((_, tenant, call)) = self.forget.pop_front() else {
                return;
            };
            let Some(past) = self.tenants.get_mut(&tenant) else {
                continue;
            };
            // What came in between may have closed it later.
            let closed = past.legs.get(&call).and_then(|leg| leg.closed);
            if closed.is_none_or(|closed| closed.kept_until() >= now) {
                continue;
            }
            match past.legs.get_mut(&call) {
                Some(leg) if leg.doubtful => leg.renew(),
                _ => drop(past.legs.remove(&call)),
            }
        }
    }

    /// An end that waited was rejected as an orphan.
    pub(super) fn orphaned(&mut self, source: i64) {
        let Some((tenant, call)) = self.waiting.remove(&source) else {
            return;
        };
        let Some(past) = self.tenants.get_mut(&tenant) else {
            return;
        };
        if let Some(leg) = past.legs.get_mut(&call) {
            leg.ends.retain(|offset| *offset != source);
            if leg.is_blank() {
                past.legs.remove(&call);
            }
        }
    }
}

/// The value under a key, made if need be, without a copy of the key where it is there.
fn entry_of<'m, V: Default>(map: &'m mut BTreeMap<String, V>, key: &str) -> &'m mut V {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), V::default());
    }
    map.get_mut(key)
        .expect("it was there or has just been made")
}
