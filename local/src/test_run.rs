//! `local test`: the servers that tests need, the tests, and what it all ran on.

use std::process::{Command, ExitCode};

use crate::command;
use crate::config::TestArgs;
use crate::console::say;
use crate::embedded;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::kafka::{self, Apache, Data};
use crate::place;
use crate::postgres::{Cluster, Options};
use crate::testing;

/// Runs `cargo test` and returns its exit code: on all packages unless the arguments name some. The executables of the
/// services are built already.
///
/// # Errors
/// When the servers can't be started, or the person interrupts.
pub async fn run(arguments: &TestArgs) -> Result<ExitCode, Error> {
    let mut interrupt = Interrupt::listen();
    let servers = interrupt.or(Servers::start(arguments)).await?;
    say(servers.description());
    let code = cargo_test(arguments, &servers, &mut interrupt).await;
    let description = servers.description();
    servers.stop().await;
    say(description);
    code.map(ExitCode::from)
}

/// The one PostgreSQL and the one broker that all tests share.
struct Servers {
    postgres: Cluster,
    broker: Broker,
}

enum Broker {
    Apache(Apache),
    Embedded { broker: embedded::Broker, because: Error },
}

impl Servers {
    async fn start(arguments: &TestArgs) -> Result<Servers, Error> {
        let options = Options {
            major: arguments.postgres,
            password: Some(testing::PASSWORD.to_owned()),
            // Some tests replicate one database into another.
            settings: vec![("wal_level".to_owned(), "logical".to_owned())],
            ..Options::fast("tests-postgres")
        };
        let postgres = Cluster::temporary(options).await?;
        let broker = match Apache::start("tests-kafka", 1, Data::Temporary).await {
            Ok(apache) => Broker::Apache(apache),
            Err(because @ Error::Libraries { .. }) if !arguments.ci => {
                Broker::Embedded { broker: embedded::Broker::start([], 1)?, because }
            }
            Err(error) => return Err(error),
        };
        Ok(Servers { postgres, broker })
    }

    fn environment(&self) -> [(&'static str, String); 3] {
        let (kind, servers) = match &self.broker {
            Broker::Apache(apache) => ("apache", apache.bootstrap_servers().to_owned()),
            Broker::Embedded { broker, .. } => ("embedded", broker.bootstrap_servers()),
        };
        [
            (testing::POSTGRES_VARIABLE, self.postgres.superuser_url()),
            (testing::KAFKA_VARIABLE, servers),
            (testing::BROKER_VARIABLE, kind.to_owned()),
        ]
    }

    /// What the tests run on; said once more in the last lines, so that nobody overlooks a fallback.
    fn description(&self) -> String {
        let postgres = self.postgres.version();
        let rustc = rustc_version();
        match &self.broker {
            Broker::Apache(_) => {
                let java = kafka::java_version().unwrap_or_default();
                format!(
                    "versions: PostgreSQL {postgres}, Apache Kafka {}, Java {java}, {rustc}",
                    kafka::VERSION
                )
            }
            Broker::Embedded { because, .. } => format!(
                "versions: PostgreSQL {postgres}, the embedded broker, {rustc}\n\
                 WARNING: NOT TESTED ON APACHE KAFKA. {because}\n\
                 WARNING: the tests that need Apache Kafka did nothing."
            ),
        }
    }

    async fn stop(mut self) {
        if let Broker::Apache(apache) = &mut self.broker {
            apache.stop().await;
        }
        self.postgres.stop().await;
    }
}

async fn cargo_test(arguments: &TestArgs, servers: &Servers, interrupt: &mut Interrupt) -> Result<u8, Error> {
    let mut cargo = Command::new("cargo");
    // One failing test program must not hide another.
    cargo.args(["test", "--no-fail-fast"]);
    if !names_packages(&arguments.arguments) {
        cargo.arg("--workspace");
    }
    cargo.args(&arguments.arguments).current_dir(place::root()).envs(servers.environment());
    cargo.env("RUST_TEST_THREADS", arguments.threads.to_string());
    command::run(cargo, interrupt).await
}

/// With `--workspace` cargo would test all packages whatever else it is told.
fn names_packages(arguments: &[String]) -> bool {
    let own = arguments.iter().take_while(|argument| *argument != "--");
    own.into_iter().any(|argument| argument.starts_with("-p") || argument.starts_with("--package"))
}

fn rustc_version() -> String {
    let answer = Command::new("rustc").arg("--version").current_dir(place::root()).output();
    let answer = answer.map(|answer| String::from_utf8_lossy(&answer.stdout).trim().to_owned());
    answer.unwrap_or_else(|_| "rustc unknown".to_owned())
}
