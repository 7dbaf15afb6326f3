//! For the person who looks after dead letters: list them, show one, send some again, remove old ones.
//!
//! Each command is a client of its own beside the running service: it joins no group and commits no offset, reads up to
//! what was there when it began, and waits for nothing longer than its deadlines. Knows nothing of Postgres.

mod error;
mod filter;
mod letter;
mod list;
mod plain;
mod reader;
mod removal;
mod replay;
mod show;

use std::io::Write;

use service::kafka::{KafkaArgs, SettingsError};

pub use crate::letters::error::LettersError;

use crate::config::{LettersArgs, LettersCommand};

/// Makes every Kafka client that a command may have, as it would be made to run, and drops it. Nothing is connected to.
///
/// # Errors
/// Returns the first setting that cannot work.
pub fn check(kafka: &KafkaArgs) -> Result<(), SettingsError> {
    for settings in [reader::settings(), removal::settings(), replay::settings()] {
        settings.check(kafka)?;
    }
    Ok(())
}

/// Does what the command says and writes the result to `out`. Blocks the thread while Kafka answers.
///
/// # Errors
/// See [`LettersError`]. That nobody reads `out` any more is none.
pub async fn run(args: &LettersArgs, out: &mut impl Write) -> Result<(), LettersError> {
    let done = match &args.command {
        LettersCommand::List(args) => list::run(args, out),
        LettersCommand::Show(args) => show::run(args, out),
        LettersCommand::Replay(args) => replay::run(args, out).await,
        LettersCommand::Drop(args) => removal::run(args, out).await,
    };
    match done {
        Err(LettersError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
