//! `tollkeeper run` as those see it who watch it: health, metrics, log, and the cards it follows.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use tollkeeper::kafka::Admin;

use crate::exactly_once::ended;
use crate::rates::card;
use crate::support::{Process, WAIT, eventually, now};
use crate::worker::{deployed, publish, tick};

const NUMBER: &str = "+493012345678";

/// An address of this machine that nobody listens at.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it has one").to_string()
}

/// Status and body of what is served under a path; nothing if nobody listens.
fn got(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

fn start_of_a_call(tenant: &str) -> String {
    let at = now();
    format!(
        r#"{{"type":"CallStarted","event_id":"s","tenant_id":"{tenant}","occurred_at":"{at}","call_id":"c","answered_at":"{at}","leg":"DIAL_OUT","remote_number":"{NUMBER}","organizer_id":"anna","organizer_country":"DE","license":"PAY_PER_MINUTE"}}"#
    )
}

fn configured() -> String {
    let at = now();
    format!(
        r#"{{"type":"TenantConfigured","event_id":"t","tenant_id":"contoso","occurred_at":"{at}","version":1,"status":"ACTIVE","currency":"EUR","country":"DE","rate_card":"standard","billing_mode":"PREPAID"}}"#
    )
}

fn credit() -> String {
    let at = now();
    format!(
        r#"{{"type":"CreditGranted","event_id":"g","tenant_id":"contoso","occurred_at":"{at}","payment_id":"p","amount":"1000","currency":"EUR","kind":"PURCHASE"}}"#
    )
}

#[test]
fn an_instance_of_two_workers_shows_its_health_and_figures_and_no_number() {
    let deployment = deployed(4);
    let address = free_address();
    let settings = [
        ("TOLLKEEPER_HTTP__LISTEN", address.as_str()),
        ("TOLLKEEPER_WORKER__WORKERS", "2"),
        ("TOLLKEEPER_LOG__FILTER", "debug"),
    ];
    let mut process = Process::start_with(&deployment, "a", &settings);
    eventually("readiness", || {
        got(&address, "/readyz").filter(|(status, _)| *status == 200)
    });
    assert_eq!(
        got(&address, "/healthz").map(|(status, _)| status),
        Some(200)
    );
    let unknown: Vec<String> = (0..20)
        .map(|n| tick(&format!("tenant-{n}"), n))
        .chain([start_of_a_call("contoso")])
        .collect();
    publish(&deployment, &unknown);
    let figure = "tollkeeper_rejections_total{reason=\"UNKNOWN_TENANT\"} 21";
    let metrics = eventually(figure, || {
        let (_, body) = got(&address, "/metrics")?;
        body.contains(figure).then_some(body)
    });
    for partition in 0..4 {
        let lag = format!("tollkeeper_lag_seconds{{partition=\"{partition}\"}}");
        assert!(metrics.contains(&lag), "{lag}: {metrics}");
    }
    let mut other = deployment.command("run");
    other.env("TOLLKEEPER_HTTP__LISTEN", &address).env(
        "TOLLKEEPER_WORKER__INSTANCE",
        deployment.cluster().name("b"),
    );
    let refused = other.output().expect("the program runs");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("`http.listen`"), "{said}");

    ended(&mut process);
    assert!(
        !process.log().contains(&NUMBER[1..]),
        "no number is logged: {}",
        process.log()
    );
}

#[test]
fn what_a_restored_partition_has_and_what_waits_behind_a_stopped_one_is_shown() {
    let deployment = deployed(1);
    let card = deployment.file("card.csv", &card("0.6"));
    deployment.done(&format!(
        "rates publish {card} --card standard --currency EUR"
    ));
    let address = free_address();
    let settings = [("TOLLKEEPER_HTTP__LISTEN", address.as_str())];
    let shows = |figure: &str| {
        eventually(figure, || {
            let (_, metrics) = got(&address, "/metrics")?;
            metrics.lines().any(|line| line == figure).then_some(())
        });
    };
    let (live, tenants) = (
        r#"tollkeeper_live_calls{partition="0"} 1"#,
        r#"tollkeeper_tenants{partition="0"} 1"#,
    );
    publish(
        &deployment,
        &[configured(), credit(), start_of_a_call("contoso")],
    );
    let mut process = Process::start_with(&deployment, "a", &settings);
    shows(live);
    ended(&mut process);
    // Nothing is committed by now.
    let mut process = Process::start_with(&deployment, "a", &settings);
    shows(live);
    shows(tenants);
    ended(&mut process);

    publish(&deployment, &[tick("contoso", 1), tick("contoso", 2)]);
    let cluster = deployment.cluster();
    let admin = Admin::new(&cluster.connection(), WAIT).expect("an admin client");
    admin
        .delete_records(&cluster.topics().events, 0, 4)
        .expect("deleted");
    let mut process = Process::start_with(&deployment, "a", &settings);
    process.says("partition stopped");
    shows(r#"tollkeeper_lag_records{partition="0"} 2"#);
    publish(&deployment, &[tick("contoso", 3)]);
    shows(r#"tollkeeper_lag_records{partition="0"} 3"#);
    ended(&mut process);
}

#[test]
fn a_card_that_is_published_while_a_worker_runs_rates_what_comes_after() {
    let deployment = deployed(1);
    let published = |rate: &str| {
        let file = deployment.file("card.csv", &card(rate));
        deployment.done(&format!(
            "rates publish {file} --card standard --currency EUR"
        ));
    };
    published("0.6");
    let mut process = Process::start(&deployment, "a");
    publish(&deployment, &[configured(), credit()]);
    let mut calls = 0;
    let mut rated_by = |version: i64| {
        calls += 1;
        let call = format!("c{calls}");
        let end = format!(
            r#"{{"type":"CallEnded","event_id":"e","tenant_id":"contoso","occurred_at":"{}","call_id":"{call}","duration_seconds":60}}"#,
            now()
        );
        let start = start_of_a_call("contoso")
            .replace(r#""call_id":"c""#, &format!(r#""call_id":"{call}""#));
        publish(&deployment, &[start, end]);
        let record_id = format!("{call}/FINAL");
        let usage = eventually(&record_id, || {
            let records = deployment.consume("rated_usage");
            records
                .into_iter()
                .find(|record| record["record_id"] == record_id)
        });
        (usage["rate_card_version"] == version).then(|| usage["call_total"].clone())
    };
    assert_eq!(rated_by(1), Some("0.6".into()));
    published("0.9");
    // The worker hears of it a moment later, from the topic of cards.
    let total = eventually("the next version", || rated_by(2));
    assert_eq!(total, "0.9");
    ended(&mut process);
}
