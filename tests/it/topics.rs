//! Topics: made as planned, and every kind of difference told.

use std::time::Duration;

use tollkeeper::kafka::{Admin, TopicPlan, TopicSettings, Wanted, differences, plan};

use crate::support::Cluster;

const SETTINGS: TopicSettings = TopicSettings {
    partitions: 4,
    replication: 1,
    min_insync_replicas: 1,
    events_retention_ms: 3_600_000,
    outputs_retention_ms: 3_600_000,
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
            format!("topic `{name}`: `retention.ms` is `1000`, must be at least `3600000`"),
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
