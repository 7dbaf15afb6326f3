//! The `consumer` executable: `consumer run` is the service, `consumer migrate` prepares its database, `consumer
//! dead-letters` looks after what could not be stored.

use consumer::config::{Cli, Command, Config, MigrateArgs};
use consumer::letters;
use consumer::migrate::migrate_at;
use consumer::server::{self, Consumer};
use service::shutdown::exit_on_signal;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match service::arguments::parse::<Cli>().command {
        Command::Run(config) if config.check_config => Ok(server::check(&config)?),
        Command::Migrate(args) if args.check_config => Ok(args.database().map(drop)?),
        Command::Run(config) => run(config).await,
        Command::Migrate(args) => bring_up_to_date(args).await,
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
    args.log.init();
    exit_on_signal();
    let database = args.database()?;
    database.warn("MIGRATE_DATABASE_URL");
    let applied = migrate_at(&database).await?;
    tracing::info!(applied = ?applied.versions, before = applied.before, "the database has the newest schema");
    Ok(())
}
