//! The brokers as far as transactions go: logs, the coordinator, fencing by epoch, markers one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tollkeeper::flow::{Destination, InputPosition};

use super::log::{Log, Message};
use super::script::Script;

/// A topic's place in [`Destination::ALL`] and a partition.
pub type Place = (usize, i32);

/// The place of a partition's journal.
pub fn journal(partition: i32) -> Place {
    (Destination::State as usize, partition)
}

/// A producer at work under a name: which process, and which of its producers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientId {
    pub worker: usize,
    pub build: u32,
    pub name: usize,
}

/// Records for one partition, as a producer sends them.
#[derive(Clone, Debug)]
pub struct Batch {
    pub number: u32,
    pub sequence: u32,
    pub epoch: u32,
    pub place: Place,
    pub messages: Vec<Rc<Message>>,
    /// What the worker did to the partition, for whoever checks it; only beside its journal.
    pub script: Option<Rc<Script>>,
}

/// Why a broker does not do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A newer producer has the name.
    Fenced,
    /// Not now: ask again.
    Busy,
    /// The producer asks for what makes no sense now.
    Invalid,
}

/// How far a name's transaction has come.
#[derive(Debug, Default)]
enum Progress {
    #[default]
    Empty,
    Ongoing {
        since: u64,
    },
    /// Decided; so many markers are still to be written.
    Ending {
        commit: bool,
        markers: usize,
        /// Of the producer whose transaction it was.
        epoch: u32,
    },
}

/// What the coordinator knows of a name.
#[derive(Debug, Default)]
struct Coordinated {
    epoch: u32,
    progress: Progress,
    places: BTreeSet<Place>,
    offsets: Option<Vec<InputPosition>>,
    scripts: BTreeMap<i32, Rc<Script>>,
    /// The next batch of the present epoch, by place.
    sequences: BTreeMap<Place, u32>,
    /// Where batches of the present epoch begin, by place and sequence.
    firsts: BTreeMap<(Place, u32), i64>,
    /// How the last transaction ended.
    last: Option<bool>,
}

impl Coordinated {
    fn renew_epoch(&mut self) {
        self.epoch += 1;
        self.sequences.clear();
        self.firsts.clear();
    }
}

/// A transaction at the moment at which it is decided to commit.
#[derive(Debug)]
pub struct Deciding {
    pub places: BTreeMap<Place, Vec<(i64, Rc<Message>)>>,
    pub offsets: Vec<InputPosition>,
    pub scripts: BTreeMap<i32, Rc<Script>>,
}

/// A marker that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    Records(Place),
    Offsets,
}

/// The answer to an end of a transaction.
#[derive(Debug)]
pub enum Ended {
    /// It was ended before, in the same way.
    Already,
    /// It is decided now; these markers follow.
    Now(Vec<Marker>),
}

/// All partitions but the group's.
#[derive(Debug)]
pub struct Broker {
    pub input: Vec<Log>,
    out: Vec<Vec<Log>>,
    names: BTreeMap<usize, Coordinated>,
}

impl Broker {
    pub fn new(partitions: i32) -> Self {
        let logs = || (0..partitions).map(|_| Log::default()).collect();
        Broker {
            input: logs(),
            out: Destination::ALL.iter().map(|_| logs()).collect(),
            names: BTreeMap::new(),
        }
    }

    pub fn input(&self, partition: i32) -> &Log {
        &self.input[index(partition)]
    }

    pub fn input_mut(&mut self, partition: i32) -> &mut Log {
        &mut self.input[index(partition)]
    }

    pub fn log(&self, (topic, partition): Place) -> &Log {
        &self.out[topic][index(partition)]
    }

    pub fn log_mut(&mut self, (topic, partition): Place) -> &mut Log {
        &mut self.out[topic][index(partition)]
    }

    fn name(&mut self, name: usize) -> &mut Coordinated {
        self.names.entry(name).or_default()
    }

    /// A producer asks for its name: older ones are fenced, and their transaction is decided first.
    pub fn init(&mut self, name: usize) -> Result<u32, (Refusal, Vec<Marker>)> {
        let of = self.name(name);
        match of.progress {
            Progress::Empty => {
                of.renew_epoch();
                of.last = None;
                Ok(of.epoch)
            }
            Progress::Ending { .. } => Err((Refusal::Busy, Vec::new())),
            Progress::Ongoing { .. } => Err((Refusal::Busy, self.begin_end(name, false))),
        }
    }

    /// Records arrive. The offset of the first one, once they are in the log.
    pub fn produce(&mut self, now: u64, name: usize, batch: &Batch) -> Result<i64, Refusal> {
        let of = self.name(name);
        if batch.epoch != of.epoch {
            return Err(Refusal::Fenced);
        }
        if matches!(of.progress, Progress::Ending { .. }) {
            return Err(Refusal::Busy);
        }
        let next = of.sequences.entry(batch.place).or_default();
        if batch.sequence > *next {
            return Err(Refusal::Busy);
        }
        if batch.sequence < *next {
            // It arrived before; only the answer was lost.
            return Ok(of.firsts[&(batch.place, batch.sequence)]);
        }
        *next += 1;
        if matches!(of.progress, Progress::Empty) {
            of.progress = Progress::Ongoing { since: now };
        }
        of.places.insert(batch.place);
        if let Some(script) = &batch.script {
            of.scripts.insert(batch.place.1, Rc::clone(script));
        }
        let log = self.log_mut(batch.place);
        let first = log.end();
        for message in &batch.messages {
            log.append_undecided(name, Rc::clone(message));
        }
        let key = (batch.place, batch.sequence);
        self.name(name).firsts.insert(key, first);
        Ok(first)
    }

