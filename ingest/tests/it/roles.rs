//! Processes that serve reads or writes alone, and what each calls ready.

use local::pipe::Pipe;
use local::testing::eventually;
use serde_json::json;

use crate::intake::{DEADLINE, EVENT, Intake, problem};
use crate::reads::migrated;

const STATS: &str = "/api/telemetry/prompt/p/stats";
/// Nobody listens there.
const NO_KAFKA: &str = "127.0.0.1:1";

async fn until(intake: &Intake, status: u16) -> String {
    eventually("the readiness that is due", DEADLINE, async || {
        let (found, reason) = intake.readiness().await;
        let public = intake.get("/healthz").send().await.unwrap().status().as_u16();
        (found == status && public == status).then_some(reason)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_reads_needs_no_kafka_and_is_ready_when_its_database_is() {
    let (database, _owner) = migrated().await;
    let pipe = Pipe::open(database.port()).await;
    let url = pipe.through(&database.ingest_url());
    let arguments = ["--serve=reads", "--database-url", &url, "--database-timeout-ms=1000"];
    let intake = Intake::start_unready(NO_KAFKA, "unheard-of".to_owned(), &arguments).await;
    until(&intake, 200).await;
    assert_eq!(intake.get(STATS).send().await.unwrap().status(), 200);
    let event = json!({ "eventType": "impression", "promptId": "p", "sessionId": "s" });
    problem(intake.send(EVENT, &event).await, 503, "writes_not_served").await;

    pipe.refuse_answers(true);
    assert!(until(&intake, 503).await.contains("the database does not answer"));
    pipe.refuse_answers(false);
    until(&intake, 200).await;
    intake.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_writes_needs_no_database_and_answers_no_reads() {
    let intake = Intake::start(&["--serve=writes"]).await;
    problem(intake.get(STATS).send().await.unwrap(), 503, "reads_not_served").await;
    let event = json!({ "eventType": "impression", "promptId": "p", "sessionId": "s" });
    assert_eq!(intake.send(EVENT, &event).await.status(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_port_says_whether_traffic_may_come_and_not_why() {
    let intake = Intake::start(&["--drain-delay-ms=3000"]).await;
    let response = intake.get("/healthz/").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (200, "ready\n"));
    intake.stop.cancel();
    let problem = problem(intake.get("/healthz").send().await.unwrap(), 503, "not_ready").await;
    assert!(!problem.detail.contains("stopping"));
}
