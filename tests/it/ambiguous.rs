//! Commits of which the worker never hears whether they took effect: it gives its producer up, finds out from Kafka
//! what became of them, and every call is charged once.

use crate::exactly_once::ended;
use crate::support::proxy::{Proxies, Trouble};
use crate::support::reference::{await_processed, processed};
use crate::support::requests::{END_TXN, Requests};
use crate::support::{Deployment, Load, Own, Process, eventually};

const PARTITIONS: i32 = 4;
const LOAD: Load = Load {
    tenants: 40,
    calls: 20,
};
/// The worker asks for the end of a transaction for 5 seconds, and the silence lasts longer; its session does not end
/// meanwhile, which would drop what it has in memory anyway.
const SESSION: (&str, &str) = ("TOLLKEEPER_WORKER__SESSION_TIMEOUT_MS", "60000");
const BOOTSTRAP: &str = "TOLLKEEPER_KAFKA__BOOTSTRAP_SERVERS";

/// A worker whose only way to its only broker is through a proxy. Whoever else asks the broker goes past it.
struct Stage {
    worker: Process,
    deployment: Deployment,
    proxies: Proxies,
    _own: Own,
}

/// What there was when a worker was cut off.
struct Before {
    processed: i64,
    given_up: usize,
}

impl Stage {
    fn set() -> Self {
        let mut proxies = Proxies::bind(1, 1);
        let own = Own::start_as(1, &[("KAFKA_PROXIED", &proxies.wanted())]);
        proxies.forward(&own);
        let deployment = Deployment::created(own.cluster(), PARTITIONS);
        LOAD.prepare(&deployment);
        let way = proxies.bootstrap(0);
        let settings = [SESSION, (BOOTSTRAP, way.as_str())];
        let mut worker = Process::start_with(&deployment, "a", &settings);
        worker.says("partition at work");
        Stage {
            worker,
            deployment,
            proxies,
            _own: own,
        }
    }

    fn processed(&self) -> i64 {
        processed(&self.deployment, PARTITIONS)
    }

    /// Producers that the worker has given up so far.
    fn given_up(&self) -> usize {
        self.worker.log().matches("making a new producer").count()
    }

    /// Publishes a round's load to a worker that has nothing else to do, and has trouble begin with its first commit.
    fn cut_off_at_a_commit(&self, round: u32, trouble: Trouble) -> Before {
        await_processed(&self.deployment, PARTITIONS);
        let before = Before {
            processed: self.processed(),
            given_up: self.given_up(),
        };
        self.proxies.trouble_at(0, END_TXN, trouble);
        LOAD.publish(&self.deployment, round * LOAD.calls);
        eventually("a commit", || self.proxies.has_met(0).then_some(()));
        before
    }

    /// Waits until the worker asks no more for the end of its transaction.
    fn gives_its_producer_up(&self, before: &Before) {
        eventually("the producer to be given up", || {
            (self.given_up() > before.given_up).then_some(())
        });
    }

    /// Lets the worker reach its broker again; every call of all rounds must be charged once.
    fn balances(&self, round: u32) {
        self.proxies.trouble(0..1, 0..1, Trouble::None);
        LOAD.balances(&self.deployment, (round + 1) * LOAD.calls);
    }
}

#[test]
fn a_commit_that_takes_effect_without_the_worker_hearing_of_it_is_not_done_again() {
    let mut stage = Stage::set();
    for round in 0..2 {
        let before = stage.cut_off_at_a_commit(round, Trouble::CutFromBroker);
        eventually("the commit to take effect", || {
            (stage.processed() > before.processed).then_some(())
        });
        stage.gives_its_producer_up(&before);
        stage.balances(round);
    }
    ended(&mut stage.worker);
}

#[test]
fn a_commit_that_never_arrives_is_not_taken_for_done() {
    let mut stage = Stage::set();
    for round in 0..2 {
        let before = stage.cut_off_at_a_commit(round, Trouble::HalfOpen);
        stage.gives_its_producer_up(&before);
        assert_eq!(stage.processed(), before.processed);
        stage.balances(round);
    }
    ended(&mut stage.worker);
}

/// What the two tests above rest on.
#[test]
fn requests_are_told_apart_wherever_their_stream_is_cut() {
    let mut stream = Vec::new();
    for (kind, body) in [(18_i16, 9_u32), (END_TXN, 0), (0, 300)] {
        stream.extend_from_slice(&(body + 2).to_be_bytes());
        stream.extend_from_slice(&kind.to_be_bytes());
        stream.extend((0..body).map(|_| 26));
    }
    for cut in 0..=stream.len() {
        let mut requests = Requests::default();
        let (first, second) = stream.split_at(cut);
        let mut kinds = requests.follow(first);
        kinds.extend(requests.follow(second));
        assert_eq!(kinds, [18, END_TXN, 0], "cut at {cut}");
    }
}
