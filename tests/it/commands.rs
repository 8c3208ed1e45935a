//! The commands around the topics: what goes in comes out, and what is wrong is told.

use std::process::Command;

use serde_json::{Value, json};
use tollkeeper::codec::Partitioner;
use tollkeeper::codec::{
    EventDecoder, SchemaSet, encode_event_confluent, parse_line, partition_of,
};
use tollkeeper::domain::Moment;
use tollkeeper::kafka::{Admin, Publisher, TopicPlan};

use crate::support::{Cluster, Deployment, WAIT, now};

const LINES: &str = r#"{"type":"CreditGranted","event_id":"e1","tenant_id":"contoso","occurred_at":"2026-11-23T10:00:00.000Z","payment_id":"p1","amount":"12.5","currency":"EUR","kind":"PURCHASE"}

{"type":"CallMinuteTick","at":"2026-11-23T10:01:30.000Z","event_id":"e2","tenant_id":"fabrikam","occurred_at":"2026-11-23T10:01:00.000Z","call_id":"c1","minute":1}
"#;

fn deployed(partitions: i32) -> Deployment {
    Deployment::created(Cluster::shared(), partitions)
}

#[test]
fn what_is_published_as_json_or_avro_is_consumed_as_the_same_json() {
    let deployment = deployed(4);
    let file = deployment.file("events.jsonl", LINES);
    for encoding in ["json", "avro"] {
        let said = deployment.done(&format!("publish --encoding {encoding} {file}"));
        assert!(said.starts_with("2 events published to `"), "{said}");
    }
    let mut seen = deployment.consume("events --envelope");
    assert_eq!(seen.len(), 4);
    seen.sort_by_key(|event| {
        (
            event["event_id"].to_string(),
            event["kafka"]["offset"].as_i64(),
        )
    });
    for (event, tenant) in seen
        .iter()
        .zip(["contoso", "contoso", "fabrikam", "fabrikam"])
    {
        let home = partition_of(Partitioner::Murmur2, tenant.as_bytes(), 4);
        assert_eq!(event["tenant_id"], json!(tenant));
        assert_eq!(event["kafka"]["key"], json!(tenant));
        assert_eq!(event["kafka"]["partition"], json!(home));
        // The broker's clock, not the line's.
        assert_eq!(event["at"], event["kafka"]["at"]);
    }
    for (json, avro) in [(0, 1), (2, 3)] {
        let strip = |event: &Value| {
            let mut event = event.clone();
            let fields = event.as_object_mut().expect("an object");
            fields.remove("kafka");
            fields.remove("at");
            fields.retain(|_, value| !value.is_null());
            event
        };
        assert_eq!(strip(&seen[json])["amount"], strip(&seen[avro])["amount"]);
        assert_eq!(
            strip(&seen[json])["event_id"],
            strip(&seen[avro])["event_id"]
        );
        // What was consumed can be published again.
        let again = parse_line(&seen[avro].to_string());
        let before = parse_line(&seen[json].to_string());
        assert_eq!(
            again.event.expect("an event"),
            before.event.expect("an event")
        );
    }
}

#[test]
fn confluent_framing_is_consumed_by_the_schema_of_its_id() {
    let cluster = Cluster::shared();
    let schemas = std::env::temp_dir().join(cluster.name("schemas"));
    std::fs::create_dir_all(&schemas).expect("the temporary folder can be written");
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/CallMinuteTick.avsc");
    std::fs::copy(schema, schemas.join("77.avsc")).expect("the schema is there");
    let more = format!("[schemas]\ndir = \"{}\"\n", schemas.display());
    let deployment = Deployment::of(cluster, 1, &more);
    deployment.done("topics create");
    let line = LINES.lines().last().expect("two lines");
    let event = parse_line(line).event.expect("an event");
    let mut payload = Vec::new();
    encode_event_confluent(&event, 77, &mut payload);
    let known = SchemaSet::builtin()
        .with_confluent(
            77,
            &std::fs::read_to_string(schema).expect("the schema is there"),
        )
        .expect("the schema is ours");
    assert_eq!(
        EventDecoder::new(known)
            .decode(Some(&payload))
            .expect("decoded"),
        event
    );
    let publisher = Publisher::new(
        &deployment.cluster().connection(),
        &deployment.cluster().topics().events,
    )
    .expect("a publisher");
    publisher.send(0, b"fabrikam", &payload, 0).expect("sent");
    publisher.finish(1, WAIT, |_| {}).expect("arrived");
    let seen = deployment.consume("events");
    assert_eq!(seen[0]["type"], json!("CallMinuteTick"));
    assert_eq!(seen[0]["call_id"], json!("c1"));
}

