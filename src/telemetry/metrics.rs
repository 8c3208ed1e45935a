//! The metrics. Facts are added up by batch, so that counting costs nothing per event.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::domain::{Moment, RejectReason, Symbol};
use crate::flow::{Counts, Destination, EventKind, LaneCounts};

/// Every metric of this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    events: IntCounterVec,
    rejections: IntCounterVec,
    published: IntCounterVec,
    orders: IntCounter,
    commits: Histogram,
    ages: Histogram,
    aborts: IntCounter,
    warnings: IntCounter,
    restores: Histogram,
    restored_bytes: IntCounter,
    owned: IntGaugeVec,
    stopped: IntGaugeVec,
    lag_records: IntGaugeVec,
    lag_seconds: IntGaugeVec,
    live_calls: IntGaugeVec,
    tenants: IntGaugeVec,
    journal_bytes: IntCounterVec,
}

/// Seconds: a commit takes milliseconds, and a stuck one the transaction's time-out.
const COMMIT_BUCKETS: &[f64] = &[
    0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];
/// Seconds: from a commit interval to an outage.
const AGE_BUCKETS: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0,
];
/// Seconds.
const RESTORE_BUCKETS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let by = Registered(&registry);
        Metrics {
            events: by.counters(
                "tollkeeper_events_total",
                "Records of the input by type and what became of them.",
                &["type", "outcome"],
            ),
            rejections: by.counters(
                "tollkeeper_rejections_total",
                "Records of the input that were rejected, by reason.",
                &["reason"],
            ),
            published: by.counters(
                "tollkeeper_records_total",
                "Records published, by topic.",
                &["topic"],
            ),
            orders: by.counter("tollkeeper_orders_total", "Orders about calls and tenants."),
            commits: by.histogram(
                "tollkeeper_commit_seconds",
                "How long the end of a transaction took.",
                COMMIT_BUCKETS,
            ),
            ages: by.histogram(
                "tollkeeper_event_age_seconds",
                "From the timestamp of a transaction's oldest record to its commit.",
                AGE_BUCKETS,
            ),
            aborts: by.counter("tollkeeper_aborts_total", "Transactions aborted, or given up with their producer."),
            warnings: by.counter(
                "tollkeeper_warnings_total",
                "Unexpected things that were handled; the log has each.",
            ),
            restores: by.histogram(
                "tollkeeper_restore_seconds",
                "How long a partition's journal took to read.",
                RESTORE_BUCKETS,
            ),
            restored_bytes: by.counter(
                "tollkeeper_restore_bytes_total",
                "Bytes of journal read to restore partitions.",
            ),
            owned: by.gauges(
                "tollkeeper_partitions_owned",
                "1 for each partition of this instance.",
                &["partition"],
            ),
            stopped: by.gauges(
                "tollkeeper_partitions_stopped",
                "For each partition that goes on no more, the input offset at which it stopped, -1 if none.",
                &["partition", "reason"],
            ),
            lag_records: by.gauges(
                "tollkeeper_lag_records",
                "Offsets between what was applied and the end of the partition.",
                &["partition"],
            ),
            lag_seconds: by.gauges(
                "tollkeeper_lag_seconds",
                "From partition time to now, where records wait; 0 where none do.",
                &["partition"],
            ),
            live_calls: by.gauges("tollkeeper_live_calls", "Live calls.", &["partition"]),
            tenants: by.gauges("tollkeeper_tenants", "Known tenants.", &["partition"]),
            journal_bytes: by.counters(
                "tollkeeper_journal_bytes_total",
                "Bytes added to the journal.",
                &["partition"],
            ),
            registry,
        }
    }
}

