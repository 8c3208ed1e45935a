//! What a worker reaches on a real broker of this machine:
//! `cargo bench --bench worker -- [throughput] [latency] [restore]`.
//!
//! The broker shares the machine, as it does in the figures of docs/PERFORMANCE.md.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods
)]

mod machine;
#[path = "../tests/support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tollkeeper::codec::{Partitioner, encode_event, parse_line, partition_of};
use tollkeeper::domain::Moment;
use tollkeeper::kafka::{Isolation, Publisher, Read, Start, TopicReader, headers_of};

use support::{Deployment, Load, Own, Process, Running, WAIT, eventually, now};

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let wants = |name: &str| {
        wanted.iter().all(|argument| argument.starts_with("--")) || wanted.iter().any(|w| w == name)
    };
    println!(
        "{}; librdkafka {}; Apache Kafka 4.3.1",
        machine::described(),
        rdkafka::util::get_rdkafka_version().1
    );
    if wants("throughput") {
        throughput();
    }
    if wants("latency") {
        latency();
    }
    if wants("restore") {
        restore();
    }
}

/// Events of a partition's tenants, sent to where they belong.
struct Source {
    events: Publisher,
    partitions: i32,
    sent: u64,
    buffer: Vec<u8>,
}

impl Source {
    fn of(deployment: &Deployment, partitions: i32) -> Self {
        let names = deployment.cluster().topics();
        let connection = deployment.cluster().connection();
        Source {
            events: Publisher::new(&connection, &names.events).expect("a producer of events"),
            partitions,
            sent: 0,
            buffer: Vec::new(),
        }
    }

    fn send(&mut self, tenant: &str, kind: &str, id: &str, fields: &str) {
        let line = format!(
            r#"{{"type":"{kind}","event_id":"{id}","tenant_id":"{tenant}","occurred_at":"{}",{fields}}}"#,
            now()
        );
        let event = parse_line(&line).event.expect("an event");
        self.buffer.clear();
        encode_event(&event, &mut self.buffer);
        let home = partition_of(Partitioner::Murmur2, tenant.as_bytes(), self.partitions);
        self.events
            .send(home, tenant.as_bytes(), &self.buffer, 0)
            .expect("sent");
        self.sent += 1;
    }

    fn tenant(&mut self, tenant: &str) {
        self.send(
            tenant,
            "TenantConfigured",
            "e",
            r#""version":1,"status":"ACTIVE","currency":"EUR","country":"DE","rate_card":"standard","billing_mode":"PREPAID""#,
        );
        self.send(
            tenant,
            "CreditGranted",
            "e",
            r#""payment_id":"p1","amount":"100000","currency":"EUR","kind":"PURCHASE""#,
        );
    }

    fn start(&mut self, tenant: &str, call: &str, id: &str) {
        let fields = format!(
            r#""call_id":"{call}","answered_at":"{}","leg":"DIAL_OUT","remote_number":"+4930901820","organizer_id":"o","organizer_country":"DE","license":"PAY_PER_MINUTE""#,
            now()
        );
        self.send(tenant, "CallStarted", id, &fields);
    }

    fn tick(&mut self, tenant: &str, call: &str, minute: u32, id: &str) {
        let fields = format!(r#""call_id":"{call}","minute":{minute}"#);
        self.send(tenant, "CallMinuteTick", id, &fields);
    }

    fn finish(self) -> u64 {
        self.events
            .finish(self.sent, WAIT, |_| {})
            .expect("delivered");
        self.sent
    }
}

fn deployed(own: &Own, partitions: i32) -> Deployment {
    let deployment = Deployment::of(own.cluster(), partitions, "");
    deployment.done("topics create");
    let nobody = Load {
        tenants: 0,
        calls: 0,
    };
    nobody.prepare(&deployment);
    deployment
}

/// Two million events lie ready; one worker takes them.
fn throughput() {
    let own = Own::start(1);
    let deployment = deployed(&own, 8);
    let mut source = Source::of(&deployment, 8);
    let tenants: Vec<String> = (0..10_000).map(|n| format!("tenant-{n}")).collect();
    for tenant in &tenants {
        source.tenant(tenant);
    }
    for call in 0..18 {
        let calls: Vec<String> = (0..tenants.len()).map(|n| format!("c{n}-{call}")).collect();
        for (tenant, call) in tenants.iter().zip(&calls) {
            source.start(tenant, call, "e");
        }
        for minute in 1..=9 {
            for (tenant, call) in tenants.iter().zip(&calls) {
                source.tick(tenant, call, minute, "e");
            }
        }
        for (tenant, call) in tenants.iter().zip(&calls) {
            let fields = format!(r#""call_id":"{call}","duration_seconds":570"#);
            source.send(tenant, "CallEnded", "e", &fields);
        }
    }
    let all = source.finish();
    let cpu = cpu_hundredths();
    let worker = Running::start(&deployment, "bench", |_| {});
    let first = eventually("the first commit", || {
        let done = worker.committed();
        (done > 0).then_some(done)
    });
    let since = Instant::now();
    eventually("all events", || (worker.committed() >= all).then_some(()));
    let took = since.elapsed();
    let taken = all - first;
    println!(
        "throughput: {} events/s ({taken} events in {took:.2?}), {} ns of CPU an event in this process",
        u128::from(taken) * 1_000 / took.as_millis(),
        (cpu_hundredths() - cpu) * 10_000_000 / all
    );
    worker.stop();
}

/// Hundredths of a second of CPU that this process has used.
fn cpu_hundredths() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.split(' ').collect();
    let field = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok());
    field(13).unwrap_or(0) + field(14).unwrap_or(0)
}

