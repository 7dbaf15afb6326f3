//! Writes by way of a real PgBouncer with its default settings, COPY included.

use consumer::migrate::migrate;
use consumer::server::Consumer;
use local::pgbouncer::{Mode, PgBouncer};
use local::testing::PASSWORD;

use crate::events::events;
use crate::scene::{Scene, execute, stop, wait_ready};

async fn all_is_stored_once(mode: Mode) {
    let scene = Scene::unmigrated().await;
    let name = format!("consumer-pgbouncer-{mode:?}").to_lowercase();
    let pooler = PgBouncer::start(&name, &scene.database.superuser_url(), PASSWORD, mode).await.unwrap();
    // Migrations hold a lock for their session.
    let owner_url = scene.database.owner_url();
    let owner_url = if mode == Mode::Session { pooler.url(&owner_url) } else { owner_url };
    migrate(&owner_url).await.unwrap();
    let url = pooler.url(&scene.database.consumer_url());
    let mut owner = scene.owner().await;
    execute(&mut owner, "alter table prompt_telemetry add check (prompt_id <> 'refused') not valid").await;
    let consumer = Consumer::start(scene.config_as(&url, &["--batch-wait-ms", "500"])).await.unwrap();
    wait_ready(&consumer).await;

    // Enough for COPY over two connections, a few for INSERT, some of them sent twice, one refused.
    let many = events(9_000);
    scene.produce(&many).await;
    scene.produce(&many[..1_500]).await;
    scene.produce(&many[..10]).await;
    let mut refused: serde_json::Value = serde_json::from_str(&events(1)[0]).unwrap();
    refused["promptId"] = "refused".into();
    scene.produce(&[refused.to_string()]).await;
    scene.wait_for_rows(9_000).await;
    scene.wait_for_committed(10_511).await;
    scene.dead_letters(1).await;
    scene.assert_aggregates_equal_the_rows().await;
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_stored_once_by_way_of_a_pooler_that_shares_by_transaction() {
    all_is_stored_once(Mode::Transaction).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_stored_once_by_way_of_a_pooler_that_shares_by_session() {
    all_is_stored_once(Mode::Session).await;
}
