//! Limits that only Kafka, or its absence, can bring a worker or a command to.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use tollkeeper::kafka::{Waiting, WorkerSettings};

use crate::support::{Cluster, Deployment, Running, eventually};
use crate::worker::{deployed, publish, rejected, tick};

/// What a command may take that gives up after 20 seconds of silence, on a busy machine.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(45);

#[test]
fn what_a_worker_cannot_ask_at_once_it_asks_again() {
    let deployment = deployed(16);
    let events: Vec<_> = (0..128).map(|n| tick(&format!("t{n}"), n)).collect();
    publish(&deployment, &events);
    let one_at_a_time = |settings: &mut WorkerSettings| {
        settings.waiting = Waiting {
            questions: 1,
            answers: 1,
        };
        settings.flow.trip_on_event = Some("tick-7".to_owned());
    };
    let worker = Running::start(&deployment, "a", one_at_a_time);
    let told = worker.hears("stopped ");
    let (partition, why) = told["stopped ".len()..].split_once(':').expect("a number");
    let offset = why.split('`').nth(1).expect("an offset");
    deployment.done(&format!("skip --partition {partition} --offset {offset}"));
    eventually("every event", || {
        (rejected(&deployment) == events.len()).then_some(())
    });
    let refused = |line: &String| line.contains("too many take-overs wait");
    assert!(worker.news().iter().any(refused), "{:?}", worker.news());
    worker.stop();
}

#[test]
fn what_librdkafka_has_no_room_for_waits() {
    let deployment = deployed(4);
    let events: Vec<_> = (0..500).map(|n| tick(&format!("t{n}"), n)).collect();
    publish(&deployment, &events);
    let narrow = |settings: &mut WorkerSettings| {
        // Records that are sent and not acknowledged; KiB that are fetched and not polled.
        for (key, most) in [
            ("queue.buffering.max.messages", "5"),
            ("queued.max.messages.kbytes", "1"),
        ] {
            let properties = &mut settings.connection.properties;
            properties.insert(key.to_owned(), most.to_owned());
        }
    };
    let worker = Running::start(&deployment, "a", narrow);
    eventually("every event", || {
        (rejected(&deployment) == events.len()).then_some(())
    });
    let aborted = |line: &String| line.contains("aborting");
    assert!(!worker.news().iter().any(aborted), "{:?}", worker.news());
    worker.stop();
}

#[test]
fn a_command_that_no_broker_answers_gives_up_and_says_so() {
    let deployment = Deployment::of(Cluster::shared(), 1, "");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent = silent.local_addr().expect("it has one").to_string();
    let card = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/example-rates.csv");
    let events = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/example-events.jsonl");
    let commands = [
        "topics create".to_owned(),
        "topics check".to_owned(),
        format!("publish {events}"),
        "consume events".to_owned(),
        format!("rates publish {card} --card standard"),
        "rates lookup --card standard --to +4930123456".to_owned(),
        "tenants show contoso".to_owned(),
        "journal inspect --partition 0".to_owned(),
        "skip --partition 0 --offset 1".to_owned(),
        "audit".to_owned(),
        "run".to_owned(),
    ];
    thread::scope(|scope| {
        for (arguments, broker) in commands
            .iter()
            .flat_map(|arguments| [(arguments, silent.as_str()), (arguments, "127.0.0.1:1")])
        {
            let deployment = &deployment;
            scope.spawn(move || {
                let begun = Instant::now();
                let mut command = deployment.command(arguments);
                command.env("TOLLKEEPER_KAFKA__BOOTSTRAP_SERVERS", broker);
                let output = command.output().expect("the program can be started");
                let told = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(3), "{arguments}: {told}");
                assert!(told.contains(broker), "{arguments}: {told}");
                let took = begun.elapsed();
                assert!(took < GIVEN_UP_WITHIN, "{arguments}: {took:?}");
            });
        }
    });
}