/// 10,000 events a second; one in a hundred leads to an order. The first minute, in which the
/// broker's code is still being compiled, do not count.
fn latency() {
    const CALLS: u32 = 4_000;
    let own = Own::start(1);
    let deployment = deployed(&own, 8);
    let mut source = Source::of(&deployment, 8);
    let name = |n: u32| format!("tenant-{}", n % 1_000);
    for tenant in 0..1_000 {
        source.tenant(&name(tenant));
    }
    for n in 0..CALLS {
        source.start(&name(n), &format!("c{n}"), "e");
    }
    let worker = Running::start(&deployment, "bench", |_| {});
    eventually("the calls to begin", || {
        (worker.committed() >= source.sent).then_some(())
    });
    let counts_from = Instant::now() + Duration::from_secs(60);
    let until = counts_from + Duration::from_secs(20);
    std::thread::scope(|scope| {
        let names = deployment.cluster().topics();
        let readers =
            [("orders", names.call_control), ("usage", names.rated_usage)].map(|(what, topic)| {
                let deployment = &deployment;
                (
                    what,
                    scope.spawn(move || listen(deployment, &topic, counts_from, until)),
                )
            });
        let begun = Instant::now();
        let mut n = 0_u32;
        while Instant::now() < until {
            if begun.elapsed() < Duration::from_micros(u64::from(n) * 100) {
                std::thread::sleep(Duration::from_micros(500));
                continue;
            }
            let id = micros().to_string();
            if n.is_multiple_of(100) {
                source.start(&format!("unknown-{}", n % 997), &format!("u{n}"), &id);
            } else {
                let call = n % CALLS;
                source.tick(&name(call), &format!("c{call}"), n / CALLS + 1, &id);
            }
            n += 1;
        }
        source.finish();
        println!("latency at {} events/s:", n / 80);
        for (what, reader) in readers {
            let mut times = reader.join().expect("a reader");
            times.sort_unstable();
            let at = |percent: usize| times[(times.len() - 1) * percent / 100];
            println!(
                "  {what}: p50 {} ms, p99 {} ms, max {} ms, of {}",
                at(50) / 1_000,
                at(99) / 1_000,
                at(100) / 1_000,
                times.len()
            );
        }
    });
    worker.stop();
}

/// Microseconds from the event's sending to a `read_committed` reader, of each record of a topic.
fn listen(deployment: &Deployment, topic: &str, counts_from: Instant, until: Instant) -> Vec<u64> {
    let connection = deployment.cluster().connection();
    let mut reader =
        TopicReader::open(&connection, topic, Isolation::Committed, None, WAIT).expect("a reader");
    let starts: Vec<_> = (0..8).map(|partition| (partition, Start::End)).collect();
    reader.assign(&starts).expect("assigned");
    let mut times = Vec::new();
    while Instant::now() < until {
        if let Ok(Read::Record(message)) = reader.next(Duration::from_millis(20)) {
            let headers = headers_of(&message);
            let cause = headers.iter().find(|(name, _)| *name == "tollkeeper.cause");
            let sent: Option<u64> = cause
                .and_then(|(_, value)| *value)
                .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
            let counts = Instant::now() > counts_from;
            let sent = sent.filter(|_| counts);
            times.extend(sent.map(|sent| micros().saturating_sub(sent)));
        }
    }
    times
}

fn micros() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970");
    u64::try_from(since.as_micros()).expect("before the year 9000")
}

/// 100,000 tenants with a live call each come back.
fn restore() {
    let own = Own::start(1);
    let deployment = deployed(&own, 16);
    let mut source = Source::of(&deployment, 16);
    for n in 0..100_000 {
        let tenant = format!("tenant-{n}");
        source.tenant(&tenant);
        source.start(&tenant, &format!("c{n}"), "e");
    }
    let sent = source.finish();
    let worker = Running::start(&deployment, "bench", |_| {});
    eventually("all calls to begin", || {
        (worker.committed() >= sent).then_some(())
    });
    worker.stop();
    let process = Process::start(&deployment, "bench");
    let log = eventually("all partitions at work", || {
        let log = process.log();
        (log.matches("partition at work").count() == 16).then_some(log)
    });
    let at = |words: &str, last: bool| {
        let mut lines = log.lines().filter(|line| line.contains(words));
        let line = if last {
            lines.next_back()
        } else {
            lines.next()
        };
        let stamp = line.and_then(|line| line.split_whitespace().next());
        Moment::parse(stamp.expect("a line of the log")).expect("its moment")
    };
    let took = at("partition at work", true).millis() - at("partitions assigned", false).millis();
    println!(
        "restore of 100,000 tenants with 100,000 live calls: {took} ms after assignment, RSS {} MiB",
        process.resident_kib() / 1_024
    );
}