    /// Offsets are to be committed with the transaction.
    pub fn add_offsets(
        &mut self,
        now: u64,
        name: usize,
        epoch: u32,
        offsets: Vec<InputPosition>,
    ) -> Result<(), Refusal> {
        let of = self.name(name);
        if epoch != of.epoch {
            return Err(Refusal::Fenced);
        }
        match of.progress {
            Progress::Ending { .. } => return Err(Refusal::Busy),
            Progress::Empty => of.progress = Progress::Ongoing { since: now },
            Progress::Ongoing { .. } => {}
        }
        of.offsets = Some(offsets);
        Ok(())
    }

    /// The transaction that would be committed now, for whoever checks it.
    pub fn deciding(&self, name: usize) -> Option<Deciding> {
        let of = self.names.get(&name)?;
        if !matches!(of.progress, Progress::Ongoing { .. }) {
            return None;
        }
        let places = of.places.iter();
        Some(Deciding {
            places: places
                .map(|place| (*place, self.log(*place).open_of(name)))
                .collect(),
            offsets: of.offsets.clone().unwrap_or_default(),
            scripts: of.scripts.clone(),
        })
    }

    /// Whether an end with this epoch would decide an open transaction.
    pub fn would_end(&self, name: usize, epoch: u32) -> bool {
        self.names
            .get(&name)
            .is_some_and(|of| of.epoch == epoch && matches!(of.progress, Progress::Ongoing { .. }))
    }

    /// A producer commits its transaction. None ever aborts one: the next producer of the name does.
    pub fn commit(&mut self, name: usize, epoch: u32) -> Result<Ended, Refusal> {
        let of = self.name(name);
        if epoch != of.epoch {
            return Err(Refusal::Fenced);
        }
        match of.progress {
            Progress::Ending {
                commit: true,
                epoch: of,
                ..
            } if of == epoch => Ok(Ended::Already),
            Progress::Ending { .. } => Err(Refusal::Busy),
            Progress::Empty if of.last == Some(true) => Ok(Ended::Already),
            Progress::Ongoing { .. } => {
                let markers = self.begin_end(name, true);
                self.name(name).last = Some(true);
                Ok(Ended::Now(markers))
            }
            Progress::Empty => Err(Refusal::Invalid),
        }
    }

    /// Aborts what took longer than its time-out; its producer is fenced.
    pub fn time_out(&mut self, now: u64, timeout: u64) -> Vec<(usize, Vec<Marker>)> {
        let is_late = |of: &Coordinated| matches!(of.progress, Progress::Ongoing { since } if now - since > timeout);
        let late: Vec<usize> = self
            .names
            .iter()
            .filter(|(_, of)| is_late(of))
            .map(|(name, _)| *name)
            .collect();
        late.into_iter()
            .map(|name| {
                let markers = self.begin_end(name, false);
                (name, markers)
            })
            .collect()
    }

    fn begin_end(&mut self, name: usize, commit: bool) -> Vec<Marker> {
        let of = self.name(name);
        let mut markers: Vec<Marker> = of.places.iter().copied().map(Marker::Records).collect();
        if of.offsets.is_some() {
            markers.push(Marker::Offsets);
        }
        let epoch = of.epoch;
        if !commit {
            of.renew_epoch();
        }
        of.last = None;
        of.progress = Progress::Ending {
            commit,
            markers: markers.len(),
            epoch,
        };
        if markers.is_empty() {
            of.progress = Progress::Empty;
        }
        markers
    }

    /// A marker is written. The offsets that are committed with it, if it is theirs.
    pub fn mark(&mut self, name: usize, marker: Marker) -> Option<Vec<InputPosition>> {
        let of = self.name(name);
        let Progress::Ending {
            commit, markers, ..
        } = &mut of.progress
        else {
            unreachable!("markers follow a decision")
        };
        let commit = *commit;
        *markers -= 1;
        let done = *markers == 0;
        let mut offsets = None;
        match marker {
            Marker::Records(place) => self.log_mut(place).decide(name, commit),
            Marker::Offsets => offsets = of.offsets.take().filter(|_| commit),
        }
        if done {
            let of = self.name(name);
            of.progress = Progress::Empty;
            of.places.clear();
            of.scripts.clear();
            of.offsets = None;
        }
        offsets
    }

    /// Whether offsets of a partition are undecided.
    pub fn offsets_pending(&self, partition: i32) -> bool {
        self.names.values().any(|of| {
            let mut offsets = of.offsets.iter().flatten();
            offsets.any(|position| position.partition == partition)
        })
    }
}

fn index(partition: i32) -> usize {
    usize::try_from(partition).expect("a partition is never negative")
}
