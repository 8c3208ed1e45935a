//! A worker on a real broker: what it takes, keeps and refuses.

use crate::support::{Cluster, Deployment, Running, eventually};

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
