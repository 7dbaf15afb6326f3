//! The `bench` command: see `bench --help`.

use bench::config::{Cli, Command};
use bench::{limits, report, rungs};
use clap::Parser;
use local::interrupt::Interrupt;
use mimalloc::MiMalloc;

/// That of ingest, so that its limit is not held back by another.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    if let Some(Command::LimitIntake(arguments)) = cli.command {
        return Ok(limits::intake::child(arguments).await?);
    }
    let mut interrupt = Interrupt::listen();
    let climbed = interrupt.or(rungs::climb(&cli.options)).await?;
    report::publish(&cli.options, &climbed)?;
    Ok(())
}
