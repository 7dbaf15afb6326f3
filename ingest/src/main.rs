//! The executable: parses the configuration, starts intake, stops it.

use anyhow::Context;
use ingest::config::{Config, Serve};
use ingest::server::Ingest;
use mimalloc::MiMalloc;

/// glibc's took 17 % of the CPU at 100 events a batch, by the profile.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> anyhow::Result<()> {
    let config = service::arguments::parse::<Config>();
    if config.check_config {
        let config = config.check()?;
        if config.serve != Serve::Reads {
            ingest::producer::check(&config.kafka, config.limits.request_deadline())?;
        }
        return Ok(());
    }
    config.log.init();
    let runtime = tokio::runtime::Runtime::new().context("the asynchronous runtime cannot start")?;
    let ended = runtime.block_on(run(config));
    // A question to a Kafka that is away may still block a thread; nobody needs its answer any more.
    runtime.shutdown_background();
    ended
}

async fn run(config: Config) -> anyhow::Result<()> {
    let stop = service::shutdown::signal();
    let ingest = Ingest::bind(config).await?;
    tracing::info!(address = %ingest.address(), admin_address = %ingest.admin_address(), "listening");
    ingest.serve(stop).await;
    tracing::info!("stopped");
    Ok(())
}
