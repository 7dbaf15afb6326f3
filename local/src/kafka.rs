//! Real Apache Kafka in KRaft mode on this machine: one node, or three that replicate.
//!
//! Each node is broker and controller in one JVM with a small heap. Nodes can be stopped, killed, paused and started
//! again on the same ports and data. Topics are made by whoever needs them, never by accident.

mod java;
mod libraries;
mod node;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::error::Error;
pub use crate::kafka::java::version as java_version;
pub use crate::kafka::libraries::VERSION;
use crate::kafka::node::Addresses;
pub use crate::kafka::node::Node;
use crate::place::{self, Temporary};
use crate::port;

const START_DEADLINE: Duration = Duration::from_secs(90);
const METADATA_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the records lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// In a folder that goes with the cluster.
    Temporary,
    /// In the checkout's folder, linked from `.local/kafka`. The caller holds [`place::lock`].
    Kept,
}

/// An Apache Kafka cluster. Dropping it kills the nodes.
#[derive(Debug)]
pub struct Apache {
    // Before the folder, so that the nodes are gone when their files go.
    nodes: Vec<Node>,
    bootstrap_servers: String,
    _temporary: Option<Temporary>,
}

impl Apache {
    /// Starts `nodes` nodes (1 or 3), whose logs are called `NAME-1` and so on, and waits until all answer.
    ///
    /// # Errors
    /// When Java is missing or too old, the jars can't be had, or a node does not start.
    pub async fn start(name: &str, nodes: u16, data: Data) -> Result<Apache, Error> {
        java::check()?;
        let libraries = libraries::resolve().await?;
        let (folder, temporary) = data_folder(name, nodes, data)?;
        let addresses: Vec<Addresses> =
            (1..=nodes).map(|id| Addresses { id, clients: port::free(), controller: port::free() }).collect();
        let formats =
            addresses.iter().map(|address| Node::format(name, *address, &addresses, &libraries, &folder));
        let nodes = futures::future::try_join_all(formats).await?;
        let servers: Vec<String> =
            addresses.iter().map(|address| format!("127.0.0.1:{}", address.clients)).collect();
        let mut cluster = Apache { nodes, bootstrap_servers: servers.join(","), _temporary: temporary };
        cluster.start_again().await?;
        Ok(cluster)
    }

    /// All nodes, for `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The nodes, to be stopped, killed or paused.
    pub fn nodes(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    /// Starts every node that does not run, on its old ports and data, and waits until all partitions have leaders.
    ///
    /// # Errors
    /// When that takes too long or a node ends.
    pub async fn start_again(&mut self) -> Result<(), Error> {
        for node in &mut self.nodes {
            if !node.runs() {
                node.launch()?;
            }
        }
        self.ready().await
    }

    /// Stops all nodes, giving each a moment to finish, and kills those that don't.
    pub async fn stop(&mut self) {
        // Together: the last of three controllers would wait in vain for a majority.
        futures::future::join_all(self.nodes.iter_mut().map(Node::stop)).await;
    }

    /// Waits until every running node is a member and every partition has a leader.
    async fn ready(&mut self) -> Result<(), Error> {
        let start = Instant::now();
        while start.elapsed() < START_DEADLINE {
            for node in &mut self.nodes {
                node.check()?;
            }
            let servers = self.bootstrap_servers.clone();
            let wanted = self.nodes.len();
            let probe = tokio::task::spawn_blocking(move || is_complete(&servers, wanted));
            if probe.await.is_ok_and(|complete| complete) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(self.nodes[0].late(START_DEADLINE))
    }
}

/// Whether the metadata shows that many brokers, and a leader for each partition.
fn is_complete(bootstrap_servers: &str, brokers: usize) -> bool {
    let client: Result<BaseConsumer, _> =
        ClientConfig::new().set("bootstrap.servers", bootstrap_servers).create();
    let metadata = client.and_then(|client| client.fetch_metadata(None, METADATA_TIMEOUT));
    metadata.is_ok_and(|metadata| {
        let mut partitions = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
        metadata.brokers().len() == brokers && partitions.all(|partition| partition.leader() >= 0)
    })
}

/// A kept folder belongs to a number of nodes and a version: another number can't read its cluster metadata.
fn data_folder(name: &str, nodes: u16, data: Data) -> Result<(PathBuf, Option<Temporary>), Error> {
    if data == Data::Temporary {
        let temporary = Temporary::new(name)?;
        return Ok((temporary.path().to_owned(), Some(temporary)));
    }
    let folder: PathBuf = place::kept("kafka")?.join(format!("nodes-{nodes}"));
    make(&folder)?;
    Ok((folder, None))
}

fn make(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(Error::file("make", folder))
}
