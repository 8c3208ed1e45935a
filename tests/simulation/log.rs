//! One partition's log: records, control markers, aborted records, the last stable offset.

use std::collections::BTreeSet;
use std::rc::Rc;

use tollkeeper::domain::Moment;

/// What is stored of a record.
#[derive(Debug, Default)]
pub struct Message {
    pub at: Option<Moment>,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Message {
    pub fn bytes(&self) -> usize {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| name.len() + length(value))
            .sum();
        length(&self.key) + length(&self.payload) + headers
    }
}

/// What became of an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Undecided(usize),
    Committed,
    Aborted,
    Marker,
}

/// A log. Offsets are places in it; what is deleted is only passed over.
#[derive(Debug, Default)]
pub struct Log {
    entries: Vec<(Fate, Rc<Message>)>,
    start: i64,
    undecided: BTreeSet<i64>,
}

fn place(offset: i64) -> usize {
    usize::try_from(offset).expect("an offset is never negative")
}

impl Log {
    /// The first offset retained.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The offset after the last entry.
    pub fn end(&self) -> i64 {
        i64::try_from(self.entries.len()).expect("a short log")
    }

    /// Up to here everything is decided.
    pub fn stable_end(&self) -> i64 {
        let first = self.undecided.first().copied();
        first.unwrap_or_else(|| self.end())
    }

    fn push(&mut self, fate: Fate, message: Rc<Message>) -> i64 {
        let offset = self.end();
        self.entries.push((fate, message));
        offset
    }

    /// Appends a record that is committed at once.
    pub fn append(&mut self, message: Rc<Message>) -> i64 {
        self.push(Fate::Committed, message)
    }

    /// Appends a record of an open transaction of `owner`.
    pub fn append_undecided(&mut self, owner: usize, message: Rc<Message>) -> i64 {
        let offset = self.push(Fate::Undecided(owner), message);
        self.undecided.insert(offset);
        offset
    }

    /// The marker of `owner`'s transaction arrives.
    pub fn decide(&mut self, owner: usize, commit: bool) {
        let fate = if commit {
            Fate::Committed
        } else {
            Fate::Aborted
        };
        for offset in self.undecided_of(owner) {
            self.undecided.remove(&offset);
            self.entries[place(offset)].0 = fate;
        }
        self.push(Fate::Marker, Rc::default());
    }

    fn undecided_of(&self, owner: usize) -> Vec<i64> {
        let of = |offset: &i64| self.entries[place(*offset)].0 == Fate::Undecided(owner);
        self.undecided.iter().copied().filter(of).collect()
    }

    /// What `owner` has written in its open transaction.
    pub fn open_of(&self, owner: usize) -> Vec<(i64, Rc<Message>)> {
        let undecided = self.undecided_of(owner).into_iter();
        undecided
            .map(|offset| (offset, Rc::clone(&self.entries[place(offset)].1)))
            .collect()
    }

    /// Deletes everything before an offset.
    pub fn delete_before(&mut self, offset: i64) {
        self.start = self.start.max(offset.min(self.end()));
    }

    /// Everything from an offset on is lost, and nobody knows that it was there.
    pub fn lose_from(&mut self, offset: i64) {
        self.entries.truncate(place(offset));
        self.undecided.split_off(&offset);
    }

    /// One bit of a record changes.
    pub fn change(&mut self, offset: i64, bit: u64) {
        let (_, message) = &mut self.entries[place(offset)];
        let mut bytes = message.payload.clone().unwrap_or_default();
        let bits = u64::try_from(bytes.len() * 8).expect("a small record");
        let bit = usize::try_from(bit % bits.max(1)).expect("a small record");
        bytes[bit / 8] ^= 1 << (bit % 8);
        *message = Rc::new(Message {
            at: message.at,
            key: message.key.clone(),
            payload: Some(bytes),
            headers: message.headers.clone(),
        });
    }

    /// The committed records from `from` up to but not with `to`, deleted ones too.
    pub fn committed(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, &Rc<Message>)> {
        let to = to.min(self.end());
        (from.min(to)..to).filter_map(|offset| {
            let (fate, message) = &self.entries[place(offset)];
            (*fate == Fate::Committed).then_some((offset, message))
        })
    }

    /// Whether anything that is or may become a record lies there.
    pub fn has_records(&self, from: i64, to: i64) -> bool {
        let is = |offset: i64| {
            let (fate, _) = &self.entries[place(offset)];
            matches!(fate, Fate::Committed | Fate::Undecided(_))
        };
        (from..to.min(self.end())).any(is)
    }
}
