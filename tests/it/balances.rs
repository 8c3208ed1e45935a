//! The topic of balances, where `balances.publish` is on: whoever needs a table has the latest of each tenant.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tollkeeper::codec::{Partitioner, partition_of};
use tollkeeper::kafka::Admin;

use crate::exactly_once::ended;
use crate::support::{Cluster, Deployment, Load, Process, WAIT};

const PARTITIONS: i32 = 2;
const LOAD: Load = Load {
    tenants: 6,
    calls: 3,
};

fn made(deployment: &Deployment) -> bool {
    let topic = deployment.cluster().topics().balances;
    let said = deployment.done("topics create");
    said.contains(&format!("topic `{topic}`: created"))
}

/// What a tenant has, but for the moment at which that was said.
fn holdings(mut balance: Value) -> Value {
    let fields = balance.as_object_mut().expect("a record is an object");
    for beside in ["kafka", "updated_at"] {
        fields.remove(beside);
    }
    balance
}

#[test]
fn the_latest_balance_of_each_tenant_is_that_of_its_journal() {
    let more = "[balances]\npublish = true\n";
    let deployment = Deployment::of(Cluster::shared(), PARTITIONS, more);
    assert!(made(&deployment));
    assert_eq!(
        deployment.done("topics check"),
        "8 topics and 2 journals are as they must be\n"
    );
    let admin = Admin::new(&deployment.cluster().connection(), WAIT).expect("an admin client");
    let topic = deployment.cluster().topics().balances;
    let found = admin.find(&topic).expect("asked").expect("there");
    assert_eq!(found.config["cleanup.policy"], "compact");

    LOAD.prepare(&deployment);
    let mut process = Process::start(&deployment, "a");
    LOAD.publish(&deployment, 0);
    LOAD.balances(&deployment, LOAD.calls);
    let mut latest = BTreeMap::new();
    for balance in deployment.consume("balances --envelope") {
        let tenant = balance["tenant_id"].as_str().expect("a tenant").to_owned();
        let home = partition_of(Partitioner::Murmur2, tenant.as_bytes(), PARTITIONS);
        assert_eq!(balance["type"], "TenantBalance");
        assert_eq!(balance["kafka"]["key"], json!(tenant));
        assert_eq!(balance["kafka"]["partition"], json!(home));
        assert_eq!(balance["kafka"]["headers"], json!({}));
        latest.insert(tenant, holdings(balance));
    }
    assert_eq!(latest.len(), usize::try_from(LOAD.tenants).expect("few"));
    for (tenant, balance) in latest {
        let shown = deployment.done(&format!("tenants show {tenant}"));
        let shown = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(balance, holdings(shown));
        // Three calls of three minutes at 0.02.
        assert_eq!(balance["balance"], "999.82");
    }
    ended(&mut process);
}

#[test]
fn where_balances_are_not_published_there_is_no_topic_of_them_and_consume_says_why() {
    let deployment = Deployment::of(Cluster::shared(), PARTITIONS, "");
    assert!(!made(&deployment));
    let ran = deployment.run("consume balances");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let topic = deployment.cluster().topics().balances;
    for said in [
        format!("topic `{topic}` does not exist"),
        "`balances.publish`".to_owned(),
    ] {
        assert!(ran.err.contains(&said), "`{said}` in {}", ran.err);
    }
}