#[test]
fn a_file_with_lines_at_fault_is_told_line_by_line_and_not_published() {
    let deployment = deployed(1);
    let file = deployment.file(
        "events.jsonl",
        &format!("{LINES}{{\"type\": \"CallMinuteTick\"\nnot json\n{{\"type\":\"Nonsense\"}}\n"),
    );
    let ran = deployment.run(&format!("publish {file}"));
    assert_eq!(ran.code, Some(1));
    for said in [
        "nothing was published",
        "line 4: UNDECODABLE",
        "line 5: UNDECODABLE",
        "line 6: UNDECODABLE",
    ] {
        assert!(ran.err.contains(said), "`{said}` in {}", ran.err);
    }
    assert_eq!(deployment.consume("events").len(), 0);
}

#[test]
fn standard_input_is_published_up_to_the_first_line_at_fault() {
    let deployment = deployed(1);
    let ran = deployment.run_with("publish", &format!("{LINES}nonsense\n{LINES}"));
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(
        ran.err.contains("line 4: UNDECODABLE")
            && ran.err.contains("the 2 events before it are published"),
        "{}",
        ran.err
    );
    assert_eq!(deployment.consume("events").len(), 2);
}

/// The last moment in it is the `at` of its last line.
const OLD: &str = r#"{"type":"CreditGranted","event_id":"e1","tenant_id":"contoso","occurred_at":"2020-02-03T09:59:00.000Z","payment_id":"p1","amount":"12.5","currency":"EUR","kind":"PURCHASE","expires_at":"2020-03-01T00:00:00.000Z"}
{"type":"CallStarted","event_id":"e2","tenant_id":"contoso","occurred_at":"2020-02-03T10:00:01.000Z","call_id":"c1","answered_at":"2020-02-03T10:00:00.000Z","leg":"DIAL_OUT","remote_number":"+4930901820","organizer_id":"o","organizer_country":"DE","license":"PAY_PER_MINUTE"}
{"type":"CallMinuteTick","at":"2020-02-03T10:01:00.500Z","event_id":"e3","tenant_id":"contoso","occurred_at":"2020-02-03T10:01:00.000Z","call_id":"c1","minute":1}
"#;

/// Every moment that a line says something happened or will happen at, in milliseconds.
fn moments(line: &Value) -> Vec<i64> {
    ["occurred_at", "answered_at", "expires_at"]
        .iter()
        .filter_map(|field| line[field].as_str())
        .map(|text| Moment::parse(text).expect("a moment").millis())
        .collect()
}

#[test]
fn an_old_file_is_published_as_of_now_with_every_moment_moved_alike() {
    let deployment = deployed(1);
    let file = deployment.file("old.jsonl", OLD);
    let earliest = now().millis();
    let said = deployment.done(&format!("publish --as-of-now {file}"));
    let latest = now().millis();
    assert!(said.starts_with("3 events published to `"), "{said}");
    let seen = deployment.consume("events");
    let moved: Vec<_> = seen.iter().flat_map(moments).collect();
    let old: Vec<_> = OLD
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .flat_map(|line| moments(&line))
        .collect();
    let by = moved[0] - old[0];
    assert_eq!(
        moved,
        old.iter().map(|moment| moment + by).collect::<Vec<_>>()
    );
    let last = Moment::parse("2020-02-03T10:01:00.500Z").expect("a moment");
    assert!(
        (earliest..=latest).contains(&(last.millis() + by)),
        "{seen:?}"
    );

    for refused in [
        "publish --as-of-now".to_owned(),
        format!("publish --as-of-now --encoding json {file}"),
    ] {
        let ran = deployment.run(&refused);
        assert_eq!(ran.code, Some(2), "{refused}: {}", ran.err);
        assert!(
            ran.err.contains("`--as-of-now` needs a file"),
            "{}",
            ran.err
        );
    }
    assert_eq!(deployment.consume("events").len(), 3);
}

#[test]
fn a_file_that_cannot_be_read_is_the_worlds_fault_whichever_command_wants_it() {
    let deployment = Deployment::of(Cluster::shared(), 1, "");
    let events = deployment.file("events.jsonl", LINES);
    let card = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/example-rates.csv");
    let folder = std::env::temp_dir();
    for unreadable in [
        "/nowhere/at.all",
        folder.to_str().expect("its name is text"),
    ] {
        for arguments in [
            format!("simulate --rates {unreadable} {events}"),
            format!("simulate --rates {card} {unreadable}"),
            format!("rates check {unreadable}"),
            format!("rates publish {unreadable} --card standard --currency EUR"),
            format!("rates lookup --file {unreadable} --to +4930901820"),
            format!("publish {unreadable}"),
        ] {
            let output = Command::new(env!("CARGO_BIN_EXE_tollkeeper"))
                .args(arguments.split_whitespace())
                .output()
                .expect("the program can be started");
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{arguments}: {told}");
            let said = format!("tollkeeper: reading `{unreadable}`: ");
            assert!(told.starts_with(&said), "{arguments}: {told}");
        }
    }
}

