//! One node of an Apache Kafka cluster: its properties, its formatted folder, its JVM.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::error::Error;
use crate::kafka::guard::Guard;
use crate::process::{Process, Program};

const FORMAT_DEADLINE: Duration = Duration::from_secs(60);
const STOP_GRACE: Duration = Duration::from_secs(15);
/// 16 bytes in base64url. A cluster is told apart by its ports and folder; nothing else of ours reads this.
const CLUSTER_ID: &str = "cHJvbXB0LXRlbGVtZXRyeQ";

/// Where a node listens, on the loopback address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) id: u16,
    pub(super) clients: u16,
    pub(super) controller: u16,
}

/// One broker and controller. Dropping it kills it.
#[derive(Debug)]
pub struct Node {
    program: Program,
    process: Option<Process>,
}

impl Node {
    /// Lays out the node's folder under `folder`; an earlier layout keeps its records and gets new addresses. The lines
    /// of `more` are properties that win over ours.
    pub(super) async fn format(
        name: &str,
        own: Addresses,
        all: &[Addresses],
        libraries: &Path,
        folder: &Path,
        guard: Option<&Guard>,
        more: &str,
    ) -> Result<Node, Error> {
        let name = format!("{name}-{}", own.id);
        let properties = folder.join(format!("{name}.properties"));
        let data = folder.join(format!("data-{}", own.id));
        let guarded = guard.map(|guard| guard.properties(own)).unwrap_or_default();
        fs::write(&properties, text(own, all, &data) + &guarded + more)
            .map_err(Error::file("write", &properties))?;
        if !data.join("meta.properties").exists() {
            let tool =
                java(&format!("{name}-format"), libraries)?.with(["kafka.tools.StorageTool", "format"]);
            let tool = tool.with(["-t", CLUSTER_ID, "-c"]).with([&properties]);
            let tool = tool.with(guard.into_iter().flat_map(Guard::format_arguments));
            tool.run(FORMAT_DEADLINE).await?;
        }
        let program = java(&name, libraries)?.with(["kafka.Kafka"]).with([&properties]);
        Ok(Node { program, process: None })
    }

    /// Starts the JVM without waiting for an answer; see [`crate::kafka::Apache::start_again`] for that.
    ///
    /// # Errors
    /// When the system can't start a process.
    pub fn launch(&mut self) -> Result<(), Error> {
        self.process = Some(self.program.start()?);
        Ok(())
    }

    /// Whether it runs (a paused one does).
    pub fn runs(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.status().is_none())
    }

    /// Stops it in order: leadership moves to the others first. It is killed when that takes too long.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop(Signal::SIGTERM, STOP_GRACE).await;
        }
    }

    /// Kills it without warning.
    pub async fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9().await;
        }
    }

    /// Freezes it: connections stay open and nothing answers.
    pub fn pause(&mut self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets a paused one go on.
    pub fn resume(&mut self) {
        self.signal(Signal::SIGCONT);
    }

    /// Fails when a launched node has ended by itself.
    pub(super) fn check(&mut self) -> Result<(), Error> {
        match self.process.as_mut().and_then(Process::status) {
            Some(status) => Err(self.program.failed(format!("ended ({status})"))),
            None => Ok(()),
        }
    }

    pub(super) fn late(&self, deadline: Duration) -> Error {
        self.program.failed(format!("did not answer within {} s", deadline.as_secs()))
    }

    fn signal(&mut self, signal: Signal) {
        if let Some(process) = &mut self.process {
            process.signal(signal);
        }
    }
}

fn java(name: &str, libraries: &Path) -> Result<Program, Error> {
    let classes: PathBuf = libraries.join("*");
    let program = Program::new(name, "java")?.with([
        "-Xms128m",
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.net.preferIPv4Stack=true",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
        "-cp",
    ]);
    Ok(program.with([classes]))
}

/// The node's properties. Three nodes lose none of the cluster's own topics with one of them.
fn text(own: Addresses, all: &[Addresses], data: &Path) -> String {
    let voters: Vec<String> =
        all.iter().map(|node| format!("{}@127.0.0.1:{}", node.id, node.controller)).collect();
    let Addresses { id, clients, controller } = own;
    format!(
        "process.roles=broker,controller\n\
         node.id={id}\n\
         controller.quorum.voters={voters}\n\
         controller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=PLAINTEXT\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         listeners=PLAINTEXT://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{clients}\n\
         log.dirs={data}\n\
         auto.create.topics.enable=false\n\
         delete.topic.enable=true\n\
         offsets.topic.num.partitions=4\n\
         offsets.topic.replication.factor={copies}\n\
         transaction.state.log.num.partitions=4\n\
         transaction.state.log.replication.factor={copies}\n\
         transaction.state.log.min.isr={acknowledged}\n\
         share.coordinator.state.topic.num.partitions=1\n\
         share.coordinator.state.topic.replication.factor={copies}\n\
         share.coordinator.state.topic.min.isr={acknowledged}\n\
         group.initial.rebalance.delay.ms=0\n\
         log.cleaner.dedupe.buffer.size=16777216\n",
        voters = voters.join(","),
        data = data.display(),
        copies = all.len(),
        acknowledged = all.len().saturating_sub(1).max(1),
    )
}
