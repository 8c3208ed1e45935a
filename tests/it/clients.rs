//! The clients: what a transaction, a group and a reader do on a real broker.

use std::time::Duration;

use rdkafka::message::Message;
use tollkeeper::kafka::{
    Admin, Committed, Delivered, Error, GroupEvent, InputConsumer, InputSettings, Isolation,
    Outcome, PartitionOffset, Polled, ProducerSettings, Read, Sent, Start, TopicHandle, TopicPlan,
    TopicReader, TransactionalProducer,
};

use crate::support::{Cluster, WAIT, eventually};

const SHORT: Duration = Duration::from_millis(100);

/// A cluster with an input and an output topic of this test's own.
struct Stage {
    cluster: Cluster,
    admin: Admin,
    input: String,
    output: String,
}

impl Stage {
    fn with_partitions(partitions: i32) -> Self {
        let cluster = Cluster::shared();
        let admin = Admin::new(&cluster.connection(), WAIT).expect("an admin client");
        let (input, output) = (cluster.name("in"), cluster.name("out"));
        for name in [&input, &output] {
            let plan = TopicPlan {
                name: name.clone(),
                partitions,
                replication: 1,
                config: std::collections::BTreeMap::new(),
            };
            assert!(admin.create(&plan).expect("created"));
        }
        Stage {
            cluster,
            admin,
            input,
            output,
        }
    }

    fn producer(&self, id: &str) -> TransactionalProducer {
        let settings = ProducerSettings {
            transactional_id: self.cluster.name(id),
            transaction_timeout: Duration::from_secs(10),
        };
        let producer = TransactionalProducer::new(
            &self.cluster.connection(),
            &settings,
            &self.input,
            &[&self.input, &self.output],
        )
        .expect("a producer");
        assert_eq!(producer.init(WAIT), Outcome::Done);
        producer
    }

    fn member(&self, instance: &str) -> InputConsumer {
        let settings = InputSettings {
            group_id: self.cluster.name("group"),
            instance_id: self.cluster.name(instance),
            session_timeout: Duration::from_secs(6),
        };
        InputConsumer::join(&self.cluster.connection(), &settings, &self.input).expect("a member")
    }

    fn reader(&self, topic: &str, isolation: Isolation) -> TopicReader {
        let group = self.cluster.name("group");
        TopicReader::open(
            &self.cluster.connection(),
            topic,
            isolation,
            Some(&group),
            WAIT,
        )
        .expect("a reader")
    }

    fn fill_input(&self, partition: i32, count: usize) {
        let producer = self.producer("filler");
        assert_eq!(producer.begin(), Outcome::Done);
        for index in 0..count {
            let text = index.to_string();
            producer
                .send(record(INPUT, partition, text.as_bytes()))
                .expect("taken");
        }
        assert_eq!(producer.commit(WAIT), Outcome::Done);
    }
}

const INPUT: TopicHandle = TopicHandle(0);
const OUTPUT: TopicHandle = TopicHandle(1);

fn record(topic: TopicHandle, partition: i32, payload: &[u8]) -> Sent<'_> {
    Sent {
        topic,
        partition,
        key: Some(b"k"),
        payload: Some(payload),
        headers: &[],
        ticket: 0,
    }
}

/// All values from the start of a partition to its stable end.
fn values(reader: &mut TopicReader, partition: i32) -> Vec<String> {
    reader
        .assign(&[(partition, Start::Beginning)])
        .expect("assigned");
    let mut values = Vec::new();
    eventually("the end of the partition", || {
        match reader.next(SHORT).expect("read") {
            Read::Record(message) => {
                let payload = message.payload().expect("a value");
                values.push(String::from_utf8(payload.to_vec()).expect("text"));
                None
            }
            Read::Nothing => None,
            Read::End(_) => Some(()),
        }
    });
    values
}

fn next_event(member: &InputConsumer) -> GroupEvent {
    eventually("an event of the group", || {
        assert!(matches!(
            member.poll(SHORT),
            Polled::Nothing | Polled::Record(_)
        ));
        member.take_event()
    })
}

