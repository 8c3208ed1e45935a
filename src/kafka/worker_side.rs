//! What a worker must not wait for: journals read, ends asked for, journals trimmed, the group watched. A
//! thread each, shared by the workers of a process, warm from the start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rdkafka::message::Message as _;

use super::admin::Admin;
use super::error::Error;
use super::lookout::Lookout;
use super::reader::{Isolation, Read, Start, TopicReader};
use super::worker_news::{News, Observer};
use super::worker_owners::{Rejoins, watch};
use super::worker_permits::{permit, skip_group};
use super::worker_settings::{Clock, WorkerSettings};
use crate::charging;
use crate::flow::{CommittedOffset, EndOfPartition, Found, Permit};
use crate::journal::{Genesis, JournalError, JournalSettings, PositionMark, Restored, Restorer};

/// How long each question to Kafka may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long the broker may keep a fetch of a journal that finds nothing: each restore ends with one.
const RESTORE_WAIT: Duration = Duration::from_millis(5);

/// An answer for a worker.
pub(super) enum Answer {
    Found {
        partition: i32,
        attempt: u64,
        found: Result<Box<Found>, String>,
    },
    /// The end of a partition; its position is the worker's to know.
    End(EndOfPartition),
    Permitted(i32, Permit),
}

/// Where the workers put their questions.
#[derive(Clone)]
pub(super) struct Side {
    pub restores: Sender<(i32, u64, Sender<Answer>)>,
    pub ends: Sender<(i32, Sender<Answer>)>,
    pub permits: Sender<(i32, Sender<Answer>)>,
    pub trims: Sender<(i32, i64)>,
    pub rejoins: Arc<Rejoins>,
    pub lookout: Arc<Lookout>,
}

/// The threads behind a [`Side`].
pub(super) struct Threads {
    closing: Arc<AtomicBool>,
    handles: Vec<JoinHandle<()>>,
}

/// How long a question that Kafka does not answer may hold up the end of the process.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

