//! Journals that are not what a worker wrote, on a real broker: refused, with their place.

use rdkafka::message::Message as _;
use tollkeeper::codec::{Partitioner, partition_of};
use tollkeeper::kafka::{Admin, Isolation, Publisher, Start, TopicReader};

use crate::support::{Deployment, Running, WAIT, eventually};
use crate::worker::{deployed, publish, rejected, tick};

#[test]
fn a_journal_that_is_not_whole_stops_its_partition_alone() {
    let deployment = deployed(2);
    let names = deployment.cluster().topics();
    let journal = Publisher::new(&deployment.cluster().connection(), &names.state)
        .expect("somebody who must not write there");
    let home = partition_of(Partitioner::Murmur2, b"contoso", 2);
    journal.send(1 - home, b"", b"foreign", 0).expect("sent");
    journal.finish(1, WAIT, |_| {}).expect("delivered");
    publish(&deployment, &[tick("contoso", 1)]);
    let worker = Running::start(&deployment, "a", |_| {});
    let stopped = worker.hears(&format!("stopped {}", 1 - home));
    assert!(stopped.contains("offset `"), "{stopped}");
    eventually("the other partition's work", || {
        (rejected(&deployment) == 1).then_some(())
    });
    worker.stop();
}

/// The last record of a partition's journal, and where it stands.
fn last_of_the_journal(deployment: &Deployment, partition: i32) -> (i64, Vec<u8>) {
    let names = deployment.cluster().topics();
    let connection = deployment.cluster().connection();
    let mut reader = TopicReader::open(&connection, &names.state, Isolation::Committed, None, WAIT)
        .expect("a reader");
    let mut last = None;
    reader
        .read_to_end(&[(partition, Start::Beginning)], WAIT, |message| {
            last = message
                .payload()
                .map(|payload| (message.offset(), payload.to_vec()));
            std::ops::ControlFlow::Continue(())
        })
        .expect("read");
    last.expect("a journal has its genesis")
}

#[test]
fn a_flipped_byte_in_a_journal_and_a_record_that_does_not_follow_on_are_told_with_their_place() {
    let deployment = deployed(2);
    let tenants: Vec<String> = (0..20).map(|n| format!("tenant-{n}")).collect();
    let ticks: Vec<String> = (0..)
        .zip(&tenants)
        .map(|(n, tenant)| tick(tenant, n))
        .collect();
    publish(&deployment, &ticks);
    let worker = Running::start(&deployment, "a", |_| {});
    eventually("all of them", || (worker.committed() == 20).then_some(()));
    worker.stop();
    let names = deployment.cluster().topics();
    let journal = Publisher::new(&deployment.cluster().connection(), &names.state)
        .expect("somebody who must not write there");
    // The last record of one as it was but for a bit, and of the other once more.
    let (before, mut flipped) = last_of_the_journal(&deployment, 0);
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    journal.send(0, b"", &flipped, 0).expect("sent");
    let (before_repeated, repeated) = last_of_the_journal(&deployment, 1);
    journal.send(1, b"", &repeated, 0).expect("sent");
    journal.finish(2, WAIT, |_| {}).expect("delivered");
    let places = [(0, before), (1, before_repeated)];
    let worker = Running::start(&deployment, "a", |_| {});
    for (partition, before) in places {
        let stopped = worker.hears(&format!("stopped {partition}"));
        let (place, _) = last_of_the_journal(&deployment, partition);
        assert!(place > before);
        assert!(stopped.contains(&format!("offset `{place}`")), "{stopped}");
    }
    worker.stop();
}

#[test]
fn a_journal_that_was_emptied_or_is_of_another_cluster_is_refused() {
    let deployment = deployed(1);
    publish(&deployment, &[tick("contoso", 1)]);
    let worker = Running::start(&deployment, "a", |settings| {
        settings.genesis.cluster_id = "another".to_owned();
    });
    let stopped = worker.hears("stopped 0");
    assert!(stopped.contains("another"), "{stopped}");
    worker.stop();
    let admin = Admin::new(&deployment.cluster().connection(), WAIT).expect("an admin client");
    let state = deployment.cluster().topics().state;
    admin.delete_records(&state, 0, 1).expect("deleted");
    let worker = Running::start(&deployment, "a", |_| {});
    let stopped = worker.hears("stopped 0");
    assert!(stopped.contains("it is empty"), "{stopped}");
    worker.stop();
    assert_eq!(rejected(&deployment), 0);
}
