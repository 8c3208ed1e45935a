//! Several brokers: what is acknowledged survives the death of any one of them.

use std::time::Duration;

use tollkeeper::kafka::{
    Admin, Isolation, Outcome, ProducerSettings, Sent, Start, TopicHandle, TopicReader,
    TopicSettings, TransactionalProducer, differences, plan,
};

use crate::support::{Own, WAIT, eventually};

#[test]
fn transactions_go_on_while_one_of_three_brokers_is_dead() {
    let own = Own::start(3);
    let cluster = own.cluster();
    let admin = Admin::new(&cluster.connection(), WAIT).expect("an admin client");
    let settings = TopicSettings {
        replication: 3,
        min_insync_replicas: 2,
        ..crate::topics::SETTINGS
    };
    for topic in plan(&cluster.topics(), &settings) {
        admin.create(&topic).expect("created");
        let found = admin.find(&topic.name).expect("asked");
        assert_eq!(differences(&topic, found.as_ref()), Vec::<String>::new());
    }
    let names = cluster.topics();
    let producer = TransactionalProducer::new(
        &cluster.connection(),
        &ProducerSettings {
            transactional_id: cluster.name("worker"),
            transaction_timeout: Duration::from_secs(30),
        },
        &names.events,
        &[&names.rated_usage],
    )
    .expect("a producer");
    assert_eq!(producer.init(WAIT), Outcome::Done);
    let mut written = 0;
    for victim in [1, 2] {
        own.kill(victim);
        for _ in 0..3 {
            commit_one(&producer);
            written += 1;
        }
        own.restart(victim);
        let state = plan(&names, &settings).remove(2);
        eventually("the replicas to be back in sync", || {
            let found = admin.find(&state.name).ok()??;
            (found.in_sync == 3).then_some(())
        });
    }
    let mut reader = TopicReader::open(
        &cluster.connection(),
        &names.rated_usage,
        Isolation::Committed,
        None,
        WAIT,
    )
    .expect("a reader");
    let mut read = 0;
    let starts: Vec<_> = (0..4).map(|p| (p, Start::Beginning)).collect();
    reader
        .read_to_end(&starts, WAIT, |_| {
            read += 1;
            std::ops::ControlFlow::Continue(())
        })
        .expect("read");
    assert_eq!(read, 4 * written);
}

/// One transaction over all partitions. A step that is not decided yet is asked again.
fn commit_one(producer: &TransactionalProducer) {
    assert_eq!(producer.begin(), Outcome::Done);
    for partition in 0..4 {
        let record = Sent {
            topic: TopicHandle(0),
            partition,
            key: None,
            payload: Some(b"kept"),
            headers: &[],
            ticket: 0,
        };
        producer.send(record).expect("taken");
    }
    eventually("the commit", || {
        match producer.commit(Duration::from_secs(5)) {
            Outcome::Done => Some(()),
            Outcome::Retriable(_) => None,
            other => panic!("{other:?}"),
        }
    });
}
