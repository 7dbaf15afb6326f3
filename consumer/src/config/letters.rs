//! What `consumer dead-letters` can be told.

use chrono::DateTime;
use clap::{Args, Subcommand};
use service::kafka::KafkaArgs;
use service::logging::LogArgs;

/// Looks at the dead letters, sends them again, removes them.
#[derive(Args, Clone, Debug)]
pub struct LettersArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: LettersCommand,
}

/// What to do with the dead letters.
#[derive(Clone, Debug, Subcommand)]
pub enum LettersCommand {
    /// Lists letters, one a line, in the order of partition and offset. Shows no values.
    List(ListArgs),
    /// Shows all of one letter: why it is there, its headers and its value.
    Show(ShowArgs),
    /// Sends letters back to their topic as they were, and waits until Kafka has them.
    ///
    /// They also stay where they are. Harmless to repeat, since an event is its id. A letter whose cause is not gone comes
    /// back as a new one.
    Replay(ReplayArgs),
    /// Removes the letters of one partition before an offset, for good.
    Drop(DropArgs),
}

/// What `list` needs.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// Which letters.
    #[command(flatten)]
    pub filter: FilterArgs,

    /// Lists so many at most.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,

    /// How to reach Kafka.
    #[command(flatten)]
    pub reach: Reach,
}

/// What `show` needs.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// The letter's partition, as `list` tells it.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: i32,

    /// The letter's offset, as `list` tells it.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..))]
    pub offset: i64,

    /// Shows so many bytes of the value, and of each header, at most.
    #[arg(long, default_value_t = 65_536, value_name = "BYTES")]
    pub bytes: u32,

    /// How to reach Kafka.
    #[command(flatten)]
    pub reach: Reach,
}

/// What `replay` needs.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// Which letters.
    #[command(flatten)]
    pub filter: FilterArgs,

    /// Sends so many at most.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub max: Option<u64>,

    /// Only says what it would do.
    #[arg(long)]
    pub dry_run: bool,

    /// How to reach Kafka.
    #[command(flatten)]
    pub reach: Reach,
}

/// What `drop` needs.
#[derive(Args, Clone, Debug)]
pub struct DropArgs {
    /// The partition of the dead-letter topic.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: i32,

    /// The first letter to keep.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..))]
    pub before_offset: i64,

    /// Only says what it would do.
    #[arg(long)]
    pub dry_run: bool,

    /// How to reach Kafka.
    #[command(flatten)]
    pub reach: Reach,
}

/// Which letters. Without any of these: all.
#[derive(Args, Clone, Debug, Default)]
pub struct FilterArgs {
    /// Only letters with this reason, such as `refused_by_database`.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,

    /// Only letters sent there at this time or later; RFC 3339, such as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<i64>,

    /// Only letters sent there before this time; RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<i64>,
}

/// Where the letters are.
#[derive(Args, Clone, Debug)]
pub struct Reach {
    /// Only check the configuration: end with 0, or with the reason why it cannot work. Nothing is connected to.
    #[arg(long)]
    pub check_config: bool,

    /// How to reach Kafka.
    #[command(flatten)]
    pub kafka: KafkaArgs,

    /// How it logs.
    #[command(flatten)]
    pub log: LogArgs,
}

impl LettersCommand {
    /// Where the letters are.
    #[must_use]
    pub fn reach(&self) -> &Reach {
        match self {
            Self::List(list) => &list.reach,
            Self::Show(show) => &show.reach,
            Self::Replay(replay) => &replay.reach,
            Self::Drop(drop) => &drop.reach,
        }
    }
}

/// Unix milliseconds of an RFC 3339 time.
fn time(text: &str) -> Result<i64, String> {
    let time = DateTime::parse_from_rfc3339(text);
    time.map(|time| time.timestamp_millis())
        .map_err(|error| format!("expected RFC 3339 with an offset, such as 2026-01-31T12:00:00Z: {error}"))
}
