//! A database that is silent: connections stay open, and nobody answers.

use consumer::server::Consumer;
use local::pipe::Pipe;

use crate::events::events;
use crate::scene::{Scene, stop, wait_ready, wait_unready};

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_on_over_new_connections_when_the_open_ones_fall_silent() {
    let scene = Scene::new().await;
    let pipe = Pipe::open(scene.database.port()).await;
    let url = pipe.through(&scene.database.consumer_url());
    let config = scene.config_as(&url, &["--write-timeout-seconds", "2"]);
    let consumer = Consumer::start(config).await.unwrap();
    wait_ready(&consumer).await;
    scene.produce(&events(100)).await;
    scene.wait_for_rows(100).await;

    pipe.silence();
    scene.produce(&events(2_000)).await;
    scene.wait_for_rows(2_100).await;

    // Now new ones are accepted and not answered either.
    pipe.refuse_answers(true);
    scene.produce(&events(50)).await;
    wait_unready(&consumer, "Postgres").await;
    pipe.refuse_answers(false);
    scene.wait_for_rows(2_150).await;
    scene.wait_for_committed(2_150).await;
    scene.assert_aggregates_equal_the_rows().await;
    stop(consumer).await;
}
