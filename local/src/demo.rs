//! `local up` and `local demo`: the stack for a person.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use crate::api::Api;
use crate::config::{Broker, BrokerKind};
use crate::console::say;
use crate::embedded;
use crate::env_file::{self, EnvFile};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::place;
use crate::sample::{self, Happening};
use crate::stack::{BrokerChoice, Options, Stack};
use crate::{command, comparison, kafka, replay};

/// How long the consumer may need for the whole sample.
const DRAIN_DEADLINE: Duration = Duration::from_secs(120);
/// How many prompts the table shows, and how often one must have been shown to be there.
const BEST: &str = "limit=10&sort=selectionRate&order=desc&min_impressions=100";

/// Keeps the stack up until Ctrl-C; with `replays`, the sample goes through it first.
///
/// # Errors
/// When something does not start or a service ends by itself; an interrupt is no error once the stack is up.
pub async fn serve(broker: &Broker, replays: bool) -> Result<ExitCode, Error> {
    let mut interrupt = Interrupt::listen();
    let _lock = place::lock()?;
    EnvFile::remove_stale()?;
    let mut stack = start(&mut interrupt, Options::new(choice(broker), false)).await?;
    if replays && let Err(error) = interrupt.or(show_sample(&stack)).await {
        stack.stop().await?;
        return Err(error);
    }
    let file = EnvFile::write(&stack)?;
    say_addresses(&stack);
    let ended = tokio::select! {
        () = interrupt.wait() => Ok(()),
        error = stack.ingest.ended() => Err(error),
        error = stack.consumer.ended() => Err(error),
    };
    drop(file);
    say("\nstopping; what was stored is kept for the next time (`make clean-data` removes it)");
    let stopped = stack.stop().await;
    ended.and(stopped)?;
    Ok(ExitCode::SUCCESS)
}

/// Replays the sample through a stack of its own and compares every aggregate with the truth.
///
/// # Errors
/// When something does not start or answer; a difference is no error but a failure's exit code.
pub async fn once(broker: &Broker) -> Result<ExitCode, Error> {
    let mut interrupt = Interrupt::listen();
    // Its logs have names of their own, since `up` may be running beside it.
    let options = Options { name: "once-".to_owned(), ..Options::new(choice(broker), true) };
    let stack = start(&mut interrupt, options).await?;
    let compared = interrupt.or(async {
        let happenings = show_sample(&stack).await?;
        comparison::run(&Api::new(stack.ingest.url()), &happenings).await
    });
    let compared = compared.await;
    let stopped = stack.stop().await;
    let differences = compared?;
    stopped?;
    if differences.is_empty() {
        say("\nevery aggregate equals the truth counted from the sample");
        return Ok(ExitCode::SUCCESS);
    }
    say(format!("\n{} aggregates differ from the truth counted from the sample:", differences.len()));
    for difference in differences.iter().take(20) {
        say(format!("  {difference}"));
    }
    Ok(ExitCode::FAILURE)
}

/// Runs a command against a stack of its own and answers with its exit code.
///
/// # Errors
/// When something does not start, or the person interrupts.
///
/// # Panics
/// When `command` is empty.
pub async fn with(broker: &Broker, command: &[String]) -> Result<ExitCode, Error> {
    let mut interrupt = Interrupt::listen();
    let stack = start(&mut interrupt, Options::new(choice(broker), true)).await?;
    let (program, arguments) = command.split_first().expect("a command has a program");
    let mut command = Command::new(program);
    command.args(arguments).envs(env_file::addresses(&stack));
    let code = command::run(command, &mut interrupt).await;
    let stopped = stack.stop().await;
    let code = code?;
    stopped?;
    Ok(ExitCode::from(code))
}

fn choice(broker: &Broker) -> BrokerChoice {
    match (&broker.bootstrap_servers, broker.broker) {
        (Some(servers), _) => BrokerChoice::Existing(servers.clone()),
        (None, BrokerKind::Embedded) => BrokerChoice::Embedded,
        (None, BrokerKind::Apache) => BrokerChoice::Apache { nodes: broker.nodes },
    }
}

async fn start(interrupt: &mut Interrupt, options: Options) -> Result<Stack, Error> {
    let broker = match &options.broker {
        BrokerChoice::Embedded => "the embedded broker".to_owned(),
        BrokerChoice::Apache { nodes: 1 } => format!("Apache Kafka {}", kafka::VERSION),
        BrokerChoice::Apache { nodes } => format!("Apache Kafka {} ({nodes} nodes)", kafka::VERSION),
        BrokerChoice::Existing(servers) => format!("the broker at {servers}"),
    };
    say(format!("starting PostgreSQL, {broker}, consumer and ingest …"));
    if matches!(options.broker, BrokerChoice::Embedded) {
        say(format!("note: {}", embedded::Broker::WARNING));
    }
    let since = Instant::now();
    let stack = interrupt.or(Stack::start(options)).await?;
    say(format!(
        "ready after {:.1} s, on PostgreSQL {}",
        since.elapsed().as_secs_f32(),
        stack.postgres.version()
    ));
    Ok(stack)
}

/// Sends the sample, waits until it is stored, and prints the best prompts as the API tells them.
async fn show_sample(stack: &Stack) -> Result<Vec<Happening>, Error> {
    let happenings = sample::read()?;
    let bar = ProgressBar::new(happenings.len() as u64);
    let style = ProgressStyle::with_template("replaying {bar:40} {human_pos}/{human_len} events, {per_sec}");
    bar.set_style(style.expect("the template is well formed"));
    let since = Instant::now();
    replay::run(stack.ingest.url(), &happenings, |events| bar.inc(events)).await?;
    bar.finish_and_clear();
    stack.drained(DRAIN_DEADLINE).await?;
    let seconds = since.elapsed().as_secs_f32();
    say(format!("replayed {} real events in {seconds:.1} s, from HTTP to committed rows", happenings.len()));
    let best = Api::new(stack.ingest.url()).performance(BEST).await?;
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header([
        "prompt",
        "impressions",
        "selections",
        "rate",
    ]);
    for stats in &best.prompts {
        let rate = format!("{:.2} %", stats.selection_rate * 100.0);
        table.add_row([
            stats.prompt_id.clone(),
            stats.impressions.to_string(),
            stats.selections.to_string(),
            rate,
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    say(format!("\nthe best of {} prompts shown 100 times or more\n{table}", best.total));
    Ok(happenings)
}

fn say_addresses(stack: &Stack) {
    let ingest = stack.ingest.url();
    say(format!("\nAPI          {ingest}  (description: {ingest}/openapi.json)"));
    say(format!("panel        {ingest}/panel"));
    say(format!("metrics      {}/metrics, {}/metrics", stack.ingest.admin_url(), stack.consumer.admin_url()));
    say(format!("Kafka        {}", stack.kafka.bootstrap_servers));
    say(format!("PostgreSQL   127.0.0.1:{}  (its URL is in .local/stack.env)", stack.postgres.port()));
    say("logs         .local/logs\n\nserving until Ctrl-C");
}
