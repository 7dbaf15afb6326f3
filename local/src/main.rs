//! The `local` command: see `local --help`.

use std::process::ExitCode;

use local::config::{Command, Config};
use local::console::{complain, say};
use local::error::Error;
use local::{chaos, demo, overload, place, test_run};

/// What a shell answers for a command that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    match run(service::arguments::parse::<Config>().command).await {
        Ok(code) => code,
        Err(Error::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) => {
            complain(format!("local: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Up(broker) => demo::serve(&broker, false).await,
        Command::Demo { once: false, broker } => demo::serve(&broker, true).await,
        Command::Demo { once: true, broker } => demo::once(&broker).await,
        Command::Test(arguments) => test_run::run(&arguments).await,
        Command::With { broker, command } => demo::with(&broker, &command).await,
        Command::Chaos(arguments) => chaos::command(&arguments).await,
        Command::Overload(arguments) => overload::command(&arguments).await,
        Command::CleanData => {
            say(format!("removed what was kept in {}", place::clean()?.display()));
            Ok(ExitCode::SUCCESS)
        }
    }
}
