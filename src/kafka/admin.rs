//! The admin client: makes topics, looks at them, deletes records from the front of a journal.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::Offset;

use super::clients::{Connection, Listening, find_brokers};
use super::error::{Error, code_of, words};
use super::native::{self, Handle};
use super::topics::{TopicFound, TopicPlan};

/// Makes and looks at topics.
pub struct Admin {
    client: AdminClient<Listening>,
    bootstrap: String,
    timeout: Duration,
}

impl Admin {
    /// An admin client whose every request waits at most `timeout`.
    pub fn new(connection: &Connection, timeout: Duration) -> Result<Self, Error> {
        let config = connection.config("tollkeeper-admin");
        let client = AdminClient::from_config_and_context(&config, Listening).map_err(|error| {
            Error::Configuration {
                what: error.to_string(),
            }
        })?;
        Ok(Admin {
            client,
            bootstrap: connection.bootstrap.clone(),
            timeout,
        })
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new()
            .request_timeout(Some(self.timeout))
            .operation_timeout(Some(self.timeout))
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> Result<String, Error> {
        self.client
            .inner()
            .fetch_cluster_id(self.timeout)
            .ok_or_else(|| self.unreachable())
    }

    fn unreachable(&self) -> Error {
        Error::Unreachable {
            bootstrap: self.bootstrap.clone(),
            seconds: self.timeout.as_secs(),
        }
    }

    /// The topic as it is; none if it does not exist.
    pub fn find(&self, topic: &str) -> Result<Option<TopicFound>, Error> {
        let Some(described) = self.describe(topic)? else {
            return Ok(None);
        };
        Ok(Some(TopicFound {
            id: described.id,
            partitions: described.partitions,
            replication: described.replication,
            in_sync: described.in_sync,
            config: self.config_of(topic)?,
        }))
    }

    fn describe(&self, topic: &str) -> Result<Option<native::Described>, Error> {
        let handle = Handle::new(self.client.inner().native_ptr());
        self.insist(|turn| {
            native::describe_topic(handle, topic, turn).map_err(|error| {
                self.failure(
                    &format!("looking up topic `{topic}`"),
                    error.code,
                    &error.text,
                )
            })
        })
    }

    /// Asks what changes nothing again while nobody answers, each time twice as long, with fresh metadata, and of
    /// brokers that are looked for anew where none is seen any more (`lookout.rs`).
    fn insist<T>(&self, ask: impl Fn(Duration) -> Result<T, Error>) -> Result<T, Error> {
        const FIRST: Duration = Duration::from_secs(1);
        let deadline = Instant::now() + self.timeout;
        let mut turn = FIRST;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match ask(left.min(turn)) {
                Err(Error::Unreachable { .. }) if left > turn => {}
                answered => return answered,
            }
            find_brokers(self.client.inner(), None, &self.bootstrap, FIRST);
            turn *= 2;
        }
    }

    fn failure(&self, doing: &str, code: RDKafkaErrorCode, text: &str) -> Error {
        match code {
            RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown => self.unreachable(),
            _ => Error::Failed {
                doing: doing.to_owned(),
                what: text.to_owned(),
            },
        }
    }

    fn config_of(&self, topic: &str) -> Result<BTreeMap<String, String>, Error> {
        let doing = format!("reading the configuration of topic `{topic}`");
        let failed = |code| self.failure(&doing, code, &words(code));
        let resource = self.insist(|turn| {
            let options = AdminOptions::new().request_timeout(Some(turn));
            let question = [ResourceSpecifier::Topic(topic)];
            match pollster::block_on(self.client.describe_configs(&question, &options)) {
                Ok(mut resources) => resources
                    .pop()
                    .expect("one resource was asked for")
                    .map_err(failed),
                Err(error) => {
                    Err(code_of(&error).map_or_else(|| Error::failed(&doing, &error), failed))
                }
            }
        })?;
        Ok(resource
            .entries
            .into_iter()
            .filter_map(|entry| Some((entry.name, entry.value?)))
            .collect())
    }

    /// Makes a topic as planned, and waits until the brokers show it; false if it exists already.
    pub fn create(&self, plan: &TopicPlan) -> Result<bool, Error> {
        let doing = || format!("creating topic `{}`", plan.name);
        let values: Vec<_> = plan
            .config
            .iter()
            .map(|(key, wanted)| (*key, wanted.initial()))
            .collect();
        let mut topic = NewTopic::new(
            &plan.name,
            plan.partitions,
            TopicReplication::Fixed(plan.replication),
        );
        for (key, value) in &values {
            topic = topic.set(key, value);
        }
        let mut results = pollster::block_on(self.client.create_topics(&[topic], &self.options()))
            .map_err(|error| Error::failed(doing(), &error))?;
        match results.pop().expect("one topic was asked for") {
            Ok(_) => self.await_topic(&plan.name).map(|()| true),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(false),
            Err((_, code)) => Err(Error::Failed {
                doing: doing(),
                what: words(code),
            }),
        }
    }

    /// A topic that the controller has made is known to each broker only a moment later, and any
    /// broker may answer: only several answers in a row mean that all know it.
    fn await_topic(&self, topic: &str) -> Result<(), Error> {
        const IN_A_ROW: u32 = 5;
        let deadline = Instant::now() + self.timeout;
        let mut seen = 0;
        while seen < IN_A_ROW {
            seen = if self.find(topic)?.is_some() {
                seen + 1
            } else {
                0
            };
            if Instant::now() > deadline {
                return Err(Error::TimedOut {
                    doing: format!("waiting for topic `{topic}` to appear"),
                    seconds: self.timeout.as_secs(),
                });
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Deletes the records of a partition before `offset`, which a committed record must have
    /// carried: what is undecided would be deleted too. Returns the new start.
    pub fn delete_records(&self, topic: &str, partition: i32, offset: i64) -> Result<i64, Error> {
        let doing = || format!("trimming `{topic}` partition {partition} to offset {offset}");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .map_err(|error| Error::failed(doing(), &error))?;
        let list = pollster::block_on(self.client.delete_records(&list, &self.options()))
            .map_err(|error| Error::failed(doing(), &error))?;
        let entries = list.elements();
        let entry = entries.first().expect("one partition was asked for");
        entry
            .error()
            .map_err(|error| Error::failed(doing(), &error))?;
        match entry.offset() {
            Offset::Offset(start) => Ok(start),
            other => Err(Error::Failed {
                doing: doing(),
                what: format!("new start is {other:?}"),
            }),
        }
    }
}