impl Metrics {
    /// A transaction is committed; `now` is the clock that the records' timestamps are of.
    pub fn committed(&self, counts: &Counts, took: Duration, now: Moment) {
        self.commits.observe(took.as_secs_f64());
        if let Some(oldest) = counts.oldest {
            let millis = u64::try_from(now.millis() - oldest.millis()).unwrap_or(0);
            self.ages
                .observe(Duration::from_millis(millis).as_secs_f64());
        }
        for (kind, [applied, rejected]) in EventKind::ALL.iter().zip(counts.events) {
            self.count_events(*kind, "applied", applied);
            self.count_events(*kind, "rejected", rejected);
        }
        self.count_events(EventKind::Unread, "skipped", counts.skipped);
        self.count_events(EventKind::Unread, "repeated", counts.repeated);
        for (reason, count) in RejectReason::ALL.iter().zip(counts.rejected) {
            add(&self.rejections, &[reason.symbol()], count);
        }
        for (destination, count) in Destination::ALL.iter().zip(counts.published) {
            add(&self.published, &[topic_label(*destination)], count);
        }
        self.orders.inc_by(counts.orders);
        counts.lanes.iter().for_each(|lane| self.has(lane));
    }

    /// What a partition has after a commit, or after it was restored.
    pub fn has(&self, lane: &LaneCounts) {
        let label = lane.partition.to_string();
        set(&self.live_calls, &label, lane.live_calls);
        set(&self.tenants, &label, lane.tenants);
        let bytes = u64::try_from(lane.journal_bytes).unwrap_or(u64::MAX);
        add(&self.journal_bytes, &[&label], bytes);
    }

    /// A transaction is aborted, or given up with its producer.
    pub fn aborted(&self) {
        self.aborts.inc();
    }

    /// Something unexpected was handled.
    pub fn warned(&self) {
        self.warnings.inc();
    }

    /// A partition's journal was read.
    pub fn restored(&self, bytes: u64, took: Duration) {
        self.restores.observe(took.as_secs_f64());
        self.restored_bytes.inc_by(bytes);
    }

    /// A partition is ours.
    pub fn assigned(&self, partition: i32) {
        set(&self.owned, &partition.to_string(), 1);
    }

    /// A partition goes on no more; `reason` is a word of a closed set.
    pub fn stopped(&self, partition: i32, reason: &'static str, offset: Option<i64>) {
        let stopped = self
            .stopped
            .with_label_values(&[partition.to_string().as_str(), reason]);
        stopped.set(offset.unwrap_or(-1));
    }

    /// A partition that was stopped for this reason goes on, or is not ours any more.
    pub fn not_stopped(&self, partition: i32, reason: &'static str) {
        // It may not have been counted as stopped; then there is nothing to remove.
        let _ = self
            .stopped
            .remove_label_values(&[partition.to_string().as_str(), reason]);
    }

    /// How much of a partition waits, and for how long already.
    pub fn lag(&self, partition: i32, records: i64, waiting: Duration) {
        let label = partition.to_string();
        self.lag_records
            .with_label_values(&[label.as_str()])
            .set(records);
        let seconds = i64::try_from(waiting.as_secs()).unwrap_or(i64::MAX);
        self.lag_seconds
            .with_label_values(&[label.as_str()])
            .set(seconds);
    }

    /// A partition is ours no more.
    pub fn given_up(&self, partition: i32) {
        let label = partition.to_string();
        for gauges in [
            &self.owned,
            &self.lag_records,
            &self.lag_seconds,
            &self.live_calls,
            &self.tenants,
        ] {
            // What was never set has nothing to remove.
            let _ = gauges.remove_label_values(&[label.as_str()]);
        }
    }

    /// All of them in the Prometheus text format.
    ///
    /// # Errors
    /// Only if a metric is inconsistent with itself.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    fn count_events(&self, kind: EventKind, outcome: &str, count: u64) {
        add(&self.events, &[kind.label(), outcome], count);
    }
}

/// A label appears with its first count, so that a scrape is not full of zeros.
fn add(counters: &IntCounterVec, labels: &[&str], count: u64) {
    if count > 0 {
        counters.with_label_values(labels).inc_by(count);
    }
}

fn set(gauges: &IntGaugeVec, label: &str, value: usize) {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    gauges.with_label_values(&[label]).set(value);
}

