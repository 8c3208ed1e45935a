//! What the workers tell, turned into metrics, health and log lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::Moment;
use crate::flow::{Counts, EndOfPartition, StopReason, Warning};
use crate::http::Shown;
use crate::kafka::{Clock, News, Observer};
use crate::view::PartitionHealth;

/// An observer that counts, shows and logs; `clock` is the workers' own.
pub(super) fn observer(shown: Arc<Shown>, clock: Clock) -> Observer {
    let observing = Observing {
        shown,
        clock,
        partitions: Mutex::default(),
    };
    Arc::new(move |news| observing.hear(&news))
}

struct Observing {
    shown: Arc<Shown>,
    clock: Clock,
    partitions: Mutex<BTreeMap<i32, Known>>,
}

/// What is remembered of a partition between two pieces of news.
#[derive(Default)]
struct Known {
    /// The word under which it is counted as stopped.
    stopped: Option<&'static str>,
    /// Its time at the last commit that touched it.
    time: Option<Moment>,
}

impl Observing {
    fn hear(&self, news: &News<'_>) {
        let Shown { metrics, health } = &*self.shown;
        match news {
            News::Ready => health.worker_ready(),
            News::NotReady => health.worker_not_ready(),
            News::Assigned(partitions) => {
                tracing::info!(?partitions, "partitions assigned");
                for partition in *partitions {
                    metrics.assigned(*partition);
                    health.partition(*partition, PartitionHealth::Restoring);
                }
            }
            News::GivenUp(partitions) => {
                tracing::info!(?partitions, "partitions given up");
                health.given_up(partitions);
                for partition in *partitions {
                    self.goes_on(*partition);
                    metrics.given_up(*partition);
                    self.known().remove(partition);
                }
            }
            News::JournalRead {
                partition,
                bytes,
                took,
            } => {
                metrics.restored(*bytes, *took);
                tracing::info!(partition, bytes, ?took, "journal read");
            }
            News::Resumed(counts) => {
                let partition = counts.partition;
                tracing::info!(partition, "partition at work");
                self.goes_on(partition);
                metrics.has(counts);
                let began = counts.time > Moment::EARLIEST;
                self.known().entry(partition).or_default().time = began.then_some(counts.time);
                health.partition(partition, PartitionHealth::Working);
            }
            News::Stopped(partition, reason) => self.stops(*partition, reason),
            News::End(end) => {
                health.heard(Instant::now());
                self.lag(*end);
            }
            News::Committed { counts, took } => self.commits(counts, *took),
            News::Warned(warning) => {
                metrics.warned();
                if matches!(warning, Warning::Aborting(_) | Warning::Rebuilding(_)) {
                    metrics.aborted();
                }
                tracing::warn!("{warning}");
            }
        }
    }

    fn stops(&self, partition: i32, reason: &StopReason) {
        tracing::error!(partition, %reason, "partition stopped");
        self.goes_on(partition);
        let (kind, offset) = kind_and_offset(reason);
        self.shown.metrics.stopped(partition, kind, offset);
        self.known().entry(partition).or_default().stopped = Some(kind);
        let stopped = PartitionHealth::Stopped {
            kind,
            offset,
            reason: reason.to_string(),
        };
        self.shown.health.partition(partition, stopped);
    }

    fn goes_on(&self, partition: i32) {
        let mut known = self.known();
        if let Some(kind) = known.entry(partition).or_default().stopped.take() {
            self.shown.metrics.not_stopped(partition, kind);
        }
    }

    fn commits(&self, counts: &Counts, took: Duration) {
        self.shown.metrics.committed(counts, took, (self.clock)());
        let mut known = self.known();
        for lane in &counts.lanes {
            known.entry(lane.partition).or_default().time = Some(lane.time);
        }
    }

    fn lag(&self, end: EndOfPartition) {
        let records = (end.end - end.position).max(0);
        let time = self
            .known()
            .get(&end.partition)
            .and_then(|known| known.time);
        let waiting = match time {
            Some(time) if records > 0 => (self.clock)().millis() - time.millis(),
            _ => 0,
        };
        let waiting = Duration::from_millis(u64::try_from(waiting).unwrap_or(0));
        self.shown.metrics.lag(end.partition, records, waiting);
    }

    /// A thread that panicked while it wrote left nothing half-written: each change is one step.
    fn known(&self) -> MutexGuard<'_, BTreeMap<i32, Known>> {
        self.partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A word for a metric's label, and the offset where it happened.
fn kind_and_offset(reason: &StopReason) -> (&'static str, Option<i64>) {
    match reason {
        StopReason::Journal(_) => ("journal", None),
        StopReason::JournalBehind(_) => ("journal_behind", None),
        StopReason::Undecided => ("undecided", None),
        StopReason::Gap { position, .. } => ("gap", Some(*position)),
        StopReason::BeyondEnd { position, .. } => ("beyond_end", Some(*position)),
        StopReason::Quarantined { offset, .. } => ("quarantined", Some(*offset)),
        StopReason::Broken { offset, .. } => ("broken", Some(*offset)),
        StopReason::Refused(_) => ("refused", None),
    }
}
