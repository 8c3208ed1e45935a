//! A reader of the ledger, as the outside has it: how far each partition has come, and which calls
//! have been closed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollkeeper::codec::{DecodedRecord, RecordDecoder, SchemaSet, UsageKind};
use tollkeeper::kafka::{
    BorrowedMessage, Connection, Isolation, Message as _, Read, Start, TopicReader, headers_of,
};

use crate::support::{Cluster, WAIT};

/// What is wrong is told so often.
const TOLD: usize = 20;

/// Reads on a thread of its own until it is dropped.
pub struct Watch {
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

struct Seen {
    stop: AtomicBool,
    /// By partition, when the newest event that led to an entry was published, microseconds.
    newest: Vec<AtomicU64>,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    /// By number, where its FINAL was seen.
    closed: Vec<Option<(usize, i64)>>,
    count: u64,
    /// What is wrong already.
    wrong: Vec<String>,
}

impl Watch {
    /// Reads the ledger from its beginning.
    pub fn start(cluster: &Cluster, partitions: i32) -> Self {
        let seen = Arc::new(Seen {
            stop: AtomicBool::new(false),
            newest: (0..partitions).map(|_| AtomicU64::new(0)).collect(),
            calls: Mutex::default(),
        });
        let (connection, topic) = (cluster.connection(), cluster.topics().rated_usage);
        let reading = Arc::clone(&seen);
        let thread = thread::spawn(move || reading.read(&connection, &topic));
        Watch {
            seen,
            thread: Some(thread),
        }
    }

    /// Whether of each partition an entry was seen that comes from an event published at this moment or
    /// later, so that everything before it has been charged.
    pub fn has_passed(&self, micros: u64) -> bool {
        let mut newest = self.seen.newest.iter();
        newest.all(|newest| newest.load(Ordering::Relaxed) >= micros)
    }

    /// The partitions that have not come that far.
    pub fn behind(&self, micros: u64) -> Vec<usize> {
        let newest = self.seen.newest.iter().enumerate();
        let behind = newest.filter(|(_, newest)| newest.load(Ordering::Relaxed) < micros);
        behind.map(|(partition, _)| partition).collect()
    }

    /// How many calls have been closed, and what is wrong with that.
    pub fn closed(&self) -> (u64, Vec<String>) {
        let calls = self.seen.calls();
        (calls.count, calls.wrong.clone())
    }

    /// Numbers below this one of calls without a FINAL.
    pub fn open(&self, below: u64) -> Vec<u64> {
        let calls = self.seen.calls();
        let is_closed = |number: &u64| {
            let place = usize::try_from(*number).expect("a number that fits");
            calls.closed.get(place).is_some_and(Option::is_some)
        };
        (0..below).filter(|number| !is_closed(number)).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.seen.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A failure of its own was told when it happened.
            let _ = thread.join();
        }
    }
}

impl Seen {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, connection: &Connection, topic: &str) {
        let mut next = vec![0; self.newest.len()];
        let decoder = RecordDecoder::new(SchemaSet::builtin());
        while !self.stop.load(Ordering::Relaxed) {
            // With brokers coming and going a reader may give up; another one goes on.
            if let Err(error) = self.read_on(connection, topic, &decoder, &mut next) {
                eprintln!("watching the ledger: {error}");
                thread::sleep(Duration::from_millis(200));
            }
        }
    }

    fn read_on(
        &self,
        connection: &Connection,
        topic: &str,
        decoder: &RecordDecoder,
        next: &mut [i64],
    ) -> Result<(), tollkeeper::kafka::Error> {
        let mut reader = TopicReader::open(connection, topic, Isolation::Committed, None, WAIT)?;
        let starts: Vec<_> = (0..)
            .zip(next.iter())
            .map(|(partition, next)| (partition, Start::Offset(*next)))
            .collect();
        reader.assign(&starts)?;
        while !self.stop.load(Ordering::Relaxed) {
            if let Read::Record(message) = reader.next(Duration::from_millis(100))? {
                let partition = usize::try_from(message.partition()).expect("never negative");
                let expected = std::mem::replace(&mut next[partition], message.offset() + 1);
                if message.offset() < expected {
                    let at = message.offset();
                    self.calls().note(format!(
                        "the reader went back in partition {partition} from {expected} to {at}"
                    ));
                }
                self.see(partition, decoder, &message);
            }
        }
        Ok(())
    }

    fn see(&self, partition: usize, decoder: &RecordDecoder, message: &BorrowedMessage<'_>) {
        let headers = headers_of(message);
        let cause = headers.iter().find(|(name, _)| *name == "tollkeeper.cause");
        let cause = cause.and_then(|(_, value)| std::str::from_utf8((*value)?).ok());
        if let Some(published) = cause.and_then(|cause| cause.parse().ok()) {
            self.newest[partition].fetch_max(published, Ordering::Relaxed);
        }
        match decoder.decode(message.payload().unwrap_or_default()) {
            Ok(DecodedRecord::RatedUsage(usage)) if usage.kind == UsageKind::Final => {
                self.calls()
                    .close(&usage.call_id, (partition, message.offset()));
            }
            Ok(_) => {}
            Err(error) => {
                let at = message.offset();
                let wrong = format!("rated_usage partition {partition} offset {at}: {error}");
                self.calls().note(wrong);
            }
        }
    }
}

impl Calls {
    fn close(&mut self, call: &str, place: (usize, i64)) {
        // Calls of another form are poison.
        let number = call.strip_prefix('c').and_then(|rest| rest.parse().ok());
        let Some(number): Option<usize> = number else {
            return;
        };
        if self.closed.len() <= number {
            self.closed.resize(number + 1, None);
        }
        match self.closed[number].replace(place) {
            None => self.count += 1,
            Some(first) => self.note(format!(
                "call `{call}` has two FINALs, at {first:?} and {place:?} (partition, offset)"
            )),
        }
    }

    fn note(&mut self, wrong: String) {
        if self.wrong.len() < TOLD {
            self.wrong.push(wrong);
        }
    }
}

/// The present moment, microseconds since 1970.
pub fn micros() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970");
    u64::try_from(since.as_micros()).expect("before the year 9000")
}
