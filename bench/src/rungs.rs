//! The ladder: what is measured, each rung in a file of its own.

pub mod freshness;
pub mod growth;
pub mod intake;
pub mod read;
pub mod scale_out;
pub mod write;

use local::error::Error;

use crate::config::{Options, Rung};
use crate::report::Row;
use crate::run::Run;

/// All figures of a run.
#[derive(Debug)]
pub struct Climbed {
    /// The report's lines.
    pub rows: Vec<Row>,
    /// The version of the server that was measured.
    pub postgres: String,
}

/// Measures every rung that is wanted, on servers that are gone afterwards.
///
/// # Errors
/// Of the first part that fails; a goal that is missed is none.
pub async fn climb(options: &Options) -> Result<Climbed, Error> {
    let mut run = Run::start(options).await?;
    let mut rows = Vec::new();
    if options.wants(Rung::Intake) {
        rows.extend(intake::measure(&mut run).await?);
    }
    if options.wants(Rung::Write) {
        rows.extend(write::measure(&mut run).await?);
    }
    if options.wants(Rung::Read) {
        rows.extend(read::measure(&mut run).await?);
    }
    if options.wants(Rung::Freshness) {
        rows.extend(freshness::measure(&mut run).await?);
    }
    if options.wants(Rung::Growth) {
        rows.extend(growth::measure(&mut run).await?);
    }
    if options.wants(Rung::ScaleOut) {
        rows.extend(scale_out::measure(&mut run).await?);
    }
    let postgres = run.servers.postgres.version().to_owned();
    run.servers.stop().await;
    Ok(Climbed { rows, postgres })
}
