//! `tollkeeper run` as a process: how it starts and ends.

use std::time::{Duration, Instant};

use crate::support::{Cluster, Deployment, Own, Process};

#[test]
fn a_term_signal_ends_it_with_0_within_5_seconds_and_a_restart_in_place_is_quick() {
    let deployment = Deployment::of(Cluster::shared(), 1, "");
    deployment.done("topics create");
    for _ in 0..2 {
        let started = Instant::now();
        let mut process = Process::start(&deployment, "one");
        process.says("partition at work");
        // The second time nobody has to wait for a session to end.
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
        let asked = Instant::now();
        process.signal("TERM");
        assert_eq!(process.ends().code(), Some(0), "{}", process.log());
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "{:?}",
            asked.elapsed()
        );
    }
}

/// The broker is paused, so that its connections stay open and answer nothing, and in the end killed.
#[test]
fn a_term_signal_ends_it_within_5_seconds_while_kafka_is_away_and_a_second_one_at_once() {
    let own = Own::start(1);
    let deployment = Deployment::of(own.cluster(), 4, "");
    deployment.done("topics create");
    for (broker, then, code) in [
        ("STOP", Some("INT"), 130),
        ("STOP", None, 0),
        ("KILL", None, 0),
    ] {
        let mut process = Process::start(&deployment, "one");
        process.says("partition at work");
        own.signal(1, broker);
        let asked = Instant::now();
        process.signal("TERM");
        if let Some(second) = then {
            process.signal(second);
        }
        assert_eq!(process.ends().code(), Some(code), "{}", process.log());
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(5), "{broker}: {took:?}");
        if broker == "STOP" {
            own.signal(1, "CONT");
        }
    }
}

#[test]
fn without_its_topics_it_ends_with_3_and_says_what_helps() {
    let deployment = Deployment::of(Cluster::shared(), 1, "");
    let mut process = Process::start(&deployment, "one");
    assert_eq!(process.ends().code(), Some(3), "{}", process.log());
    let name = deployment.cluster().topics().events;
    for said in [
        format!("topic `{name}` does not exist"),
        "tollkeeper topics create".to_owned(),
    ] {
        assert!(
            process.log().contains(&said),
            "`{said}` in {}",
            process.log()
        );
    }
}

#[test]
fn with_an_events_topic_of_another_number_of_partitions_it_ends_with_3_and_says_what_helps() {
    let deployment = Deployment::created(Cluster::shared(), 2);
    let settings = [("TOLLKEEPER_TOPICS__PARTITIONS", "4")];
    let mut process = Process::start_with(&deployment, "one", &settings);
    assert_eq!(process.ends().code(), Some(3), "{}", process.log());
    let name = deployment.cluster().topics().events;
    for said in [
        format!("topic `{name}`: has 2 partitions, must have 4"),
        "tollkeeper topics check".to_owned(),
    ] {
        assert!(
            process.log().contains(&said),
            "`{said}` in {}",
            process.log()
        );
    }
}