impl Threads {
    /// Ends the threads, once every [`Side`] is dropped. What still waits for an answer of Kafka after
    /// a short while is left to itself: nobody listens any more.
    pub(super) fn close(self) {
        self.closing.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + CLOSE_WITHIN;
        for handle in self.handles {
            while !handle.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
            if handle.is_finished()
                && let Err(panic) = handle.join()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// The questions of a queue, until there are no more or nobody wants the answers.
fn questions<'q, T>(
    queue: &'q Receiver<T>,
    closing: &'q AtomicBool,
) -> impl Iterator<Item = T> + 'q {
    queue
        .iter()
        .take_while(|_| !closing.load(Ordering::Relaxed))
}

/// Starts the threads.
pub(super) fn start(
    settings: &WorkerSettings,
    clock: &Clock,
    observer: &Observer,
) -> Result<(Side, Threads), Error> {
    let questions_at_most = settings.waiting.questions;
    let (restores, to_restore) = bounded(questions_at_most);
    let (ends, to_end) = bounded(questions_at_most);
    let (permits, to_permit) = bounded(questions_at_most);
    let (trims, to_trim) = bounded(questions_at_most);
    let archive = Archive::open(settings, Arc::clone(observer))?;
    let events = open(
        settings,
        &settings.names.events,
        Isolation::Uncommitted,
        None,
    )?;
    let group = skip_group(&settings.group);
    // Two threads ask by this one.
    let permitted = Arc::new(open(
        settings,
        &settings.names.events,
        Isolation::Committed,
        Some(&group),
    )?);
    let looking = Arc::clone(&permitted);
    let clock = Arc::clone(clock);
    let topic = settings.names.state.clone();
    let trimmer = settings
        .trims
        .then(|| Admin::new(&settings.connection, TIMEOUT))
        .transpose()?;
    let closing = Arc::new(AtomicBool::new(false));
    let closed = || Arc::clone(&closing);
    let (restoring, asking, permitting, trimming) = (closed(), closed(), closed(), closed());
    let rejoins = Arc::new(Rejoins::of(settings.worker_names()));
    let (watched, watching) = (Arc::clone(&rejoins), closed());
    let lookout = Arc::new(Lookout::default());
    let (keeping, looked_out) = (Arc::clone(&lookout), closed());
    let (members, partitions) = (settings.group.clone(), settings.flow.partitions);
    let handles = vec![
        spawn("restore", move || {
            archive.serve(questions(&to_restore, &restoring));
        }),
        spawn("ends", move || {
            answer_ends(&events, &clock, questions(&to_end, &asking));
        }),
        spawn("permits", move || {
            answer_permits(&permitted, questions(&to_permit, &permitting));
        }),
        spawn("trim", move || {
            trim(trimmer.as_ref(), &topic, questions(&to_trim, &trimming));
        }),
        spawn("lookout", move || keeping.keep(&looked_out)),
        spawn("owners", move || {
            watch(&looking, &members, partitions, &watched, &watching);
        }),
    ];
    let side = Side {
        restores,
        ends,
        permits,
        trims,
        rejoins,
        lookout,
    };
    Ok((side, Threads { closing, handles }))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .expect("a process may have a few threads")
}

fn open(
    settings: &WorkerSettings,
    topic: &str,
    isolation: Isolation,
    group: Option<&str>,
) -> Result<TopicReader, Error> {
    TopicReader::open(&settings.connection, topic, isolation, group, TIMEOUT)
}

fn answer_ends(
    events: &TopicReader,
    clock: &Clock,
    questions: impl Iterator<Item = (i32, Sender<Answer>)>,
) {
    for (partition, worker) in questions {
        // Before the question is sent: only what the clock showed then is known to be the end.
        let asked_at = clock();
        match events.watermarks(partition, TIMEOUT) {
            Ok(bounds) => {
                // A worker that is gone needs no answer.
                let _ = worker.send(Answer::End(EndOfPartition {
                    partition,
                    asked_at,
                    position: 0,
                    start: bounds.start,
                    end: bounds.end,
                }));
            }
            Err(error) => tracing::debug!(%error, partition, "asking for the end of a partition"),
        }
    }
}

fn answer_permits(permitted: &TopicReader, questions: impl Iterator<Item = (i32, Sender<Answer>)>) {
    for (partition, worker) in questions {
        match permit(permitted, partition, TIMEOUT) {
            Ok(Some(permit)) => {
                let _ = worker.send(Answer::Permitted(partition, permit));
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, partition, "asking for a permission"),
        }
    }
}

/// Deletes dead journal (on its own thread, never beyond what a committed record carried).
fn trim(admin: Option<&Admin>, topic: &str, orders: impl Iterator<Item = (i32, i64)>) {
    let mut done: BTreeMap<i32, i64> = BTreeMap::new();
    for (partition, before) in orders {
        let Some(admin) = admin else { continue };
        if done.get(&partition).is_some_and(|done| *done >= before) {
            continue;
        }
        match admin.delete_records(topic, partition, before) {
            Ok(_) => {
                done.insert(partition, before);
            }
            Err(error) => tracing::warn!(%error, "trimming the journal; it is tried again later"),
        }
    }
}

/// Reads what there is to know of partitions that are taken over.
struct Archive {
    journal: TopicReader,
    undecided: TopicReader,
    events: TopicReader,
    permits: TopicReader,
    events_topic: String,
    genesis: Genesis,
    charging: charging::Settings,
    settings: JournalSettings,
    observer: Observer,
}

impl Archive {
    fn open(settings: &WorkerSettings, observer: Observer) -> Result<Self, Error> {
        let names = &settings.names;
        let group = Some(settings.group.as_str());
        let skips = skip_group(&settings.group);
        Ok(Archive {
            journal: TopicReader::open_asking(
                &settings.connection,
                &names.state,
                Isolation::Committed,
                group,
                TIMEOUT,
                RESTORE_WAIT,
            )?,
            undecided: open(settings, &names.state, Isolation::Uncommitted, None)?,
            events: open(settings, &names.events, Isolation::Uncommitted, None)?,
            permits: open(settings, &names.events, Isolation::Committed, Some(&skips))?,
            events_topic: names.events.clone(),
            genesis: settings.genesis.clone(),
            charging: settings.charging,
            settings: settings.journal,
            observer,
        })
    }

