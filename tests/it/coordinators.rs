//! Calls that librdkafka may not return from, against its own mock of a cluster.

use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tollkeeper::kafka::{
    Connection, GroupEvent, GroupMetadata, InputConsumer, InputSettings, Outcome, PartitionOffset,
    Polled, ProducerSettings, Sent, TopicHandle, TransactionalProducer,
};

use crate::support::{WAIT, eventually};

const SHORT: Duration = Duration::from_millis(200);
const NAME: &str = "worker-0";
const GROUP: &str = "group";

/// The broker that decides about transactions and leads the topics, and the one that keeps the group.
const LEADER: i32 = 1;
const KEEPER: i32 = 2;

fn member(connection: &Connection) -> InputConsumer {
    let settings = InputSettings {
        group_id: GROUP.to_owned(),
        instance_id: NAME.to_owned(),
        session_timeout: Duration::from_secs(45),
    };
    let member = InputConsumer::join(connection, &settings, "in").expect("a consumer");
    eventually("an assignment", || {
        assert!(matches!(member.poll(SHORT), Polled::Nothing));
        (member.take_event() == Some(GroupEvent::Assigned(vec![0]))).then_some(())
    });
    member.accept().expect("accepted");
    member
}

fn producer(connection: &Connection) -> TransactionalProducer {
    let settings = ProducerSettings {
        transactional_id: NAME.to_owned(),
        transaction_timeout: Duration::from_secs(60),
    };
    let producer = TransactionalProducer::new(connection, &settings, "in", &["out"]);
    let producer = producer.expect("a producer");
    assert_eq!(producer.init(WAIT), Outcome::Done);
    assert_eq!(producer.begin(), Outcome::Done);
    let record = Sent {
        topic: TopicHandle(0),
        partition: 0,
        key: None,
        payload: Some(b"out"),
        headers: &[],
        ticket: 0,
    };
    producer.send(record).expect("taken");
    producer
}

fn place(producer: &TransactionalProducer, group: GroupMetadata, timeout: Duration) -> Outcome {
    let offset = PartitionOffset {
        partition: 0,
        next_offset: 1,
        metadata: String::new(),
    };
    producer.send_offsets(&[offset], group, timeout)
}

fn quiet<C: ClientContext>(cluster: &MockCluster<'_, C>) -> Connection {
    for topic in ["in", "out"] {
        cluster.create_topic(topic, 1, 1).expect("created");
        cluster
            .partition_leader(topic, 0, Some(LEADER))
            .expect("led");
    }
    for (coordinator, broker) in [
        (MockCoordinator::Transaction(NAME.to_owned()), LEADER),
        (MockCoordinator::Group(GROUP.to_owned()), KEEPER),
    ] {
        cluster.coordinator(coordinator, broker).expect("appointed");
    }
    Connection::to(cluster.bootstrap_servers())
}

#[test]
fn a_group_that_never_answers_about_offsets_costs_a_producer_and_not_the_worker() {
    let cluster = MockCluster::<DefaultProducerContext>::new(2).expect("a cluster");
    let connection = quiet(&cluster);
    let member = member(&connection);
    let lost = producer(&connection);
    cluster
        .broker_round_trip_time(KEEPER, Duration::from_secs(3_600))
        .expect("slowed");
    let group = || member.group().expect("a member");
    let begun = Instant::now();
    let outcome = place(&lost, group(), SHORT);
    assert!(matches!(outcome, Outcome::Unanswered(_)), "{outcome:?}");
    // Neither is it asked again nor waited for any more.
    let outcome = place(&lost, group(), WAIT);
    assert!(matches!(outcome, Outcome::Unanswered(_)), "{outcome:?}");
    drop(lost);
    assert!(begun.elapsed() < WAIT, "{:?}", begun.elapsed());

    cluster
        .broker_round_trip_time(KEEPER, Duration::ZERO)
        .expect("quick again");
    let next = producer(&connection);
    assert_eq!(place(&next, group(), WAIT), Outcome::Done);
    assert_eq!(next.commit(WAIT), Outcome::Done);
}

/// What librdkafka does where a member was evicted in the middle of a rebalance, and why the name that the
/// group knows us by is looked at.
#[test]
fn a_member_that_may_not_join_comes_back_as_another_and_hears_of_no_loss() {
    let cluster = MockCluster::<DefaultProducerContext>::new(2).expect("a cluster");
    let member = member(&quiet(&cluster));
    let name = || member.group().expect("a group").member_id();
    let before = name();
    for (request, error) in [
        (
            RDKafkaApiKey::JoinGroup,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
        ),
        (
            RDKafkaApiKey::Heartbeat,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
        ),
    ] {
        cluster.request_errors(request, &[error]);
    }
    eventually("another member", || {
        assert!(matches!(member.poll(SHORT), Polled::Nothing));
        let told = member.take_event();
        assert!(
            told.is_none() || told == Some(GroupEvent::Assigned(vec![])),
            "{told:?}"
        );
        let now = name();
        (!now.is_empty() && now != before).then_some(())
    });
}
