//! The worker processes, each with a way of its own to the brokers.

use crate::support::{Deployment, Process};

/// So long until the group gives up a worker that is gone, minus a second: short, so that rounds are.
pub const QUICK_MS: u32 = 4_000;
/// For a time in which all brokers are gone; see [`Process::start_patient`].
pub const PATIENT_MS: u32 = 60_000;

/// Why a worker may end that was at work: it was paused twice within a minute, and took its own coming back for another
/// process; or Kafka left too many of its calls without an answer.
const EXCUSES: [&str; 3] = [
    "another process uses the name",
    "another process writes under the name",
    "Kafka does not answer",
];

/// Places for workers; a place may be empty.
pub struct Fleet<'d> {
    deployment: &'d Deployment,
    ways: Vec<String>,
    places: Vec<Option<Process>>,
    transaction_timeout_ms: u32,
    /// Workers that ended without having been told to, and what they said last.
    pub ended: Vec<String>,
}

impl<'d> Fleet<'d> {
    /// A place for each of these bootstrap addresses.
    pub fn new(deployment: &'d Deployment, ways: Vec<String>) -> Self {
        Fleet {
            deployment,
            places: ways.iter().map(|_| None).collect(),
            ways,
            transaction_timeout_ms: QUICK_MS,
            ended: Vec::new(),
        }
    }

    /// The places where a worker is.
    pub fn running(&self) -> Vec<usize> {
        let places = self.places.iter().enumerate();
        let taken = places.filter(|(_, worker)| worker.is_some());
        taken.map(|(place, _)| place).collect()
    }

    /// Starts a worker at an empty place.
    pub fn start(&mut self, place: usize) {
        let name = format!("worker-{place}");
        let way = &self.ways[place];
        let process = Process::start_at(self.deployment, &name, self.transaction_timeout_ms, way);
        let before = self.places[place].replace(process);
        assert!(before.is_none(), "place {place} was empty");
    }

    /// kill -9.
    pub fn kill(&mut self, place: usize) {
        let mut worker = self.places[place].take().expect("a worker is there");
        worker.kill();
    }

    /// SIGTERM, which it obeys.
    pub fn stop(&mut self, place: usize) {
        let mut worker = self.places[place].take().expect("a worker is there");
        // From then on it hears signals.
        worker.says("starting");
        worker.signal("TERM");
        let status = worker.ends();
        assert_eq!(status.code(), Some(0), "{}", worker.log());
    }

    /// A signal that it survives.
    pub fn signal(&self, place: usize, name: &str) {
        let worker = self.places[place].as_ref().expect("a worker is there");
        worker.signal(name);
    }

    /// Restarts every worker with another time-out of its transactions.
    pub fn restart_all(&mut self, transaction_timeout_ms: u32) {
        self.transaction_timeout_ms = transaction_timeout_ms;
        for place in self.running() {
            self.stop(place);
            self.start(place);
        }
    }

    /// Starts again what the world made end, as a supervisor would, and notes it; fails if a worker had no excuse.
    pub fn mind(&mut self) {
        for place in self.running() {
            let worker = self.places[place].as_mut().expect("a worker is there");
            let Some(status) = worker.ended() else {
                continue;
            };
            let log = worker.log();
            let last: Vec<&str> = log.lines().rev().take(3).collect();
            let began = log.contains("partition at work");
            let excused = EXCUSES
                .iter()
                .any(|excuse| last.iter().any(|line| line.contains(excuse)));
            assert!(
                status.code() == Some(3) && (excused || !began),
                "worker {place} ended by itself ({status}): {log}"
            );
            self.ended.push(format!(
                "worker {place} ended by itself ({status}): {last:?}"
            ));
            self.places[place] = None;
            self.start(place);
        }
    }
}