    fn serve(mut self, questions: impl Iterator<Item = (i32, u64, Sender<Answer>)>) {
        for (partition, attempt, worker) in questions {
            let found = self.find(partition).map_err(|error| error.to_string());
            let _ = worker.send(Answer::Found {
                partition,
                attempt,
                found,
            });
        }
    }

    /// The group's offset first, then what is undecided, then the journal to its end.
    fn find(&mut self, partition: i32) -> Result<Box<Found>, Error> {
        let begun = Instant::now();
        let committed = self
            .journal
            .committed(&self.events_topic, partition, TIMEOUT)?
            .map(|committed| CommittedOffset {
                next_offset: committed.next_offset,
                mark: std::str::from_utf8(&committed.metadata)
                    .ok()
                    .and_then(PositionMark::parse),
            });
        let permit = permit(&self.permits, partition, TIMEOUT)?;
        let everything = self.undecided.watermarks(partition, TIMEOUT)?;
        let mark = committed.and_then(|committed| committed.mark);
        let (journal, stable_end, bytes) = loop {
            match self.read(partition, mark) {
                // A trim went on meanwhile: start again from the new start.
                Err(Error::Trimmed { .. }) => {}
                read => break read?,
            }
        };
        (self.observer)(News::JournalRead {
            partition,
            bytes,
            took: begun.elapsed(),
        });
        // Behind the journal: a former owner's last commit may have moved its position meanwhile.
        let input = self.events.watermarks(partition, TIMEOUT)?;
        Ok(Box::new(Found {
            committed,
            journal,
            undecided: stable_end < everything.end,
            input_start: input.start,
            input_end: input.end,
            permit,
        }))
    }

    fn read(
        &mut self,
        partition: i32,
        mark: Option<PositionMark>,
    ) -> Result<(Result<Restored, JournalError>, i64, u64), Error> {
        let bounds = self.journal.watermarks(partition, TIMEOUT)?;
        let mut restorer = Restorer::new(
            self.genesis.clone(),
            partition,
            self.settings,
            self.charging,
            mark,
        );
        let mut bytes = 0;
        if bounds.start < bounds.end {
            self.journal
                .assign(&[(partition, Start::Offset(bounds.start))])?;
            let fault = self.feed(partition, &mut restorer, &mut bytes)?;
            self.journal.assign(&[])?;
            if let Some(fault) = fault {
                return Ok((Err(fault), bounds.end, bytes));
            }
        }
        Ok((restorer.finish(), bounds.end, bytes))
    }

    /// Feeds the journal to its stable end; what is wrong with it, if anything.
    fn feed(
        &self,
        partition: i32,
        restorer: &mut Restorer,
        bytes: &mut u64,
    ) -> Result<Option<JournalError>, Error> {
        let mut heard = Instant::now();
        loop {
            match self.journal.next(Duration::from_millis(100))? {
                Read::End(ended) if ended == partition => return Ok(None),
                Read::Record(message) => {
                    heard = Instant::now();
                    let payload = message.payload().unwrap_or_default();
                    *bytes += u64::try_from(payload.len()).unwrap_or(u64::MAX);
                    if let Err(fault) = restorer.feed(message.offset(), payload) {
                        return Ok(Some(fault));
                    }
                }
                Read::Nothing if heard.elapsed() > TIMEOUT => {
                    return Err(Error::TimedOut {
                        doing: format!("reading the journal of partition `{partition}`"),
                        seconds: TIMEOUT.as_secs(),
                    });
                }
                Read::Nothing | Read::End(_) => {}
            }
        }
    }
}
