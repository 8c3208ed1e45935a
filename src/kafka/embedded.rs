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