/// The configuration key of the topic.
fn topic_label(destination: Destination) -> &'static str {
    match destination {
        Destination::RatedUsage => "rated_usage",
        Destination::BalanceNotices => "balance_notices",
        Destination::CallControl => "call_control",
        Destination::Rejected => "rejected",
        Destination::Balances => "balances",
        Destination::State => "state",
    }
}

/// Makes metrics that a registry knows.
struct Registered<'r>(&'r Registry);

impl Registered<'_> {
    fn counter(&self, name: &str, help: &str) -> IntCounter {
        let counter = IntCounter::new(name, help).expect("the name is a metric's");
        self.known(counter)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        let counters = IntCounterVec::new(Opts::new(name, help), labels);
        self.known(counters.expect("the name is a metric's"))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        let gauges = IntGaugeVec::new(Opts::new(name, help), labels);
        self.known(gauges.expect("the name is a metric's"))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.known(Histogram::with_opts(options).expect("the name is a metric's"))
    }

    fn known<M: prometheus::core::Collector + Clone + 'static>(&self, metric: M) -> M {
        self.0
            .register(Box::new(metric.clone()))
            .expect("each name is registered once");
        metric
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    /// The samples, without their help and without buckets.
    fn samples(metrics: &Metrics) -> String {
        let text = metrics.text().expect("the metrics are consistent");
        let lines = text.lines();
        let kept = lines.filter(|line| !line.starts_with('#') && !line.contains("_bucket"));
        kept.fold(String::new(), |text, line| text + line + "\n")
    }

    #[test]
    fn a_commit_is_counted_by_type_reason_topic_and_partition() {
        let metrics = Metrics::default();
        let mut counts = Counts {
            orders: 1,
            repeated: 2,
            oldest: Some(Moment::from_millis(1_000)),
            lanes: vec![LaneCounts {
                partition: 3,
                next_offset: 10,
                time: Moment::from_millis(1_000),
                live_calls: 4,
                tenants: 5,
                journal_bytes: 600,
            }],
            ..Counts::default()
        };
        counts.events[EventKind::CallMinuteTick as usize] = [7, 1];
        counts.rejected[RejectReason::Orphan.ordinal()] = 1;
        counts.published[Destination::RatedUsage as usize] = 6;
        metrics.committed(
            &counts,
            Duration::from_millis(4),
            Moment::from_millis(1_050),
        );
        metrics.lag(3, 12, Duration::from_secs(2));
        expect![[r#"
            tollkeeper_aborts_total 0
            tollkeeper_commit_seconds_sum 0.004
            tollkeeper_commit_seconds_count 1
            tollkeeper_event_age_seconds_sum 0.05
            tollkeeper_event_age_seconds_count 1
            tollkeeper_events_total{outcome="applied",type="call_minute_tick"} 7
            tollkeeper_events_total{outcome="rejected",type="call_minute_tick"} 1
            tollkeeper_events_total{outcome="repeated",type="unread"} 2
            tollkeeper_journal_bytes_total{partition="3"} 600
            tollkeeper_lag_records{partition="3"} 12
            tollkeeper_lag_seconds{partition="3"} 2
            tollkeeper_live_calls{partition="3"} 4
            tollkeeper_orders_total 1
            tollkeeper_records_total{topic="rated_usage"} 6
            tollkeeper_rejections_total{reason="ORPHAN"} 1
            tollkeeper_restore_bytes_total 0
            tollkeeper_restore_seconds_sum 0
            tollkeeper_restore_seconds_count 0
            tollkeeper_tenants{partition="3"} 5
            tollkeeper_warnings_total 0
        "#]]
        .assert_eq(&samples(&metrics));
    }

    #[test]
    fn what_is_given_up_is_shown_no_more() {
        let metrics = Metrics::default();
        metrics.assigned(1);
        metrics.stopped(1, "gap", Some(8));
        metrics.lag(1, 0, Duration::ZERO);
        assert!(
            samples(&metrics)
                .contains("tollkeeper_partitions_stopped{partition=\"1\",reason=\"gap\"} 8")
        );
        metrics.not_stopped(1, "gap");
        metrics.given_up(1);
        assert!(!samples(&metrics).contains("partition=\"1\""));
    }
}
