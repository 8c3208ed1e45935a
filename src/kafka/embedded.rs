//! A cluster inside this process, for the demo. It proves no guarantee: transactions have no
//! effect, nothing is fenced, and old records vanish beyond 5 MiB or 100,000 batches a partition.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::error::Error;

/// A cluster that lives as long as this value.
pub struct EmbeddedCluster {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedCluster {
    /// Starts a cluster with these topics, a name and a number of partitions each.
    pub fn start(topics: &[(&str, i32)]) -> Result<Self, Error> {
        let cluster = MockCluster::new(1)
            .map_err(|error| Error::failed("starting the embedded cluster", &error))?;
        for (name, partitions) in topics {
            cluster
                .create_topic(name, *partitions, 1)
                .map_err(|error| {
                    Error::failed(format!("creating `{name}` in the embedded cluster"), &error)
                })?;
        }
        Ok(EmbeddedCluster { cluster })
    }

    /// Where any client can reach it.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rdkafka::message::Message as _;

    use super::*;
    use crate::kafka::{
        Admin, Connection, GroupEvent, InputConsumer, InputSettings, Isolation, Outcome,
        PartitionOffset, ProducerSettings, Sent, Start, TopicHandle, TopicReader,
        TransactionalProducer,
    };

    const WAIT: Duration = Duration::from_secs(20);

    /// Polls until the group says something.
    fn next_event(member: &InputConsumer) -> GroupEvent {
        let deadline = Instant::now() + WAIT;
        loop {
            member.poll(Duration::from_millis(20));
            if let Some(event) = member.take_event() {
                return event;
            }
            assert!(Instant::now() < deadline, "no event of the group");
        }
    }

    #[test]
    fn the_clients_of_a_worker_run_on_the_embedded_cluster() {
        let cluster = EmbeddedCluster::start(&[("in", 2), ("out", 2)]).expect("started");
        let connection = Connection::to(cluster.bootstrap());
        let settings = ProducerSettings {
            transactional_id: "worker".to_owned(),
            transaction_timeout: Duration::from_secs(10),
        };
        let producer =
            TransactionalProducer::new(&connection, &settings, "in", &["in", "out"]).expect("made");
        assert_eq!(producer.init(WAIT), Outcome::Done);
        assert_eq!(producer.begin(), Outcome::Done);
        for topic in [0, 1] {
            let record = Sent {
                topic: TopicHandle(topic),
                partition: 1,
                key: Some(b"k"),
                payload: Some(b"v"),
                headers: &[("cause", Some(b"timer"))],
                ticket: topic,
            };
            producer.send(record).expect("taken");
        }
        let settings = InputSettings {
            group_id: "group".to_owned(),
            instance_id: "worker".to_owned(),
            session_timeout: Duration::from_secs(6),
        };
        let member = InputConsumer::join(&connection, &settings, "in").expect("joined");
        assert_eq!(next_event(&member), GroupEvent::Assigned(vec![0, 1]));
        member.accept().expect("accepted");
        let offsets = [PartitionOffset {
            partition: 1,
            next_offset: 1,
            metadata: String::new(),
        }];
        let group = member.group().expect("a member");
        assert_eq!(producer.send_offsets(&offsets, &group, WAIT), Outcome::Done);
        assert_eq!(producer.commit(WAIT), Outcome::Done);
        assert_eq!(producer.take_delivered().len(), 1);
        let mut reader = TopicReader::open(
            &connection,
            "out",
            Isolation::Committed,
            Some("group"),
            WAIT,
        )
        .expect("opened");
        let mut seen = Vec::new();
        reader
            .read_to_end(
                &[(0, Start::Beginning), (1, Start::Beginning)],
                WAIT,
                |message| {
                    seen.push((message.partition(), message.payload().map(<[u8]>::to_vec)));
                    std::ops::ControlFlow::Continue(())
                },
            )
            .expect("read");
        assert_eq!(seen, [(1, Some(b"v".to_vec()))]);
        // Enough for a genesis; topics have no ids here, and offsets sent to a transaction vanish.
        let admin = Admin::new(&connection, WAIT).expect("made");
        assert!(admin.cluster_id().expect("told").starts_with("mockCluster"));
        assert_eq!(reader.committed("in", 1, WAIT).expect("asked"), None);
    }
}
