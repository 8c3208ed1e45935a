//! What the workers tell, turned into metrics, health and log lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::flow::{EndOfPartition, StopReason};
use crate::http::Shown;
use crate::kafka::{Clock, News, Observer};
use crate::view::PartitionHealth;

/// An observer that counts, shows and logs; `clock` is the workers' own.
pub(super) fn observer(shown: Arc<Shown>, clock: Clock) -> Observer {
    let observing = Observing {
        shown,
        clock,
        stopped: Mutex::default(),
    };
    Arc::new(move |news| observing.hear(&news))
}

struct Observing {
    shown: Arc<Shown>,
    clock: Clock,
    /// The word under which each stopped partition is counted.
    stopped: Mutex<BTreeMap<i32, &'static str>>,
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
            News::Resumed(partition) => {
                tracing::info!(partition, "partition at work");
                self.goes_on(*partition);
                health.partition(*partition, PartitionHealth::Working);
            }
            News::Stopped(partition, reason) => self.stops(*partition, reason),
            News::End(end) => self.lag(*end),
            News::Committed { counts, took } => metrics.committed(counts, *took, (self.clock)()),
            News::Aborted => metrics.aborted(),
            News::Warned(warning) => {
                metrics.warned();
                tracing::warn!("{warning}");
            }
        }
    }

    fn stops(&self, partition: i32, reason: &StopReason) {
        tracing::error!(partition, %reason, "partition stopped");
        self.goes_on(partition);
        let (kind, offset) = kind_and_offset(reason);
        self.shown.metrics.stopped(partition, kind, offset);
        self.stopped_words().insert(partition, kind);
        let stopped = PartitionHealth::Stopped {
            kind,
            offset,
            reason: reason.to_string(),
        };
        self.shown.health.partition(partition, stopped);
    }

    fn goes_on(&self, partition: i32) {
        if let Some(kind) = self.stopped_words().remove(&partition) {
            self.shown.metrics.not_stopped(partition, kind);
        }
    }

    fn lag(&self, end: EndOfPartition) {
        let records = (end.end - end.position).max(0);
        self.shown.metrics.lag(end.partition, records, Duration::ZERO);
    }

    fn stopped_words(&self) -> std::sync::MutexGuard<'_, BTreeMap<i32, &'static str>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
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
