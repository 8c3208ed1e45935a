//! A worker on a real broker: what it takes, keeps and refuses.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use tollkeeper::codec::{
    Partitioner, encode_event, encode_event_confluent, parse_line, partition_of,
};
use tollkeeper::kafka::{
    Admin, Isolation, Publisher, Start, TopicReader, WorkerSettings, headers_of,
};

use crate::support::{Cluster, Deployment, Running, WAIT, eventually, now};

/// Topics for a worker, on the cluster of all tests.
pub fn deployed(partitions: i32) -> Deployment {
    Deployment::created(Cluster::shared(), partitions)
}

/// A tick of a tenant that nobody knows: one rejected record.
pub fn tick(tenant: &str, call: u32) -> String {
    format!(
        r#"{{"type":"CallMinuteTick","event_id":"tick-{call}","tenant_id":"{tenant}","occurred_at":"2026-11-23T10:00:00.000Z","call_id":"c{call}","minute":1}}"#
    )
}

pub fn publish(deployment: &Deployment, lines: &[String]) {
    let file = deployment.file("events.jsonl", &lines.join("\n"));
    deployment.done(&format!("publish {file}"));
}

pub fn rejected(deployment: &Deployment) -> usize {
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
    eventually("the rejection", || (worker.committed() == 1).then_some(()));
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

/// How an event is written.
#[derive(Clone, Copy, Debug)]
enum Encoding {
    Json,
    Avro,
    Confluent,
}

impl Encoding {
    fn bytes(self, line: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let event = parse_line(line).event.expect("an event");
        match self {
            Encoding::Json => out.extend_from_slice(line.as_bytes()),
            Encoding::Avro => encode_event(&event, &mut out),
            Encoding::Confluent => {
                let (id, _) = schema_of(event.body.name());
                encode_event_confluent(&event, id, &mut out);
            }
        }
        out
    }
}

/// The id under which a registry would have a schema, and the schema.
fn schema_of(name: &str) -> (u32, String) {
    let names = [
        "TenantConfigured",
        "CreditGranted",
        "CallStarted",
        "CallMinuteTick",
        "CallEnded",
    ];
    let id = (100..).zip(names).find(|(_, known)| *known == name);
    let (id, _) = id.expect("an event of these tests");
    let file = format!("{}/schemas/{name}.avsc", env!("CARGO_MANIFEST_DIR"));
    (id, std::fs::read_to_string(file).expect("a schema"))
}

fn life_of(tenant: &str) -> [String; 5] {
    let at = now();
    let event = |kind: &str, fields: &str| {
        format!(
            r#"{{"type":"{kind}","event_id":"{kind}","tenant_id":"{tenant}","occurred_at":"{at}",{fields}}}"#
        )
    };
    [
        event(
            "TenantConfigured",
            r#""version":1,"status":"ACTIVE","currency":"EUR","country":"DE","rate_card":"none","billing_mode":"PREPAID""#,
        ),
        event(
            "CreditGranted",
            r#""payment_id":"p1","amount":"5","currency":"EUR","kind":"PURCHASE""#,
        ),
        event(
            "CallStarted",
            &format!(
                r#""call_id":"c","answered_at":"{at}","leg":"DIAL_IN_TOLL","bridge_number":"+4930901820","organizer_id":"o","organizer_country":"DE","license":"SUBSCRIPTION""#
            ),
        ),
        event("CallMinuteTick", r#""call_id":"c","minute":1"#),
        event("CallEnded", r#""call_id":"c","duration_seconds":61"#),
    ]
}

#[test]
fn events_in_three_encodings_lead_to_the_same_records() {
    let deployment = deployed(4);
    let names = deployment.cluster().topics();
    let events = Publisher::new(&deployment.cluster().connection(), &names.events)
        .expect("a producer of events");
    for encoding in [Encoding::Json, Encoding::Avro, Encoding::Confluent] {
        let tenant = format!("{encoding:?}");
        let home = partition_of(Partitioner::Murmur2, tenant.as_bytes(), 4);
        for line in life_of(&tenant) {
            let payload = encoding.bytes(&line);
            events
                .send(home, tenant.as_bytes(), &payload, 0)
                .expect("sent");
        }
    }
    events.finish(15, WAIT, |_| {}).expect("delivered");
    let worker = Running::start(&deployment, "a", |settings| {
        for line in life_of("any") {
            let event = parse_line(&line).event.expect("an event");
            let (id, schema) = schema_of(event.body.name());
            let schemas = settings.flow.schemas.clone();
            settings.flow.schemas = schemas.with_confluent(id, &schema).expect("our own schema");
        }
    });
    let usage = eventually("a grant and a closing record each", || {
        let usage = deployment.consume("rated_usage");
        (usage.len() == 6).then_some(usage)
    });
    worker.stop();
    assert_eq!(rejected(&deployment), 0);
    for encoding in [Encoding::Json, Encoding::Avro, Encoding::Confluent] {
        let tenant = format!("{encoding:?}");
        let of_tenant: Vec<_> = usage
            .iter()
            .filter(|entry| entry["tenant_id"] == tenant.as_str())
            .map(|entry| {
                let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
                [text("record_id"), text("balance_after")].join(" ")
            })
            .collect();
        assert_eq!(of_tenant, ["payment/p1 5", "c/FINAL 5"], "{tenant}");
    }
}

#[test]
fn what_a_tenant_has_is_shown_from_its_journal() {
    let deployment = deployed(4);
    let (first, second) = (
        r#"{"type":"TenantConfigured","event_id":"e1","tenant_id":"contoso","occurred_at":"2026-11-23T10:00:00.000Z","version":1,"status":"ACTIVE","currency":"EUR","country":"DE","rate_card":"standard","billing_mode":"PREPAID"}"#,
        r#"{"type":"CreditGranted","event_id":"e2","tenant_id":"contoso","occurred_at":"2026-11-23T10:00:01.000Z","payment_id":"p1","amount":"12.5","currency":"EUR","kind":"PURCHASE"}"#,
    );
    publish(&deployment, &[first.to_owned(), second.to_owned()]);
    let worker = Running::start(&deployment, "a", |_| {});
    eventually("the grant", || {
        (deployment.consume("rated_usage").len() == 1).then_some(())
    });
    let shown = deployment.done("tenants show contoso");
    assert!(shown.contains(r#""balance": "12.5""#), "{shown}");
    let ran = deployment.run("tenants show fabrikam");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("`fabrikam` is not known"), "{ran:?}");
    worker.stop();
}