#[test]
fn a_committed_transaction_shows_outputs_offsets_and_metadata_together() {
    let stage = Stage::with_partitions(2);
    stage.fill_input(1, 3);
    let member = stage.member("worker-0");
    assert_eq!(next_event(&member), GroupEvent::Assigned(vec![0, 1]));
    member.accept().expect("accepted");
    member.start(&[(1, 1)]).expect("started");
    let first = eventually("a record", || match member.poll(SHORT) {
        Polled::Record(message) => Some((message.partition(), message.offset())),
        _ => None,
    });
    assert_eq!(first, (1, 1));

    let producer = stage.producer("worker-0");
    assert_eq!(producer.begin(), Outcome::Done);
    let headers: &[(&str, Option<&[u8]>)] = &[("cause", Some(b"timer")), ("none", None)];
    producer
        .send(Sent {
            headers,
            ticket: 7,
            ..record(OUTPUT, 1, b"out")
        })
        .expect("taken");
    let offsets = [PartitionOffset {
        partition: 1,
        next_offset: 2,
        metadata: "seq=9".to_owned(),
    }];
    let group = member.group().expect("a member");
    assert!(group.generation() >= 0);
    assert_eq!(producer.send_offsets(&offsets, group, WAIT), Outcome::Done);
    assert_eq!(producer.commit(WAIT), Outcome::Done);
    assert_eq!(
        producer.take_delivered(),
        [Delivered {
            ticket: 7,
            partition: 1,
            offset: 0
        }]
    );

    let mut reader = stage.reader(&stage.output, Isolation::Committed);
    assert_eq!(values(&mut reader, 1), ["out"]);
    assert_eq!(
        reader.committed(&stage.input, 1, WAIT).expect("asked"),
        Some(Committed {
            next_offset: 2,
            metadata: b"seq=9".to_vec()
        })
    );
    assert_eq!(
        reader.committed(&stage.input, 0, WAIT).expect("asked"),
        None
    );
}

#[test]
fn what_a_producer_leaves_open_shows_nothing_and_the_next_of_its_name_goes_on() {
    let stage = Stage::with_partitions(1);
    let mut producer = stage.producer("worker");
    let mut reader = stage.reader(&stage.output, Isolation::Committed);
    for round in 0..5 {
        assert_eq!(producer.begin(), Outcome::Done);
        for index in 0..200 {
            let text = format!("lost {round} {index}");
            producer
                .send(record(OUTPUT, 0, text.as_bytes()))
                .expect("taken");
        }
        producer = stage.producer("worker");
        assert_eq!(producer.begin(), Outcome::Done);
        producer.send(record(OUTPUT, 0, b"kept")).expect("taken");
        assert_eq!(producer.commit(WAIT), Outcome::Done);
    }
    assert_eq!(values(&mut reader, 0), ["kept"; 5]);
}

#[test]
fn an_undecided_transaction_holds_the_end_of_committed_readers_back() {
    let stage = Stage::with_partitions(1);
    let producer = stage.producer("worker");
    assert_eq!(producer.begin(), Outcome::Done);
    producer.send(record(OUTPUT, 0, b"open")).expect("taken");
    let committed = stage.reader(&stage.output, Isolation::Committed);
    let uncommitted = stage.reader(&stage.output, Isolation::Uncommitted);
    eventually("the record to arrive", || {
        (uncommitted.watermarks(0, WAIT).expect("asked").end == 1).then_some(())
    });
    assert_eq!(committed.watermarks(0, WAIT).expect("asked").end, 0);
    assert_eq!(producer.commit(WAIT), Outcome::Done);
    // The record and the marker.
    eventually("the marker", || {
        (committed.watermarks(0, WAIT).expect("asked").end == 2).then_some(())
    });
}

#[test]
fn a_second_producer_of_the_same_name_fences_the_first() {
    let stage = Stage::with_partitions(1);
    let first = stage.producer("worker");
    assert_eq!(first.begin(), Outcome::Done);
    first.send(record(OUTPUT, 0, b"zombie")).expect("taken");
    let second = stage.producer("worker");
    let outcome = first.commit(WAIT);
    assert!(matches!(outcome, Outcome::FencedProducer(_)), "{outcome:?}");
    assert_eq!(second.begin(), Outcome::Done);
    second.send(record(OUTPUT, 0, b"living")).expect("taken");
    assert_eq!(second.commit(WAIT), Outcome::Done);
    let mut reader = stage.reader(&stage.output, Isolation::Committed);
    assert_eq!(values(&mut reader, 0), ["living"]);
}

#[test]
fn a_second_member_of_the_same_name_fences_the_first() {
    let stage = Stage::with_partitions(1);
    let first = stage.member("worker");
    assert_eq!(next_event(&first), GroupEvent::Assigned(vec![0]));
    first.accept().expect("accepted");
    first.start(&[(0, 0)]).expect("started");
    let second = stage.member("worker");
    assert_eq!(next_event(&second), GroupEvent::Assigned(vec![0]));
    eventually("the first to be told", || {
        matches!(first.poll(SHORT), Polled::FencedInstance).then_some(())
    });
}

