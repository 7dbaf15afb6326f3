//! Reads by way of a real PgBouncer with its default settings.

use std::time::Duration;

use futures::future::join_all;
use local::pgbouncer::{Mode, PgBouncer};
use local::testing::PASSWORD;
use schema::PromptStats;
use service::database::Database;
use sqlx::Row;

use crate::intake::Intake;
use crate::reads::migrated;

async fn reads_answer(mode: Mode) {
    let (database, owner) = migrated().await;
    let event =
        "insert into prompt_telemetry (event_type, prompt_id, session_id) values ('impression', $1, 's')";
    for prompt in ["pooled-0", "pooled-1", "pooled-2"] {
        sqlx::query(event).bind(prompt).execute(&owner).await.unwrap();
    }
    let name = format!("ingest-pgbouncer-{mode:?}").to_lowercase();
    let pooler = PgBouncer::start(&name, &database.superuser_url(), PASSWORD, mode).await.unwrap();
    let intake = Intake::start_alone(&["--database-url", &pooler.url(&database.ingest_url())]).await;
    // Many at once and one after another, so that the pooler hands the same server processes to several connections.
    for _ in 0..5 {
        let asked = (0..12).map(async |number| {
            let path = format!("/api/telemetry/prompt/pooled-{}/stats", number % 3);
            let response = intake.get(&path).send().await.unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(response.json::<PromptStats>().await.unwrap().impressions, 1);
            let response =
                intake.get("/api/telemetry/prompts/performance?search=pooled").send().await.unwrap();
            assert_eq!(response.status(), 200);
        });
        join_all(asked).await;
    }
    // What a read sets for itself is nobody else's.
    let database = Database::parse(&pooler.url(&database.ingest_url())).unwrap();
    let mut other = database.connect(Duration::from_secs(10)).await.unwrap();
    let timeout = sqlx::raw_sql("show statement_timeout").fetch_one(&mut other).await.unwrap();
    assert_eq!(timeout.get::<String, _>(0), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_answer_by_way_of_a_pooler_that_shares_by_transaction() {
    reads_answer(Mode::Transaction).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_answer_by_way_of_a_pooler_that_shares_by_session() {
    reads_answer(Mode::Session).await;
}
