//! Topics: made as planned, and every kind of difference told.

use std::ops::ControlFlow;
use std::time::Duration;

use rdkafka::message::Message;
use tollkeeper::journal::{Genesis, JournalSettings, encode_genesis};
use tollkeeper::kafka::{
    Admin, Error, InputConsumer, InputSettings, Isolation, Outcome, PartitionOffset,
    ProducerSettings, Start, TopicPlan, TopicReader, TopicSettings, TransactionalProducer, Wanted,
    differences, found_journals, plan,
};

use crate::support::{Cluster, WAIT, eventually};

pub const SETTINGS: TopicSettings = TopicSettings {
    partitions: 4,
    replication: 1,
    min_insync_replicas: 1,
    events_retention_ms: 604_800_000,
    outputs_retention_ms: 2_592_000_000,
    balances: true,
};

fn admin(cluster: &Cluster) -> Admin {
    Admin::new(&cluster.connection(), Duration::from_secs(20)).expect("an admin client")
}

#[test]
fn topics_that_were_made_as_planned_do_not_differ() {
    let cluster = Cluster::shared();
    let admin = admin(&cluster);
    for topic in plan(&cluster.topics(), &SETTINGS) {
        assert!(
            admin.create(&topic).expect("created"),
            "{} is new",
            topic.name
        );
        assert!(
            !admin.create(&topic).expect("asked again"),
            "{} exists",
            topic.name
        );
        let found = admin.find(&topic.name).expect("found");
        assert_eq!(differences(&topic, found.as_ref()), Vec::<String>::new());
    }
}

#[test]
fn every_kind_of_difference_is_told() {
    let cluster = Cluster::shared();
    let admin = admin(&cluster);
    let planned = plan(&cluster.topics(), &SETTINGS).swap_remove(0);
    assert_eq!(
        differences(&planned, admin.find(&planned.name).expect("asked").as_ref()),
        [format!("topic `{}` does not exist", planned.name)]
    );
    let mut other = TopicPlan {
        partitions: 3,
        ..planned.clone()
    };
    other.config.insert(
        "message.timestamp.type",
        Wanted::Exactly("CreateTime".to_owned()),
    );
    other
        .config
        .insert("cleanup.policy", Wanted::Exactly("compact".to_owned()));
    other.config.insert("retention.ms", Wanted::AtLeast(1000));
    admin.create(&other).expect("created");
    let wanted = TopicPlan {
        replication: 3,
        ..planned.clone()
    };
    let name = &planned.name;
    assert_eq!(
        differences(&wanted, admin.find(name).expect("asked").as_ref()),
        [
            format!("topic `{name}`: has 3 partitions, must have 4"),
            format!("topic `{name}`: has 1 replicas, must have at least 3"),
            format!("topic `{name}`: `cleanup.policy` is `compact`, must be `delete`"),
            format!(
                "topic `{name}`: `message.timestamp.type` is `CreateTime`, must be `LogAppendTime`"
            ),
            format!("topic `{name}`: `retention.ms` is `1000`, must be at least `604800000`"),
        ]
    );
}

#[test]
fn a_topic_made_again_has_another_id() {
    let cluster = Cluster::shared();
    let admin = admin(&cluster);
    let mut ids = Vec::new();
    for name in ["a", "b"] {
        let planned = TopicPlan {
            name: cluster.name(name),
            ..plan(&cluster.topics(), &SETTINGS).swap_remove(0)
        };
        admin.create(&planned).expect("created");
        ids.push(admin.find(&planned.name).expect("asked").expect("there").id);
    }
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| id.len() == 22), "{ids:?}");
    assert_eq!(admin.cluster_id().expect("asked").len(), 22);
}

/// The topics of a deployment, and what a genesis says of them.
fn deployed(cluster: &Cluster) -> Genesis {
    let admin = admin(cluster);
    for topic in plan(&cluster.topics(), &SETTINGS) {
        admin.create(&topic).expect("created");
    }
    Genesis {
        cluster_id: admin.cluster_id().expect("asked"),
        input_topic_id: admin
            .find(&cluster.topics().events)
            .expect("asked")
            .expect("there")
            .id,
        partitions: SETTINGS.partitions,
    }
}

fn found(cluster: &Cluster, genesis: &Genesis) -> Result<Vec<i32>, Error> {
    let group = cluster.name("group");
    found_journals(
        &cluster.connection(),
        &cluster.topics(),
        &group,
        genesis,
        JournalSettings::default(),
    )
}

#[test]
fn every_journal_is_founded_once() {
    let cluster = Cluster::shared();
    let genesis = deployed(&cluster);
    assert_eq!(found(&cluster, &genesis).expect("founded"), [0, 1, 2, 3]);
    assert_eq!(
        found(&cluster, &genesis).expect("asked again"),
        Vec::<i32>::new()
    );
    let mut reader = TopicReader::open(
        &cluster.connection(),
        &cluster.topics().state,
        Isolation::Committed,
        None,
        WAIT,
    )
    .expect("a reader");
    let mut read = Vec::new();
    let all: Vec<_> = (0..4)
        .map(|partition| (partition, Start::Beginning))
        .collect();
    reader
        .read_to_end(&all, WAIT, |message| {
            let payload = message.payload().expect("a value");
            assert_eq!(
                payload,
                encode_genesis(&genesis, message.partition(), JournalSettings::default())
            );
            read.push(message.partition());
            ControlFlow::Continue(())
        })
        .expect("read");
    read.sort_unstable();
    assert_eq!(read, [0, 1, 2, 3]);
}

#[test]
fn an_empty_journal_of_an_input_that_was_read_already_is_not_founded_anew() {
    let cluster = Cluster::shared();
    let genesis = deployed(&cluster);
    let settings = InputSettings {
        group_id: cluster.name("group"),
        instance_id: cluster.name("worker"),
        session_timeout: Duration::from_secs(6),
    };
    let events = cluster.topics().events;
    let member = InputConsumer::join(&cluster.connection(), &settings, &events).expect("a member");
    let group = eventually("the group", || {
        member.poll(Duration::from_millis(100));
        member.take_event()?;
        member.group()
    });
    let settings = ProducerSettings {
        transactional_id: cluster.name("worker"),
        transaction_timeout: Duration::from_secs(10),
    };
    let producer = TransactionalProducer::new(&cluster.connection(), &settings, &events, &[])
        .expect("a producer");
    assert_eq!(producer.init(WAIT), Outcome::Done);
    assert_eq!(producer.begin(), Outcome::Done);
    let offset = PartitionOffset {
        partition: 2,
        next_offset: 17,
        metadata: String::new(),
    };
    assert_eq!(producer.send_offsets(&[offset], group, WAIT), Outcome::Done);
    assert_eq!(producer.commit(WAIT), Outcome::Done);
    let refusal = found(&cluster, &genesis)
        .expect_err("the journal was lost")
        .to_string();
    assert!(
        refusal.contains("partition 2 up to offset 17: its wallets were lost"),
        "{refusal}"
    );
}