#[test]
fn two_members_share_the_partitions_and_one_that_leaves_gives_them_back() {
    let stage = Stage::with_partitions(4);
    let first = stage.member("a");
    assert_eq!(next_event(&first), GroupEvent::Assigned(vec![0, 1, 2, 3]));
    first.accept().expect("accepted");
    // Two are started, two are still being restored when the other one comes.
    first.start(&[(0, 0), (3, 0)]).expect("started");
    let second = stage.member("b");
    let mut given = None;
    let taken = eventually("the second to get partitions", || {
        first.poll(SHORT);
        match first.take_event() {
            Some(GroupEvent::Revoked(partitions)) => {
                first.give_up(&partitions).expect("given up");
                given = Some(partitions);
            }
            Some(GroupEvent::Assigned(partitions)) if partitions.is_empty() => {
                first.accept().expect("accepted");
            }
            Some(other) => panic!("unexpected {other:?}"),
            None => {}
        }
        second.poll(SHORT);
        match second.take_event() {
            Some(GroupEvent::Assigned(partitions)) => {
                second.accept().expect("accepted");
                (!partitions.is_empty()).then_some(partitions)
            }
            Some(other) => panic!("unexpected {other:?}"),
            None => None,
        }
    });
    assert_eq!(given.expect("the first was asked to give up"), taken);
    assert_eq!(taken.len(), 2);
    second.start(&[(taken[0], 0)]).expect("started");
    second.leave();
    let revoked = next_event(&second);
    assert_eq!(revoked, GroupEvent::Revoked(taken.clone()));
    second.give_up(&taken).expect("given up");
    let back = eventually("the first to get them back", || {
        second.poll(SHORT);
        first.poll(SHORT);
        match first.take_event() {
            Some(GroupEvent::Assigned(partitions)) => {
                first.accept().expect("accepted");
                (!partitions.is_empty()).then_some(partitions)
            }
            Some(other) => panic!("unexpected {other:?}"),
            None => None,
        }
    });
    assert_eq!(back, taken);
}

#[test]
fn a_position_before_the_start_of_the_log_is_a_gap_and_never_jumped_over() {
    let stage = Stage::with_partitions(1);
    stage.fill_input(0, 10);
    assert_eq!(
        stage
            .admin
            .delete_records(&stage.input, 0, 5)
            .expect("deleted"),
        5
    );
    let member = stage.member("worker");
    assert_eq!(next_event(&member), GroupEvent::Assigned(vec![0]));
    member.accept().expect("accepted");
    member.start(&[(0, 2)]).expect("started");
    eventually("the gap", || match member.poll(SHORT) {
        Polled::Gap => Some(()),
        Polled::Record(message) => panic!("read offset {}", message.offset()),
        _ => None,
    });

    let mut reader = stage.reader(&stage.input, Isolation::Committed);
    reader.assign(&[(0, Start::Offset(2))]).expect("assigned");
    let error = eventually("the gap", || reader.next(SHORT).err());
    assert!(matches!(error, Error::Trimmed { .. }), "{error}");
    assert_eq!(values(&mut reader, 0), ["5", "6", "7", "8", "9"]);
}

#[test]
fn a_missing_topic_is_named() {
    let stage = Stage::with_partitions(1);
    let name = stage.cluster.name("nowhere");
    let Err(error) = TopicReader::open(
        &stage.cluster.connection(),
        &name,
        Isolation::Committed,
        None,
        WAIT,
    ) else {
        panic!("`{name}` exists");
    };
    assert_eq!(
        error.to_string(),
        format!("topic `{name}` does not exist; `tollkeeper topics create` makes it")
    );
}

#[test]
fn a_cluster_that_is_not_there_is_told_with_its_address() {
    let nowhere = tollkeeper::kafka::Connection::to("127.0.0.1:1");
    let admin = Admin::new(&nowhere, Duration::from_secs(1)).expect("an admin client");
    assert_eq!(
        admin.find("x").expect_err("nobody is there").to_string(),
        "reaching Kafka at `127.0.0.1:1`: no broker answered within 1 s"
    );
}

#[test]
fn a_position_passes_the_markers_and_aborted_records_behind_the_last_record() {
    let stage = Stage::with_partitions(1);
    stage.fill_input(0, 3);
    let producer = stage.producer("filler");
    assert_eq!(producer.begin(), Outcome::Done);
    producer.send(record(INPUT, 0, b"aborted")).expect("taken");
    let undecided = stage.reader(&stage.input, Isolation::Uncommitted);
    eventually("the record", || {
        (undecided.watermarks(0, WAIT).expect("asked").end == 5).then_some(())
    });
    drop(producer);
    stage.producer("filler");
    // Three records, a marker, an aborted record, its marker.
    let reader = stage.reader(&stage.input, Isolation::Committed);
    eventually("the last marker", || {
        (reader.watermarks(0, WAIT).expect("asked").end == 6).then_some(())
    });
    let member = stage.member("worker");
    assert_eq!(next_event(&member), GroupEvent::Assigned(vec![0]));
    member.accept().expect("accepted");
    member.start(&[(0, 0)]).expect("started");
    let mut read = 0;
    eventually("the end", || {
        if let Polled::Record(_) = member.poll(SHORT) {
            read += 1;
        }
        (member.position(0) == Some(6)).then_some(())
    });
    assert_eq!(read, 3);
}
