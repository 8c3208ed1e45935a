//! Which partition a tenant's events belong to: as the producers of the field place them, librdkafka's own among them.

use std::collections::BTreeMap;

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::Value;

use crate::exactly_once::ended;
use crate::support::{Cluster, Deployment, Process, WAIT, eventually};
use crate::worker::{publish, tick};

const PARTITIONS: i32 = 4;
const TENANTS: u32 = 20;

/// A tick of each tenant, of this call.
fn ticks(call: u32) -> BTreeMap<String, String> {
    let tenants = (0..TENANTS).map(|number| format!("tenant-{number}"));
    tenants
        .map(|tenant| (tenant.clone(), tick(&tenant, call)))
        .collect()
}

/// Sends them as a program on librdkafka does that is set to this partitioner.
fn send(deployment: &Deployment, partitioner: &str, lines: &BTreeMap<String, String>) {
    let cluster = deployment.cluster();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap())
        .set("partitioner", partitioner)
        .create()
        .expect("a producer");
    let topic = cluster.topics().events;
    for (tenant, line) in lines {
        let record = BaseRecord::to(&topic).key(tenant).payload(line);
        producer
            .send(record)
            .map_err(|(error, _)| error)
            .expect("taken");
    }
    producer.flush(WAIT).expect("delivered");
}

/// Where each tenant's tick of this call stands.
fn places(events: &[Value], call: u32) -> BTreeMap<&str, i64> {
    let of_call = events
        .iter()
        .filter(|event| event["event_id"] == format!("tick-{call}"));
    of_call
        .map(|event| {
            let tenant = event["tenant_id"].as_str().expect("a tenant");
            let partition = event["kafka"]["partition"].as_i64();
            (tenant, partition.expect("a number"))
        })
        .collect()
}

/// The reason for which each tenant's tick of this call was rejected.
fn reasons(rejected: &[Value], call: u32) -> BTreeMap<&str, &str> {
    let of_call = rejected
        .iter()
        .filter(|rejected| rejected["record"]["event_id"] == format!("tick-{call}"));
    of_call
        .map(|rejected| {
            let tenant = rejected["record"]["tenant_id"].as_str();
            let reason = rejected["reason"].as_str();
            (tenant.expect("a tenant"), reason.expect("a reason"))
        })
        .collect()
}

/// Events that are placed as the configuration says are taken, those of `publish` among them; of those placed in the
/// `other` way, the ones that stand elsewhere are misrouted. A tick of a tenant that nobody knows shows both.
fn only_what_is_at_home_is_taken(configured: &str, own: &str, other: &str) {
    let more = format!("[input]\npartitioner = \"{configured}\"\n");
    let deployment = Deployment::of(Cluster::shared(), PARTITIONS, &more);
    deployment.done("topics create");
    send(&deployment, own, &ticks(1));
    send(&deployment, other, &ticks(2));
    let lines: Vec<String> = ticks(3).into_values().collect();
    publish(&deployment, &lines);
    let events = deployment.consume("events --envelope");
    let home = places(&events, 1);
    assert_eq!(places(&events, 3), home);

    let mut process = Process::start(&deployment, "a");
    let rejected = eventually("every tick to be rejected", || {
        let rejected = deployment.consume("rejected");
        (rejected.len() == events.len()).then_some(rejected)
    });
    ended(&mut process);
    for call in 1..=3 {
        let expected = places(&events, call);
        let expected = expected.into_iter().map(|(tenant, place)| {
            let at_home = place == home[tenant];
            (
                tenant,
                if at_home {
                    "UNKNOWN_TENANT"
                } else {
                    "MISROUTED"
                },
            )
        });
        assert_eq!(reasons(&rejected, call), expected.collect());
    }
    let misrouted = rejected.iter().filter(|one| one["reason"] == "MISROUTED");
    assert!(misrouted.count() > 5, "the two differ for most keys");
}

#[test]
fn with_crc32_a_tenant_is_at_home_where_librdkafkas_consistent_partitioner_puts_it() {
    only_what_is_at_home_is_taken("crc32", "consistent", "murmur2");
}

#[test]
fn with_murmur2_a_tenant_is_at_home_where_javas_partitioner_puts_it() {
    only_what_is_at_home_is_taken("murmur2", "murmur2", "consistent");
}

#[test]
fn nothing_is_published_to_a_topic_of_another_number_of_partitions() {
    let deployment = Deployment::created(Cluster::shared(), 2);
    let file = deployment.file("events.jsonl", &tick("contoso", 1));
    let mut command = deployment.command(&format!("publish {file}"));
    command.env("TOLLKEEPER_TOPICS__PARTITIONS", "4");
    let output = command.output().expect("the program can be started");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{told}");
    let topic = deployment.cluster().topics().events;
    for said in [
        format!("topic `{topic}` has 2 partitions, the configuration says 4"),
        "`tollkeeper topics check`".to_owned(),
    ] {
        assert!(told.contains(&said), "`{said}` in {told}");
    }
    assert_eq!(deployment.consume("events").len(), 0);
}
