//! A worker on a real broker: what it takes, keeps and refuses.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use tollkeeper::codec::{Partitioner, partition_of};
use tollkeeper::kafka::{
    Admin, Isolation, Publisher, Start, TopicReader, WorkerSettings, headers_of,
};

use crate::support::{Cluster, Deployment, Running, WAIT, eventually};

fn deployed(partitions: i32) -> Deployment {
    let deployment = Deployment::of(Cluster::shared(), partitions, "");
    deployment.done("topics create");
    deployment
}

fn tick(tenant: &str, call: u32) -> String {
    format!(
        r#"{{"type":"CallMinuteTick","event_id":"tick-{call}","tenant_id":"{tenant}","occurred_at":"2026-11-23T10:00:00.000Z","call_id":"c{call}","minute":1}}"#
    )
}

fn publish(deployment: &Deployment, lines: &[String]) {
    let file = deployment.file("events.jsonl", &lines.join("\n"));
    deployment.done(&format!("publish {file}"));
}

fn rejected(deployment: &Deployment) -> usize {
    deployment.consume("rejected").len()
}

#[test]
fn what_is_done_before_a_stop_is_not_done_again_after_it() {
    let deployment = deployed(4);
    publish(&deployment, &[tick("contoso", 1), tick("fabrikam", 2)]);
    let worker = Running::start(&deployment, "a", |_| {});
    eventually("two rejections", || {
        (rejected(&deployment) == 2).then_some(())
    });
    worker.stop();
    publish(&deployment, &[tick("contoso", 3)]);
    let worker = Running::start(&deployment, "a", |_| {});
    eventually("a third", || (rejected(&deployment) == 3).then_some(()));
    worker.stop();
}

#[test]
fn a_record_that_trips_an_assertion_is_skipped_by_an_operator() {
    let deployment = deployed(1);
    publish(
        &deployment,
        &[tick("contoso", 1), tick("contoso", 2), tick("contoso", 3)],
    );
    let trip = |settings: &mut WorkerSettings| {
        settings.flow.trip_on_event = Some("tick-2".to_owned());
    };
    let worker = Running::start(&deployment, "a", trip);
    let stopped = worker.hears("stopped 0");
    assert!(stopped.contains("the record at offset `1`"), "{stopped}");
    // What came before it is done, and a restart changes nothing.
    assert_eq!(rejected(&deployment), 1);
    worker.stop();
    let worker = Running::start(&deployment, "a", trip);
    worker.hears("stopped 0");
    deployment.done("skip --partition 0 --offset 1");
    eventually("all three", || (rejected(&deployment) == 3).then_some(()));
    let messages: Vec<_> = deployment
        .consume("rejected --envelope")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        messages[1].contains("skipped by an operator"),
        "{messages:?}"
    );
    worker.stop();
}

#[test]
fn a_record_too_large_for_the_rejected_topic_is_cut() {
    let deployment = deployed(1);
    let names = deployment.cluster().topics();
    let events = Publisher::new(&deployment.cluster().connection(), &names.events)
        .expect("a producer of events");
    let large = vec![b'x'; 1_000_000];
    events.send(0, b"contoso", &large, 0).expect("sent");
    events.finish(1, WAIT, |_| {}).expect("delivered");
    let worker = Running::start(&deployment, "a", |_| {});
    worker.hears("committed 1");
    let mut reader = TopicReader::open(
        &deployment.cluster().connection(),
        &names.rejected,
        Isolation::Committed,
        None,
        WAIT,
    )
    .expect("a reader");
    let mut sizes = Vec::new();
    reader
        .read_to_end(&[(0, Start::Beginning)], WAIT, |message| {
            let headers = headers_of(message);
            let cut = headers
                .iter()
                .find(|(name, _)| *name == "tollkeeper.errors.truncated")
                .and_then(|(_, value)| *value);
            assert_eq!(cut, Some(&b"1000000"[..]));
            sizes.push(message.payload().map_or(0, <[u8]>::len));
            std::ops::ControlFlow::Continue(())
        })
        .expect("read");
    assert!(sizes.len() == 1 && sizes[0] > 900_000, "{sizes:?}");
    worker.stop();
}

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

#[test]
fn offsets_that_were_reset_or_lost_change_nothing() {
    let deployment = deployed(1);
    publish(&deployment, &[tick("contoso", 1), tick("contoso", 2)]);
    let worker = Running::start(&deployment, "a", |_| {});
    eventually("two rejections", || {
        (rejected(&deployment) == 2).then_some(())
    });
    worker.stop();
    // As Kafka's own tool resets them: without our metadata.
    let cluster = deployment.cluster();
    set_offset(cluster, &cluster.name("group"), 0);
    publish(&deployment, &[tick("contoso", 3)]);
    let worker = Running::start(&deployment, "b", |_| {});
    let warned = worker.hears("warned");
    assert!(warned.contains("the journal's `2`"), "{warned}");
    eventually("a third", || (rejected(&deployment) == 3).then_some(()));
    worker.stop();
    // As if they had expired: a group that never was.
    publish(&deployment, &[tick("contoso", 4)]);
    let worker = Running::start(&deployment, "c", |settings| settings.group += "-new");
    eventually("a fourth", || (rejected(&deployment) == 4).then_some(()));
    worker.stop();
    assert_eq!(rejected(&deployment), 4);
}

fn set_offset(cluster: &Cluster, group: &str, offset: i64) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap())
        .set("group.id", group)
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&cluster.topics().events, 0, Offset::Offset(offset))
        .expect("an offset");
    // The static member that stopped holds its place until its session ends.
    eventually("the group to be empty", || {
        consumer.commit(&list, CommitMode::Sync).ok()
    });
}

#[test]
fn input_that_was_deleted_unread_stops_its_partition_until_it_is_accepted() {
    let deployment = deployed(1);
    publish(
        &deployment,
        &[tick("contoso", 1), tick("contoso", 2), tick("contoso", 3)],
    );
    let admin = Admin::new(&deployment.cluster().connection(), WAIT).expect("an admin client");
    let events = deployment.cluster().topics().events;
    admin.delete_records(&events, 0, 2).expect("deleted");
    let worker = Running::start(&deployment, "a", |_| {});
    let stopped = worker.hears("stopped 0");
    assert!(stopped.contains("from offset `0` to `2`"), "{stopped}");
    deployment.done("skip --partition 0 --offset 0 --gap");
    eventually("the record that is left", || {
        (rejected(&deployment) == 1).then_some(())
    });
    worker.stop();
}

#[test]
fn a_worker_restores_from_a_journal_that_was_trimmed() {
    let deployment = deployed(1);
    let worker = Running::start(&deployment, "a", |_| {});
    let state = deployment.cluster().topics().state;
    let reader = TopicReader::open(
        &deployment.cluster().connection(),
        &state,
        Isolation::Committed,
        None,
        WAIT,
    )
    .expect("a reader");
    let mut published = 0;
    eventually("the journal to be trimmed", || {
        published += 1;
        publish(&deployment, &[tick("contoso", published)]);
        let bounds = reader.watermarks(0, WAIT).expect("asked");
        (bounds.start > 0).then_some(())
    });
    worker.stop();
    published += 1;
    publish(&deployment, &[tick("contoso", published)]);
    let worker = Running::start(&deployment, "b", |_| {});
    let published = usize::try_from(published).expect("few");
    eventually("all of them, once", || {
        (rejected(&deployment) == published).then_some(())
    });
    worker.stop();
}
