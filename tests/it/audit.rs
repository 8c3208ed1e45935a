//! The books of real workers, audited beside them and after them.

use std::thread;

use rdkafka::message::Message as _;
use tollkeeper::kafka::{Admin, Isolation, Publisher, Read, Start, TopicReader};

use crate::support::{Cluster, Deployment, Load, Process, WAIT, now};

const LOAD: Load = Load {
    tenants: 20,
    calls: 40,
};

fn deployed() -> Deployment {
    let deployment = Deployment::created(Cluster::shared(), 3);
    LOAD.prepare(&deployment);
    deployment
}

/// The first record of a topic's partition, key and value.
fn first_record(deployment: &Deployment, topic: &str, partition: i32) -> (Vec<u8>, Vec<u8>) {
    let connection = deployment.cluster().connection();
    let mut reader = TopicReader::open(&connection, topic, Isolation::Committed, None, WAIT)
        .expect("the topic exists");
    reader
        .assign(&[(partition, Start::Beginning)])
        .expect("assigned");
    loop {
        if let Read::Record(message) = reader.next(WAIT).expect("the topic can be read") {
            let bytes = |part: Option<&[u8]>| part.unwrap_or_default().to_vec();
            return (bytes(message.key()), bytes(message.payload()));
        }
    }
}

#[test]
fn the_books_balance_beside_a_running_worker_and_from_checkpoint_to_checkpoint() {
    let deployment = deployed();
    let checkpoint = deployment.file("unused", "").replace("unused", "audit");
    let audit = format!("audit --checkpoint {checkpoint}");
    let mut worker = Process::start(&deployment, "a");
    worker.says("partition at work");
    thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            for round in 0..3 {
                LOAD.publish(&deployment, round * LOAD.calls);
            }
        });
        while !publishing.is_finished() {
            let said = deployment.done(&audit);
            assert!(said.contains("the books balance"), "{said}");
        }
        publishing.join().expect("published");
    });
    LOAD.balances(&deployment, 3 * LOAD.calls);
    let rest = deployment.done(&audit);
    let whole = deployment.done("audit");
    let closed = format!("with {} closed legs", 3 * LOAD.calls * LOAD.tenants);
    assert!(whole.contains(&closed), "{whole}");
    assert!(!rest.contains(&closed), "{rest}");
    // Nothing new: nothing is left to check.
    let nothing = deployment.done(&audit);
    assert!(nothing.contains("0 ledger entries"), "{nothing}");
}

#[test]
fn records_that_retention_deleted_before_they_were_checked_are_told_once() {
    let deployment = deployed();
    let mut worker = Process::start(&deployment, "a");
    worker.says("partition at work");
    LOAD.publish(&deployment, 0);
    LOAD.balances(&deployment, LOAD.calls);
    let checkpoint = deployment.file("unused", "").replace("unused", "audit");
    let audit = format!("audit --checkpoint {checkpoint}");
    deployment.done(&audit);
    LOAD.publish(&deployment, LOAD.calls);
    LOAD.balances(&deployment, 2 * LOAD.calls);
    let cluster = deployment.cluster();
    let topic = cluster.topics().rated_usage;
    let end = TopicReader::open(
        &cluster.connection(),
        &topic,
        Isolation::Committed,
        None,
        WAIT,
    )
    .and_then(|reader| reader.watermarks(1, WAIT))
    .expect("the topic can be asked")
    .end;
    let admin = Admin::new(&cluster.connection(), WAIT).expect("an admin client");
    admin.delete_records(&topic, 1, end).expect("deleted");
    let ran = deployment.run(&audit);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let gone = format!("records up to `{end}` are gone before they were checked");
    let told = |line: &str| line.starts_with("rated_usage partition 1") && line.contains(&gone);
    assert!(ran.out.lines().any(told), "{ran:?}");
    // Whoever audits what is retained finds it in order.
    deployment.done("audit");
}

#[test]
fn a_record_that_no_worker_wrote_is_found() {
    let deployment = deployed();
    let mut worker = Process::start(&deployment, "a");
    worker.says("partition at work");
    LOAD.publish(&deployment, 0);
    LOAD.balances(&deployment, LOAD.calls);
    let topic = deployment.cluster().topics().rated_usage;
    let (key, value) = first_record(&deployment, &topic, 1);
    let publisher = Publisher::new(&deployment.cluster().connection(), &topic).expect("a producer");
    let timestamp = now().millis();
    publisher
        .send(1, &key, &value, timestamp)
        .expect("handed over");
    publisher.finish(1, WAIT, |_| ()).expect("delivered");
    let ran = deployment.run("audit");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let place = "rated_usage partition 1 offset ";
    let wrong = ": entry_sequence `1` where `";
    let found = ran
        .out
        .lines()
        .any(|line| line.starts_with(place) && line.contains(wrong));
    assert!(found, "{ran:?}");
    assert!(ran.err.contains("the books do not balance"), "{ran:?}");
}

#[test]
fn a_journal_is_shown_in_words_up_to_where_it_is_broken() {
    let deployment = Deployment::of(Cluster::shared(), 2, "");
    deployment.done("topics create");
    let shown = deployment.done("journal inspect --partition 1");
    let genesis = "0: record 0, ";
    assert!(shown.starts_with(genesis), "{shown}");
    assert!(shown.contains("partition 1 of 2"), "{shown}");

    let state = deployment.cluster().topics().state;
    let publisher = Publisher::new(&deployment.cluster().connection(), &state).expect("a producer");
    publisher
        .send(1, b"", b"foreign", now().millis())
        .expect("handed over");
    publisher.finish(1, WAIT, |_| ()).expect("delivered");
    let ran = deployment.run("journal inspect --partition 1");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let last = ran.out.lines().last().unwrap_or_default();
    assert!(
        last.ends_with(": unreadable: not a journal record"),
        "{ran:?}"
    );
    assert!(ran.err.contains("not a journal record"), "{ran:?}");

    let ran = deployment.run("audit");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let broken = "state partition 1 offset ";
    assert!(
        ran.out.lines().any(|line| line.starts_with(broken)),
        "{ran:?}"
    );
    assert!(ran.err.contains("1 violation"), "{ran:?}");
}
