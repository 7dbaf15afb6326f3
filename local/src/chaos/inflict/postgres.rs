//! What happens to the database.

use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tokio::time::sleep;

use crate::chaos::inflict::down;
use crate::chaos::load::Load;
use crate::chaos::stage::{Stage, connect};
use crate::error::Error;

/// Batches of a burst: enough rows for several COPYs of several consumers.
const BURST: u64 = 10;
/// As many COPYs are cut before it is enough, or as many as come in this time.
const COPIES: usize = 3;
const HUNT: Duration = Duration::from_secs(10);
/// Keeps inserts out, and lets reads go on.
const HOLD: &str = "begin; lock table public.prompt_telemetry in share row exclusive mode";
/// A COPY that has brought some of its rows.
const CUT: &str = "select pg_terminate_backend(pid) from pg_stat_progress_copy \
                   where relid = 'public.prompt_telemetry'::regclass and tuples_processed > 0";
const THROW_OUT: &str = "select pg_terminate_backend(pid) from pg_stat_activity \
                         where datname = 'telemetry' and usename <> 'telemetry_owner'";

/// Kills or stops the server and starts it again; returns when it answers.
pub(super) async fn restart(stage: &Stage, kills: bool, lasts: Duration) -> Result<(), Error> {
    let mut postgres = stage.postgres.lock().await;
    if kills {
        postgres.kill9().await;
    } else {
        postgres.stop().await;
    }
    sleep(down(lasts)).await;
    postgres.start_again().await
}

/// Lets the server and all its backends stand still.
pub(super) async fn pause(stage: &Stage, lasts: Duration) {
    let mut postgres = stage.postgres.lock().await;
    postgres.pause();
    sleep(lasts).await;
    postgres.resume();
}

/// Lets nobody into the database, and throws out who is.
pub(super) async fn refuse(stage: &Stage, lasts: Duration) -> Result<(), Error> {
    let _postgres = stage.postgres.lock().await;
    let mut superuser = connect(&stage.superuser_url).await?;
    execute(&mut superuser, "alter database telemetry with allow_connections false").await?;
    execute(&mut superuser, THROW_OUT).await?;
    sleep(lasts).await;
    execute(&mut superuser, "alter database telemetry with allow_connections true").await
}

/// Holds every connection there is but those kept for administrators, and throws the services out of theirs.
pub(super) async fn exhaust(stage: &Stage, lasts: Duration) -> Result<String, Error> {
    let _postgres = stage.postgres.lock().await;
    let mut superuser = connect(&stage.superuser_url).await?;
    let start = Instant::now();
    let mut held: Vec<PgConnection> = Vec::new();
    while start.elapsed() < lasts {
        // The owner's, since an administrator would get those that are kept.
        while let Ok(connection) = connect(&stage.database.owner_url).await {
            held.push(connection);
        }
        execute(&mut superuser, THROW_OUT).await?;
        sleep(Duration::from_millis(50)).await;
    }
    let count = held.len();
    for connection in held {
        let _gone_anyway = connection.close().await;
    }
    Ok(format!("{count} connections were held by others"))
}

/// Lets a burst of events pile up before a locked table, then kills backends in the middle of the COPYs that follow.
pub(super) async fn cut_copies(stage: &Stage, load: &Load, lasts: Duration) -> Result<String, Error> {
    let _postgres = stage.postgres.lock().await;
    let mut superuser = connect(&stage.database.superuser_url).await?;
    // It waits for writes under way, and those may wait for nothing.
    execute(&mut superuser, HOLD).await?;
    load.burst(BURST).await;
    sleep(lasts.clamp(Duration::from_secs(2), Duration::from_secs(5))).await;
    execute(&mut superuser, "commit").await?;
    let start = Instant::now();
    let mut cut = 0;
    while start.elapsed() < HUNT && cut < COPIES {
        let hit = sqlx::raw_sql(CUT).fetch_all(&mut superuser).await;
        cut += hit.map_err(Error::database("kill a backend"))?.len();
        sleep(Duration::from_millis(1)).await;
    }
    Ok(format!("{cut} COPYs were cut"))
}

/// Lets the services' connections carry little.
pub(super) async fn slow(stage: &Stage, lasts: Duration) {
    let _postgres = stage.postgres.lock().await;
    stage.pipe.slow(true);
    sleep(lasts).await;
    stage.pipe.slow(false);
}

/// Lets the services' connections fall silent for good, and new ones, when `all`, for as long as it lasts.
pub(super) async fn silence(stage: &Stage, all: bool, lasts: Duration) {
    let _postgres = stage.postgres.lock().await;
    stage.pipe.refuse_answers(all);
    stage.pipe.silence();
    sleep(lasts).await;
    stage.pipe.refuse_answers(false);
}

/// Leaves no room for another page of the table.
pub(super) async fn fill_disk(stage: &Stage, lasts: Duration) -> Result<String, Error> {
    let Some(disk) = &stage.disk else {
        return Ok("LEFT OUT: only root may mount a disk small enough to fill".to_owned());
    };
    let _postgres = stage.postgres.lock().await;
    disk.fill()?;
    let start = Instant::now();
    let mut noticed = false;
    while start.elapsed() < lasts {
        noticed = noticed || is_noticed(stage).await;
        sleep(Duration::from_millis(250)).await;
    }
    disk.empty()?;
    let noticed = if noticed { "a consumer said so" } else { "no consumer had to write meanwhile" };
    Ok(noticed.to_owned())
}

/// Whether the readiness of a consumer names the full disk. One that is under another fault is not asked.
async fn is_noticed(stage: &Stage) -> bool {
    let client = reqwest::Client::new();
    for consumer in &stage.consumers {
        let Ok(consumer) = consumer.try_lock() else { continue };
        let url = format!("{}/readyz", consumer.admin_url());
        let asked = client.get(url).timeout(Duration::from_secs(1)).send().await;
        if let Ok(answer) = asked
            && answer.text().await.is_ok_and(|text| text.contains("53100"))
        {
            return true;
        }
    }
    false
}

async fn execute(connection: &mut PgConnection, statement: &'static str) -> Result<(), Error> {
    let done = sqlx::raw_sql(statement).execute(connection).await;
    done.map(drop).map_err(Error::database("do what the trial asks"))
}
