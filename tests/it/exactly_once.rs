//! Mixed traffic under crashes, pauses and a broker's death: what goes out is, record by record and in
//! order, what the input leads to.

use std::thread;

use crate::support::reference::{assert_exactly_once, await_processed, await_progress};
use crate::support::traffic::{CARD, Traffic, publish};
use crate::support::{Cluster, Deployment, Own, Process};

const PARTITIONS: i32 = 4;

/// A deployment with its topics, a rate card, and tenants that have credit.
fn founded(cluster: Cluster, traffic: &mut Traffic) -> Deployment {
    let deployment = Deployment::of(cluster, PARTITIONS, "");
    deployment.done("topics create");
    let card = deployment.file("card.csv", CARD);
    deployment.done(&format!(
        "rates publish {card} --card standard --currency EUR"
    ));
    publish(&deployment, PARTITIONS, &traffic.founding());
    deployment
}

/// Stops a process, which must end well.
pub fn ended(process: &mut Process) {
    process.signal("TERM");
    assert_eq!(process.ends().code(), Some(0), "{}", process.log());
}

#[test]
fn what_comes_in_goes_out_once_and_in_order() {
    let mut traffic = Traffic::new(1, 40);
    let deployment = founded(Cluster::shared(), &mut traffic);
    let mut process = Process::start(&deployment, "one");
    publish(&deployment, PARTITIONS, &traffic.next(3_000));
    await_processed(&deployment, PARTITIONS);
    ended(&mut process);
    assert_exactly_once(&deployment, PARTITIONS);
}

#[test]
fn kill_9_in_the_middle_of_load_loses_nothing_and_repeats_nothing() {
    let mut traffic = Traffic::new(2, 40);
    let deployment = founded(Cluster::shared(), &mut traffic);
    thread::scope(|scope| {
        let loading = scope.spawn(|| {
            for _ in 0..60 {
                publish(&deployment, PARTITIONS, &traffic.next(200));
            }
        });
        for kill in 0..6 {
            let mut process = Process::start(&deployment, "one");
            await_progress(&deployment, PARTITIONS, 200 + 150 * kill);
            process.kill();
        }
        loading.join().expect("all was published");
    });
    let mut process = Process::start(&deployment, "one");
    await_processed(&deployment, PARTITIONS);
    ended(&mut process);
    assert_exactly_once(&deployment, PARTITIONS);
}

#[test]
fn two_instances_share_the_partitions_and_one_takes_over_from_a_dead_one() {
    let mut traffic = Traffic::new(3, 40);
    let deployment = founded(Cluster::shared(), &mut traffic);
    let mut first = Process::start(&deployment, "first");
    publish(&deployment, PARTITIONS, &traffic.next(1_000));
    let mut second = Process::start(&deployment, "second");
    publish(&deployment, PARTITIONS, &traffic.next(2_000));
    await_processed(&deployment, PARTITIONS);
    first.kill();
    publish(&deployment, PARTITIONS, &traffic.next(2_000));
    await_processed(&deployment, PARTITIONS);
    ended(&mut second);
    assert_exactly_once(&deployment, PARTITIONS);
}

#[test]
fn a_zombie_that_wakes_up_after_its_session_publishes_nothing_more() {
    let mut traffic = Traffic::new(4, 40);
    let deployment = founded(Cluster::shared(), &mut traffic);
    let zombie = Process::start(&deployment, "zombie");
    publish(&deployment, PARTITIONS, &traffic.next(1_000));
    await_processed(&deployment, PARTITIONS);
    let mut heir = Process::start(&deployment, "heir");
    publish(&deployment, PARTITIONS, &traffic.next(1_000));
    zombie.signal("STOP");
    publish(&deployment, PARTITIONS, &traffic.next(1_000));
    // The heir can only have processed everything once the zombie's session is over.
    await_processed(&deployment, PARTITIONS);
    zombie.signal("CONT");
    publish(&deployment, PARTITIONS, &traffic.next(1_000));
    await_processed(&deployment, PARTITIONS);
    ended(&mut heir);
    drop(zombie);
    assert_exactly_once(&deployment, PARTITIONS);
}

#[test]
fn a_broker_that_dies_and_comes_back_under_load_costs_only_time() {
    let mut traffic = Traffic::new(5, 40);
    let own = Own::start(1);
    let deployment = founded(own.cluster(), &mut traffic);
    let mut process = Process::start_patient(&deployment, "one");
    for _ in 0..2 {
        publish(&deployment, PARTITIONS, &traffic.next(3_000));
        own.kill(1);
        own.restart(1);
    }
    await_processed(&deployment, PARTITIONS);
    ended(&mut process);
    assert_exactly_once(&deployment, PARTITIONS);
}
