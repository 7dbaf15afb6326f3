//! Real Apache Kafka in KRaft mode on this machine: one node, or three that replicate.
//!
//! Each node is broker and controller in one JVM with a small heap. Nodes can be stopped, killed, paused and started
//! again on the same ports and data. Topics are made by whoever needs them, never by accident.

mod guard;
mod java;
mod libraries;
mod node;
mod tools;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::error::Error;
pub use crate::kafka::guard::{Guard, MECHANISM};
pub use crate::kafka::java::version as java_version;
pub use crate::kafka::libraries::VERSION;
use crate::kafka::node::Addresses;
pub use crate::kafka::node::Node;
pub use crate::kafka::tools::Tools;
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
    guard: Option<Guard>,
    _temporary: Option<Temporary>,
}

impl Apache {
    /// Starts `nodes` nodes (1 or 3), whose logs are called `NAME-1` and so on, and waits until all answer.
    ///
    /// # Errors
    /// When Java is missing or too old, the jars can't be had, or a node does not start.
    pub async fn start(name: &str, nodes: u16, data: Data) -> Result<Apache, Error> {
        Apache::start_with(name, nodes, data, None, &[]).await
    }

    /// Starts nodes with temporary data and properties of Kafka's own that come after ours and win.
    ///
    /// # Errors
    /// As [`Apache::start`].
    pub async fn start_configured(
        name: &str,
        nodes: u16,
        properties: &[(&str, &str)],
    ) -> Result<Apache, Error> {
        Apache::start_with(name, nodes, Data::Temporary, None, properties).await
    }

    /// Starts one node with temporary data that lets in whom `guard` says. [`Apache::bootstrap_servers`] is the
    /// administrator's then; clients have ports of the guard's.
    ///
    /// # Errors
    /// As [`Apache::start`].
    pub async fn start_guarded(name: &str, guard: Guard) -> Result<Apache, Error> {
        Apache::start_with(name, 1, Data::Temporary, Some(guard), &[]).await
    }

    async fn start_with(
        name: &str,
        nodes: u16,
        data: Data,
        guard: Option<Guard>,
        properties: &[(&str, &str)],
    ) -> Result<Apache, Error> {
        java::check()?;
        let libraries = libraries::brokers().await?;
        let (folder, temporary) = data_folder(name, nodes, data)?;
        let addresses: Vec<Addresses> =
            (1..=nodes).map(|id| Addresses { id, clients: port::free(), controller: port::free() }).collect();
        let more: String = properties.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let formats = addresses.iter().map(|address| {
            Node::format(name, *address, &addresses, &libraries, &folder, guard.as_ref(), &more)
        });
        let nodes = futures::future::try_join_all(formats).await?;
        let servers: Vec<String> =
            addresses.iter().map(|address| format!("127.0.0.1:{}", address.clients)).collect();
        let mut cluster =
            Apache { nodes, bootstrap_servers: servers.join(","), guard, _temporary: temporary };
        cluster.start_again().await?;
        Ok(cluster)
    }

    /// All nodes, for `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Who is let in, when not everybody is.
    pub fn guard(&self) -> Option<&Guard> {
        self.guard.as_ref()
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
            let client = Guard::client(self.guard.as_ref(), &self.bootstrap_servers);
            let wanted = self.nodes.len();
            let probe = tokio::task::spawn_blocking(move || is_complete(&client, wanted));
            if probe.await.is_ok_and(|complete| complete) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(self.nodes[0].late(START_DEADLINE))
    }
}

/// Whether the metadata shows that many brokers, and a leader for each partition.
fn is_complete(client: &ClientConfig, brokers: usize) -> bool {
    let client: Result<BaseConsumer, _> = client.create();
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
