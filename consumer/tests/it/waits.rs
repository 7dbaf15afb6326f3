//! Every wait of the consumer: the readiness and the metric say what for, and it ends by itself when the cause is gone.

use local::testing::{bootstrap_servers, broker_is_apache, eventually};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::child::Process;
use crate::events::events;
use crate::scene::{PATIENCE, Scene, execute, neighbour, readiness, stop, wait_ready, wait_unready};

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_consumer_notices_that_a_write_would_fail_and_that_it_would_not_any_more() {
    let scene = Scene::new().await;
    let consumer = scene.start(&[]).await;
    let mut owner = scene.owner().await;
    let causes = [
        (
            "telemetry_writer",
            "revoke insert on prompt_telemetry from telemetry_writer",
            "grant insert on prompt_telemetry to telemetry_writer",
        ),
        (
            "telemetry_writer",
            "revoke select (id) on prompt_telemetry from telemetry_writer",
            "grant select (id) on prompt_telemetry to telemetry_writer",
        ),
        (
            "consumer migrate",
            "alter table prompt_telemetry rename to elsewhere",
            "alter table elsewhere rename to prompt_telemetry",
        ),
        (
            "consumer migrate",
            "alter table prompt_telemetry rename scoring_rank to rank",
            "alter table prompt_telemetry rename rank to scoring_rank",
        ),
    ];
    for (word, begin, end) in causes {
        execute(&mut owner, begin).await;
        wait_unready(&consumer, word).await;
        execute(&mut owner, end).await;
        wait_ready(&consumer).await;
    }
    scene.produce(&events(10)).await;
    scene.wait_for_rows(10).await;
    scene.dead_letters(0).await;
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_consumer_on_a_server_that_takes_no_writes_is_not_ready() {
    let scene = Scene::new().await;
    let process = Process::start(&scene, &[]).await;
    let mut neighbour = neighbour(&scene).await;
    let name = scene.database_name();
    let setting = "default_transaction_read_only";
    execute(&mut neighbour, &format!("alter database {name} set {setting} = on")).await;
    scene.end_sessions().await;
    eventually("the readiness says so", PATIENCE, || async {
        let (status, text) = process.ask("/readyz").await;
        (status == 503 && text.contains("standby")).then_some(())
    })
    .await;
    assert_eq!(process.metric("consumer_waiting").await, 1.0, "it waits for one thing");

    execute(&mut neighbour, &format!("alter database {name} reset {setting}")).await;
    eventually("it is ready again", PATIENCE, || async {
        (process.ask("/readyz").await.0 == 200).then_some(())
    })
    .await;
    assert_eq!(process.metric("consumer_waiting").await, 0.0);
    assert!(process.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_idle_sessions_does_not_make_it_unready() {
    let scene = Scene::new().await;
    let consumer = scene.start(&[]).await;
    let mut neighbour = neighbour(&scene).await;
    let name = scene.database_name();
    execute(&mut neighbour, &format!("alter database {name} set idle_session_timeout = '1s'")).await;
    scene.end_sessions().await;
    // Two looks at an idle database, each over a session that the server has ended. Never is it told as a fault.
    let sessions = format!("select sessions from pg_stat_database where datname = '{name}'");
    let before = crate::scene::count(&mut neighbour, &sessions).await;
    eventually("two sessions were opened anew", PATIENCE, || async {
        assert_eq!(readiness(&consumer).await.0, 200);
        let mut neighbour = crate::scene::neighbour(&scene).await;
        (crate::scene::count(&mut neighbour, &sessions).await >= before + 2).then_some(())
    })
    .await;
    // Nor does a write that comes upon one.
    scene.produce(&events(10)).await;
    scene.wait_for_rows(10).await;
    assert_eq!(readiness(&consumer).await.0, 200);
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_topic_that_refuses_everything_is_told_and_waited_for() {
    if !broker_is_apache() {
        eprintln!("NOT TESTED: the embedded broker refuses nothing; this needs Apache Kafka");
        return;
    }
    let scene = Scene::new().await;
    let letters = format!("{}.dead-letter", scene.topic);
    set(&letters, "max.message.bytes", "1").await;
    let process = Process::start(&scene, &[]).await;
    scene.produce(&["no json".to_owned()]).await;
    eventually("the readiness says so", PATIENCE, || async {
        let (status, text) = process.ask("/readyz").await;
        (status == 503 && text.contains("dead-letter topic")).then_some(())
    })
    .await;
    assert_eq!(scene.committed(), 0);
    set(&letters, "max.message.bytes", "1000000").await;
    scene.dead_letters(1).await;
    scene.wait_for_committed(1).await;
    eventually("it is ready again", PATIENCE, || async {
        (process.ask("/readyz").await.0 == 200).then_some(())
    })
    .await;
    assert!(process.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_are_deleted_are_made_again_and_read_without_a_restart() {
    if !broker_is_apache() {
        eprintln!("NOT TESTED: the embedded broker cannot delete a topic; this needs Apache Kafka");
        return;
    }
    let scene = Scene::new().await;
    let process = Process::start(&scene, &[]).await;
    scene.produce(&events(10)).await;
    scene.wait_for_committed(10).await;
    let letters = format!("{}.dead-letter", scene.topic);
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    admin().delete_topics(&[&scene.topic, &letters], &options).await.unwrap();
    eventually("it begins anew", PATIENCE, || async {
        let rebalanced = process.metric("consumer_rebalances_total").await > 1.0;
        (rebalanced && process.ask("/readyz").await.0 == 200).then_some(())
    })
    .await;
    // As many as it had read of the topic that is gone.
    let mut fresh = events(10);
    fresh.push("no json".to_owned());
    scene.produce_anew(&fresh).await;
    scene.wait_for_rows(20).await;
    scene.dead_letters(1).await;
    assert!(process.terminate());
}

fn admin() -> AdminClient<DefaultClientContext> {
    rdkafka::ClientConfig::new().set("bootstrap.servers", bootstrap_servers()).create().unwrap()
}

async fn set(topic: &str, name: &str, value: &str) {
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    for result in admin().alter_configs([&change], &options).await.unwrap() {
        result.unwrap();
    }
}
