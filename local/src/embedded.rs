//! librdkafka's in-process cluster as a broker: no download, in memory, for a first look.
//!
//! It speaks the protocol to any client on this machine but can't make topics on request, so [`Broker::start`] makes
//! them. It forgets; [`Broker::WARNING`] says what.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::error::Error;

/// An in-process broker; its records go with it.
pub struct Broker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Broker").field(&self.bootstrap_servers()).finish()
    }
}

impl Broker {
    /// What a person should know before trusting it with anything.
    pub const WARNING: &str = "the embedded broker keeps events in memory only: the oldest go beyond 5 MiB (or 100,000 \
                               records) a partition, and all of them when this ends";

    /// Starts it with these topics, `partitions` each.
    ///
    /// # Errors
    /// When librdkafka can't.
    pub fn start<'a>(topics: impl IntoIterator<Item = &'a str>, partitions: i32) -> Result<Broker, Error> {
        let cluster = MockCluster::new(1).map_err(Error::kafka("start the embedded broker"))?;
        for topic in topics {
            cluster.create_topic(topic, partitions, 1).map_err(Error::kafka("make a topic"))?;
        }
        Ok(Broker { cluster })
    }

    /// Its address, for `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}