#[test]
fn a_part_of_a_topic_is_consumed() {
    let deployment = deployed(2);
    let ran = deployment.run_with("publish", &LINES.repeat(3));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let home = partition_of(Partitioner::Murmur2, b"contoso", 2);
    let count = deployment
        .consume("events")
        .iter()
        .filter(|e| e["tenant_id"] == "contoso")
        .count();
    let one = deployment.consume(&format!("events --partition {home} --envelope"));
    assert!(one.len() >= count);
    assert!(
        one.iter()
            .all(|event| event["kafka"]["partition"] == json!(home))
    );
    assert_eq!(
        deployment
            .consume(&format!("events --partition {home} --from 1"))
            .len(),
        one.len() - 1
    );
    assert_eq!(deployment.consume("events --from end").len(), 0);
    for (arguments, code, said) in [
        (
            "consume events --partition 2",
            2,
            "has partitions 0 to 1, no 2",
        ),
        (
            "consume nonsense",
            2,
            "`nonsense` is none of our topics: events, rate_cards",
        ),
        ("consume state", 2, "`tollkeeper journal inspect` shows it"),
        (
            "consume events --from -3",
            2,
            "not `beginning`, `end` or an offset from 0",
        ),
        (
            "consume events --from 1000000",
            3,
            "the offset asked for is not in its log",
        ),
    ] {
        let ran = deployment.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments}: {}", ran.err);
        assert!(ran.err.contains(said), "`{said}` in {}", ran.err);
    }
}

#[test]
fn without_its_topics_every_command_says_which_and_what_helps() {
    let deployment = Deployment::of(Cluster::shared(), 2, "");
    let name = deployment.cluster().topics().events;
    let said = format!("topic `{name}` does not exist");
    for arguments in ["consume events", "publish", "topics check"] {
        let ran = deployment.run(arguments);
        assert_eq!(ran.code, Some(3), "{arguments}: {}", ran.err);
        assert!(ran.err.contains(&said), "`{said}` in {}", ran.err);
        assert!(ran.err.contains("tollkeeper topics create"), "{}", ran.err);
    }
}

#[test]
fn topics_are_checked_down_to_the_genesis_of_each_journal() {
    let deployment = deployed(2);
    assert_eq!(
        deployment.done("topics check"),
        "7 topics and 2 journals are as they must be\n"
    );
    assert!(
        deployment
            .done("topics create")
            .ends_with("every journal has its genesis\n")
    );

    let strange = Deployment::of(Cluster::shared(), 2, "");
    let admin = Admin::new(&strange.cluster().connection(), WAIT).expect("an admin client");
    let names = strange.cluster().topics();
    let state = TopicPlan {
        name: names.state.clone(),
        partitions: 3,
        replication: 1,
        config: std::collections::BTreeMap::new(),
    };
    admin.create(&state).expect("created");
    let ran = strange.run("topics create");
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    for said in [
        format!("topic `{}`: has 3 partitions, must have 2", names.state),
        format!(
            "topic `{}`: `retention.ms` is `604800000`, must be `-1`",
            names.state
        ),
    ] {
        assert!(ran.err.contains(&said), "`{said}` in {}", ran.err);
    }
    let unfounded = Deployment::of(Cluster::shared(), 2, "");
    for plan in tollkeeper::kafka::plan(&unfounded.cluster().topics(), &crate::topics::SETTINGS) {
        let plan = TopicPlan {
            partitions: plan.partitions.min(2),
            ..plan
        };
        admin.create(&plan).expect("created");
    }
    let ran = unfounded.run("topics check");
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(
        ran.err.contains("partition 1: has no genesis"),
        "{}",
        ran.err
    );
}

#[test]
fn the_demo_tells_of_falling_credit_cuts_ahead_of_time_and_books_that_balance() {
    let ran = Command::new(env!("CARGO_BIN_EXE_tollkeeper"))
        .args(["demo", "--for", "20s"])
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(
        ran.status.code(),
        Some(0),
        "{told}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    for words in [
        "Kafka, inside this process: 127.0.0.1:",
        "LOW CREDIT: ",
        "CUT OFF ",
        "EXHAUSTED: ",
        "is cancelled",
        "RESTORED: ",
        "The ledger's sum is what the wallets hold, to the millionth.",
    ] {
        assert!(told.contains(words), "`{words}`: {told}");
    }
    // An order comes before the moment it names, mostly a minute.
    assert!(told.contains(" s ahead"), "{told}");
}
