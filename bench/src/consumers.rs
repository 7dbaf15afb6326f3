//! Consumers that bring a filled topic into a database, and what that costs.
//!
//! The rate is told afterwards from the rows themselves: each carries the time at which its batch began to be stored. The
//! CPU is all that the consumers use from their start on; they are asked for their counters ten times a second meanwhile.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use local::error::Error;
use local::services::{self, Service};
use uuid::Uuid;

use crate::cpu::Usage;
use crate::database::Database;
use crate::http::Connection;
use crate::run::Topic;
use crate::servers::Servers;

const POLL: Duration = Duration::from_millis(100);
/// Far below any rate that would be worth a benchmark.
const SLOWEST_PER_SECOND: u64 = 1_000;
const INSERTED: &str = "consumer_events_inserted_total";
/// From the beginning of the first batch to that of the last; the last one's rows came after that.
const RATE: &str = "\
    with stored as (select created_at from public.prompt_telemetry where id >= $1), \
    ends as (select min(created_at) as first, max(created_at) as last from stored) \
    select count(*) filter (where created_at < last)::float8 / nullif(extract(epoch from last - first), 0)::float8, \
    count(*)::float8 / nullif(count(distinct created_at), 0) \
    from stored, ends group by first, last";

/// How it went.
#[derive(Clone, Copy, Debug)]
pub struct Drained {
    /// Rows a second, of all consumers together.
    pub rows_per_second: f64,
    /// Per million rows; `own` are the consumers.
    pub usage: Usage,
    /// Rows of a batch, on average.
    pub batch_rows: f64,
    /// How often somebody waited longer than 50 ms for a lock.
    pub lock_waits: usize,
}

/// Starts `consumers` in a new group on a topic whose events `database` does not hold yet, waits until all are stored,
/// and stops them.
///
/// # Errors
/// When a consumer fails or is far too slow.
pub async fn drain(
    servers: &Servers,
    database: &mut Database,
    topic: &Topic,
    consumers: usize,
) -> Result<Drained, Error> {
    let kafka = servers.kafka(&topic.name, &format!("bench-{}", Uuid::new_v4()));
    let (before, lock_waits) = (servers.usage(&[])?, servers.lock_waits()?);
    let starting = (1..=consumers).map(|number| {
        let (name, kafka, url) = (format!("bench-consumer-{number}"), &kafka, &database.urls.consumer_url);
        async move { services::consumer(&name, kafka, url, &[]).await }
    });
    let mut group = try_join_all(starting).await?;
    wait(&group, topic.records).await?;
    let own: Vec<u32> = group.iter().filter_map(Service::id).collect();
    let used = servers.usage(&own)? - before;
    let lock_waits = servers.lock_waits()? - lock_waits;
    for member in &mut group {
        member.stop().await?;
    }
    let (rows_per_second, batch_rows) = rate(database, topic).await?;
    Ok(Drained { rows_per_second, usage: used.per_million(topic.records), batch_rows, lock_waits })
}

/// Waits until the consumers have stored `records` events together.
async fn wait(group: &[Service], records: u64) -> Result<(), Error> {
    let begun = Instant::now();
    let deadline = Duration::from_secs(60 + records / SLOWEST_PER_SECOND);
    let mut counters = try_join_all(group.iter().map(|member| Connection::open(member.admin_url()))).await?;
    loop {
        let mut inserted = 0.0;
        for connection in &mut counters {
            inserted += counter(&String::from_utf8_lossy(connection.get("/metrics").await?), INSERTED);
        }
        if inserted >= records as f64 {
            return Ok(());
        }
        if begun.elapsed() > deadline {
            let what = format!("the consumers, which have stored {inserted} of {records} events");
            return Err(Error::Late { what, seconds: deadline.as_secs() });
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Rows a second, and rows of a batch.
async fn rate(database: &mut Database, topic: &Topic) -> Result<(f64, f64), Error> {
    let answer = sqlx::query_as::<_, (Option<f64>, Option<f64>)>(RATE)
        .bind(topic.first_id)
        .fetch_optional(database.admin())
        .await
        .map_err(Error::database("tell when the rows were stored"))?;
    let Some((Some(rate), Some(batch))) = answer else {
        let what = "a second batch, from which a rate could be told,".to_owned();
        return Err(Error::Missing { what, remedy: "use a larger --scale".to_owned() });
    };
    Ok((rate, batch))
}

/// The value of a metric without labels; 0 while it is not there.
fn counter(text: &str, name: &str) -> f64 {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    text.lines().find_map(value).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use crate::consumers::counter;

    #[test]
    fn a_counter_is_found_by_its_whole_name() {
        let text = "# TYPE rows counter\nrows_total 7\nrows 5\nrows{a=\"b\"} 9\n";
        assert_eq!(counter(text, "rows"), 5.0);
        assert_eq!(counter(text, "row"), 0.0);
    }
}
