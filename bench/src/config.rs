//! The command line, which is the reference: `bench --help`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures prompt telemetry against the limits of Kafka and PostgreSQL on this machine.
#[derive(Debug, Parser)]
#[command(name = "bench", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What the benchmarks start as processes of their own.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to measure.
    #[command(flatten)]
    pub options: Options,
}

/// Parts that are measured in a process of their own.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The limit of intake, started by the rung `intake`.
    #[command(hide = true)]
    LimitIntake(LimitIntake),
}

/// What to measure, and how thoroughly.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Measure only these rungs, separated by commas. Without it, all.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "RUNG,…")]
    pub only: Vec<Rung>,

    /// How often each figure is measured; the median counts. Fewer than five are a look, not a result.
    #[arg(long, default_value_t = 5, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,

    /// The report's file. Without it, a complete run (every rung, full size, five rounds, release build) writes
    /// docs/benchmarks.md, and any other none.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Shrinks every number of events, for a trial of the benchmarks themselves: 0.01 takes a hundredth of them. Such
    /// figures mean nothing.
    #[arg(long, default_value_t = 1.0, value_name = "FRACTION", value_parser = fraction)]
    pub scale: f64,
}

/// One line of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Rung {
    /// CPU of an event's way from HTTP into Kafka.
    Intake,
    /// Rows a second from Kafka into PostgreSQL.
    Write,
    /// Time of an answer with the aggregates.
    Read,
    /// Time from accepted to visible.
    Freshness,
    /// Whether writing slows down as the table grows.
    Growth,
    /// Whether more consumers cost more.
    ScaleOut,
}

/// What the limit of intake needs to know.
#[derive(Args, Clone, Debug)]
pub struct LimitIntake {
    /// Where Kafka is.
    #[arg(long)]
    pub bootstrap_servers: String,
    /// Where the records go.
    #[arg(long)]
    pub topic: String,
    /// Events in a body.
    #[arg(long)]
    pub batch: usize,
    /// Events in all.
    #[arg(long)]
    pub events: u64,
    /// Bodies worked on at once.
    #[arg(long)]
    pub in_flight: usize,
    /// How a body becomes records.
    #[arg(long, value_enum)]
    pub work: Work,
}

/// How the limit of intake makes records of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// Parse into structs and serialize each event: no validation.
    Bare,
    /// With the reader, the rules and the encoder that ingest uses.
    Judged,
}

impl Options {
    /// Whether `rung` is to be measured.
    pub fn wants(&self, rung: Rung) -> bool {
        self.only.is_empty() || self.only.contains(&rung)
    }

    /// Whether the figures are all there and may stand in the documentation.
    pub fn is_complete(&self) -> bool {
        self.only.is_empty() && self.scale >= 1.0 && self.rounds >= 5 && !cfg!(debug_assertions)
    }

    /// `full` at this scale, but no fewer than `least`.
    pub fn scaled(&self, full: u64, least: u64) -> u64 {
        ((full as f64 * self.scale) as u64).max(least.min(full))
    }
}

impl Rung {
    /// Its name on the command line and in the report.
    pub fn name(self) -> &'static str {
        match self {
            Rung::Intake => "intake",
            Rung::Write => "write",
            Rung::Read => "read",
            Rung::Freshness => "freshness",
            Rung::Growth => "growth",
            Rung::ScaleOut => "scale-out",
        }
    }
}

fn fraction(text: &str) -> Result<f64, String> {
    let expected = || "expected a number above 0, up to 1".to_owned();
    text.parse().ok().filter(|scale: &f64| *scale > 0.0 && *scale <= 1.0).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser, ValueEnum};

    use crate::config::{Cli, Rung};

    #[test]
    fn the_arguments_are_well_formed_and_rungs_are_called_what_they_are_asked_for_by() {
        Cli::command().debug_assert();
        for rung in Rung::value_variants() {
            assert_eq!(rung.to_possible_value().unwrap().get_name(), rung.name());
        }
    }

    #[test]
    fn a_part_is_not_complete_and_knows_what_it_wants() {
        let options = Cli::parse_from(["bench", "--only", "write,read", "--rounds", "3"]).options;
        assert!(options.wants(Rung::Write) && options.wants(Rung::Read) && !options.wants(Rung::Intake));
        assert!(!options.is_complete());
    }

    #[test]
    fn a_trial_is_small_but_never_larger_than_the_real_thing() {
        let options = Cli::parse_from(["bench", "--scale", "0.01"]).options;
        assert_eq!(options.scaled(400_000, 100), 4_000);
        assert_eq!(options.scaled(400_000, 30_000), 30_000);
        assert_eq!(options.scaled(10_000, 30_000), 10_000);
    }
}
