//! Processes killed, paused and stopped under load: every call is charged once all the same.

use std::thread;
use std::time::{Duration, Instant};

use tollkeeper::kafka::{GroupEvent, InputConsumer, InputSettings};

use crate::support::{Cluster, Deployment, Load, Own, Process, eventually};

const LOAD: Load = Load {
    tenants: 40,
    calls: 50,
};

fn deployed(cluster: Cluster) -> Deployment {
    let deployment = Deployment::created(cluster, 4);
    LOAD.prepare(&deployment);
    deployment
}

/// Some usage beyond `before` is committed.
fn usage_beyond(deployment: &Deployment, before: usize) -> usize {
    eventually("more usage", || {
        let count = deployment.consume("rated_usage").len();
        (count > before).then_some(count)
    })
}

#[test]
fn a_killed_worker_that_comes_back_loses_and_repeats_nothing() {
    let deployment = deployed(Cluster::shared());
    let mut worker = Process::start(&deployment, "a");
    worker.says("partition at work");
    for round in 0..4 {
        thread::scope(|scope| {
            let publishing = scope.spawn(|| LOAD.publish(&deployment, round * LOAD.calls));
            usage_beyond(&deployment, deployment.consume("rated_usage").len());
            worker.kill();
            worker = Process::start(&deployment, "a");
            publishing.join().expect("published");
        });
    }
    LOAD.balances(&deployment, 4 * LOAD.calls);
    assert!(worker.resident_kib() < 200 * 1_024);
    worker.signal("TERM");
    let asked = Instant::now();
    assert_eq!(worker.ends().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5));
}

#[test]
fn two_instances_share_the_partitions_and_one_takes_over_from_the_other() {
    let deployment = deployed(Cluster::shared());
    let mut first = Process::start(&deployment, "a");
    first.says("partition at work");
    let mut second = Process::start(&deployment, "b");
    second.says("partition at work");
    LOAD.publish(&deployment, 0);
    LOAD.balances(&deployment, LOAD.calls);
    first.kill();
    LOAD.publish(&deployment, LOAD.calls);
    LOAD.balances(&deployment, 2 * LOAD.calls);
}

#[test]
fn a_zombie_that_wakes_after_its_session_writes_nothing() {
    let deployment = deployed(Cluster::shared());
    let mut zombie = Process::start(&deployment, "a");
    zombie.says("partition at work");
    LOAD.publish(&deployment, 0);
    usage_beyond(&deployment, 0);
    zombie.signal("STOP");
    let mut heir = Process::start(&deployment, "b");
    heir.says("partition at work");
    LOAD.publish(&deployment, LOAD.calls);
    zombie.signal("CONT");
    LOAD.balances(&deployment, 2 * LOAD.calls);
    // Both live on, and share what comes.
    LOAD.publish(&deployment, 2 * LOAD.calls);
    LOAD.balances(&deployment, 3 * LOAD.calls);
}

#[test]
fn a_broker_that_is_killed_and_comes_back_costs_time_only() {
    let own = Own::start(1);
    let deployment = deployed(own.cluster());
    let mut worker = Process::start_patient(&deployment, "a");
    worker.says("partition at work");
    LOAD.publish(&deployment, 0);
    usage_beyond(&deployment, 0);
    own.kill(1);
    own.restart(1);
    LOAD.publish(&deployment, LOAD.calls);
    LOAD.balances(&deployment, 2 * LOAD.calls);
}

#[test]
fn a_second_process_of_the_same_name_ends_the_first() {
    let deployment = deployed(Cluster::shared());
    let mut first = Process::start(&deployment, "a");
    first.says("partition at work");
    let mut second = Process::start(&deployment, "a");
    assert_eq!(first.ends().code(), Some(3));
    let log = first.log();
    assert!(log.contains("joining once more"), "{log}");
    assert!(log.contains("another process"), "{log}");
    LOAD.publish(&deployment, 0);
    LOAD.balances(&deployment, LOAD.calls);
    second.signal("TERM");
    assert_eq!(second.ends().code(), Some(0));
}

#[test]
fn a_partition_that_a_rebalance_left_to_nobody_is_taken_all_the_same() {
    let deployment = deployed(Cluster::shared());
    let cluster = deployment.cluster();
    let settings = InputSettings {
        group_id: cluster.name("group"),
        instance_id: format!("{}-0", cluster.name("a")),
        session_timeout: Duration::from_secs(60),
    };
    let events = cluster.topics().events;
    let held = InputConsumer::join(&cluster.connection(), &settings, &events).expect("a member");
    let next = || {
        eventually("news of the group", || {
            held.poll(Duration::from_millis(50));
            held.take_event()
        })
    };
    assert_eq!(next(), GroupEvent::Assigned(vec![0, 1, 2, 3]));
    held.accept().expect("accepted");
    let b = Process::start(&deployment, "b");
    assert!(matches!(next(), GroupEvent::Revoked(_)));
    // It never lets go; another of its name is given what was left to it, and no more.
    let a = Process::start(&deployment, "a");
    LOAD.publish(&deployment, 0);
    LOAD.balances(&deployment, LOAD.calls);
    let said = a.log() + &b.log();
    assert!(said.contains("nobody has these partitions"), "{said}");
}

#[test]
fn a_broker_that_falls_silent_in_the_middle_of_commits_leaves_nothing_in_doubt() {
    let own = Own::start(1);
    let deployment = deployed(own.cluster());
    let mut worker = Process::start_patient(&deployment, "a");
    worker.says("partition at work");
    let mut rounds = 0;
    // Each is shorter than the transaction may last: what is not answered is asked again until it is, by a new
    // producer if need be. Those that outlast the transaction are in `ambiguous.rs`.
    for silence in [1, 4, 12] {
        LOAD.publish(&deployment, rounds * LOAD.calls);
        own.signal(1, "STOP");
        let since = Instant::now();
        eventually("the silence to be over", || {
            (since.elapsed() > Duration::from_secs(silence)).then_some(())
        });
        own.signal(1, "CONT");
        rounds += 1;
    }
    LOAD.balances(&deployment, rounds * LOAD.calls);
}

#[test]
fn a_worker_paused_beyond_its_transaction_takes_it_up_again() {
    let deployment = deployed(Cluster::shared());
    let mut worker = Process::start(&deployment, "a");
    worker.says("partition at work");
    for round in 0..2 {
        thread::scope(|scope| {
            let publishing = scope.spawn(|| LOAD.publish(&deployment, round * LOAD.calls));
            usage_beyond(&deployment, deployment.consume("rated_usage").len());
            worker.signal("STOP");
            let since = Instant::now();
            // Beyond the time-outs of its transaction and its session, with nobody to take over.
            eventually("the pause to be over", || {
                (since.elapsed() > Duration::from_secs(8)).then_some(())
            });
            worker.signal("CONT");
            publishing.join().expect("published");
        });
    }
    LOAD.balances(&deployment, 2 * LOAD.calls);
}
