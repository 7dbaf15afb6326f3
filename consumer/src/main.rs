//! The `consumer` executable: `consumer run` is the service, `consumer migrate` prepares its database, `verify`, `rebuild`
//! and `set-time-zone` look after its counts, `dead-letters` after what could not be stored.

use consumer::config::{Cli, Command, Config, MigrateArgs, TimeZoneArgs};
use consumer::migrate::migrate_at;
use consumer::server::{self, Consumer};
use consumer::{counts, letters};
use service::database::Database;
use service::shutdown::exit_on_signal;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match service::arguments::parse::<Cli>().command {
        Command::Run(config) if config.check_config => Ok(server::check(&config)?),
        Command::Migrate(args)
        | Command::Verify(args)
        | Command::Rebuild(args)
        | Command::SetTimeZone(TimeZoneArgs { owner: args, .. })
            if args.check_config =>
        {
            Ok(args.database().map(drop)?)
        }
        Command::Run(config) => run(config).await,
        Command::Migrate(args) => bring_up_to_date(args).await,
        Command::Verify(args) => verify(args).await,
        Command::Rebuild(args) => rebuild(args).await,
        Command::SetTimeZone(args) => set_time_zone(args).await,
        Command::DeadLetters(args) => {
            let reach = args.command.reach();
            reach.kafka.check()?;
            if reach.check_config {
                return Ok(letters::check(&reach.kafka)?);
            }
            reach.log.init();
            exit_on_signal();
            Ok(letters::run(&args, &mut std::io::stdout().lock()).await?)
        }
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    config.log.init();
    let stop = service::shutdown::signal();
    let mut consumer = Consumer::start(config).await?;
    tokio::select! {
        ended = consumer.wait() => return Ok(ended?),
        () = stop.cancelled() => consumer.stop(),
    }
    Ok(consumer.wait().await?)
}

async fn bring_up_to_date(args: MigrateArgs) -> anyhow::Result<()> {
    let database = owner(&args)?;
    let applied = migrate_at(&database).await?;
    tracing::info!(applied = ?applied.versions, before = applied.before, "the database has the newest schema");
    Ok(())
}

async fn verify(args: MigrateArgs) -> anyhow::Result<()> {
    let compared = counts::verify(&owner(&args)?, &mut std::io::stdout().lock()).await?;
    tracing::info!(
        days = compared.days,
        events = compared.events,
        differences = compared.differences,
        "compared the counts with the events"
    );
    anyhow::ensure!(
        compared.differences == 0,
        "{} counts differ from the events; `consumer rebuild` counts them anew",
        compared.differences
    );
    Ok(())
}

async fn rebuild(args: MigrateArgs) -> anyhow::Result<()> {
    let days = counts::rebuild(&owner(&args)?).await?;
    tracing::info!(days, "counted all events anew");
    Ok(())
}

async fn set_time_zone(args: TimeZoneArgs) -> anyhow::Result<()> {
    counts::set_time_zone(&owner(&args.owner)?, &args.zone).await?;
    tracing::info!(zone = args.zone, "days begin in the new time zone");
    Ok(())
}

/// Starts the log, lets signals end the program, and returns the owner's database.
fn owner(args: &MigrateArgs) -> anyhow::Result<Database> {
    args.log.init();
    exit_on_signal();
    let database = args.database()?;
    database.warn("MIGRATE_DATABASE_URL");
    Ok(database)
}
