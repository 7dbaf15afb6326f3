//! A database that is silent: connections stay open, and nobody answers.

use std::time::Duration;

use futures::future::join_all;
use local::pipe::Pipe;
use local::testing::{TestDatabase, eventually};
use serde_json::json;

use crate::intake::{DEADLINE, EVENT, Intake, problem};
use crate::reads::migrated;

const STATS: &str = "/api/telemetry/prompt/p/stats";
/// Within which reads must answer again after the cause has gone.
const HEALED: Duration = Duration::from_secs(30);

async fn piped(database: &TestDatabase) -> (Pipe, String) {
    let pipe = Pipe::open(database.port()).await;
    let url = pipe.through(&database.ingest_url());
    (pipe, url)
}

async fn until_reads_answer(intake: &Intake) {
    eventually("reads answer", HEALED, async || {
        (intake.get(STATS).send().await.unwrap().status() == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_fall_silent_in_a_question_are_replaced() {
    let (database, owner) = migrated().await;
    let (pipe, url) = piped(&database).await;
    let intake = Intake::start_alone(&["--database-url", &url, "--database-timeout-ms=1500"]).await;
    until_reads_answer(&intake).await;

    let mut lock = owner.begin().await.unwrap();
    sqlx::raw_sql("lock table prompt_total in access exclusive mode").execute(&mut *lock).await.unwrap();
    let asked = || async { intake.get(STATS).send().await.unwrap().status().as_u16() };
    let reads = join_all((0..8).map(|_| asked()));
    let silenced = async {
        let waiting = "select count(*) from pg_locks join pg_database on pg_database.oid = pg_locks.database \
                       where datname = current_database() and not granted";
        eventually("four reads wait for the lock", DEADLINE, async || {
            let count: i64 = sqlx::query_scalar(waiting).fetch_one(&owner).await.unwrap();
            (count >= 4).then_some(())
        })
        .await;
        pipe.silence();
        lock.rollback().await.unwrap();
    };
    let (statuses, ()) = tokio::join!(reads, silenced);
    assert!(statuses.contains(&503), "{statuses:?}");
    until_reads_answer(&intake).await;
    // All four places are there again, not only one.
    for _ in 0..3 {
        assert_eq!(join_all((0..8).map(|_| asked())).await, [200; 8]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_fell_silent_while_nobody_asked_cost_no_read() {
    let (database, _owner) = migrated().await;
    let (pipe, url) = piped(&database).await;
    let intake = Intake::start_alone(&["--database-url", &url]).await;
    until_reads_answer(&intake).await;
    pipe.silence();
    assert_eq!(intake.get(STATS).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_a_silent_database_keep_no_writer_out_and_are_few() {
    let (database, _owner) = migrated().await;
    let (pipe, url) = piped(&database).await;
    pipe.refuse_answers(true);
    let arguments = ["--database-url", &url, "--database-timeout-ms=3000", "--max-requests-in-flight=8"];
    let intake = Intake::start(&arguments).await;
    let asked = (0..300).map(async |_| {
        let response = intake.get(STATS).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, 503, "{text}");
        text
    });
    let event = json!({ "eventType": "impression", "promptId": "p", "sessionId": "s" });
    let written = async {
        for _ in 0..20 {
            let answer = intake.send(EVENT, &event).await;
            assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
        }
    };
    let (answers, ()) = tokio::join!(join_all(asked), written);
    let turned_away = answers.iter().filter(|text| text.contains("too_many_reads")).count();
    let waited = answers.iter().filter(|text| text.contains("reads_unavailable")).count();
    assert_eq!(turned_away + waited, 300);
    assert!(turned_away > 0 && waited >= 64, "{turned_away} were turned away, {waited} waited");

    pipe.refuse_answers(false);
    until_reads_answer(&intake).await;
    let metrics = intake.client.get(format!("http://{}/metrics", intake.admin)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("ingest_reads_failed_total{reason=\"full\"}"), "{metrics}");
    assert!(metrics.contains("ingest_reads_failed_total{reason=\"late\"}"), "{metrics}");
    assert!(metrics.contains("\ningest_reads_in_flight 0\n"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_hosts_one_that_answers_is_found() {
    let (database, _owner) = migrated().await;
    let (pipe, silent) = piped(&database).await;
    pipe.refuse_answers(true);
    let direct = database.ingest_url();
    let (login, server) = direct.rsplit_once('@').unwrap();
    let (_, silent) = silent.rsplit_once('@').unwrap();
    let (silent, _) = silent.split_once('/').unwrap();
    let url = format!("{login}@127.0.0.1:1,{silent},{server}?target_session_attrs=read-write");
    let intake = Intake::start_alone(&["--database-url", &url]).await;
    until_reads_answer(&intake).await;
    let standby = format!("{login}@{server}?target_session_attrs=standby");
    let intake = Intake::start_alone(&["--database-url", &standby]).await;
    problem(intake.get(STATS).send().await.unwrap(), 503, "reads_unavailable").await;
}
