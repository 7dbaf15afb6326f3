//! Each login at Kafka tries everything it has no business with.

use rdkafka::error::RDKafkaErrorCode::{GroupAuthorizationFailed, NoEnt, TopicAuthorizationFailed};

use crate::clients::Login;
use crate::scene::{CONSUMER, GROUP, INGEST, LETTERS, OPERATOR, STRANGER, Scene, TOPIC};

const NO_TOPIC: Result<(), rdkafka::error::RDKafkaErrorCode> = Err(TopicAuthorizationFailed);
const NO_GROUP: Result<(), rdkafka::error::RDKafkaErrorCode> = Err(GroupAuthorizationFailed);
const NOBODY_TO_ASK: Result<(), rdkafka::error::RDKafkaErrorCode> = Err(NoEnt);

#[tokio::test]
async fn ingest_writes_events_and_nothing_else() {
    let Some(scene) = Scene::shared().await else { return };
    let ingest = Login::new(&scene, INGEST);
    assert_eq!(ingest.topics().await, [TOPIC, LETTERS]);
    assert_eq!(ingest.write(TOPIC).await, Ok(()));
    assert_eq!(ingest.write(LETTERS).await, NO_TOPIC);
    assert_eq!(ingest.read(TOPIC).await, NO_TOPIC);
    assert_eq!(ingest.read(LETTERS).await, NO_TOPIC);
    assert_eq!(ingest.join(GROUP, TOPIC).await, NO_GROUP);
    administers_nothing(&scene, &ingest).await;
}

#[tokio::test]
async fn the_consumer_reads_events_and_writes_letters_and_nothing_else() {
    let Some(scene) = Scene::shared().await else { return };
    let consumer = Login::new(&scene, CONSUMER);
    assert_eq!(Login::new(&scene, INGEST).write(TOPIC).await, Ok(()));
    assert_eq!(consumer.topics().await, [TOPIC, LETTERS]);
    assert_eq!(consumer.read(TOPIC).await, Ok(()));
    assert_eq!(consumer.write(LETTERS).await, Ok(()));
    assert_eq!(consumer.write(TOPIC).await, NO_TOPIC);
    assert_eq!(consumer.read(LETTERS).await, NO_TOPIC);
    assert_eq!(consumer.join("another-group", TOPIC).await, NO_GROUP);
    administers_nothing(&scene, &consumer).await;
}

#[tokio::test]
async fn the_operator_reads_letters_and_sends_them_again() {
    let Some(scene) = Scene::shared().await else { return };
    let operator = Login::new(&scene, OPERATOR);
    assert_eq!(Login::new(&scene, CONSUMER).write(LETTERS).await, Ok(()));
    assert_eq!(operator.read(LETTERS).await, Ok(()));
    assert_eq!(operator.write(TOPIC).await, Ok(()));
    assert_eq!(operator.read(TOPIC).await, NO_TOPIC);
    assert_eq!(operator.write(LETTERS).await, NO_TOPIC);
    assert_eq!(operator.delete_records(TOPIC).await, NO_TOPIC);
    assert_eq!(operator.commit(GROUP, TOPIC).await, NO_GROUP);
    assert_eq!(operator.create("of-my-own").await, NO_TOPIC);
}

#[tokio::test]
async fn a_login_without_rights_is_shown_nothing() {
    let Some(scene) = Scene::shared().await else { return };
    let stranger = Login::new(&scene, STRANGER);
    assert_eq!(stranger.topics().await, Vec::<String>::new());
    assert_eq!(stranger.write(TOPIC).await, NO_TOPIC);
    for topic in [TOPIC, LETTERS] {
        assert_eq!(stranger.find(topic).await, NO_TOPIC, "{topic}");
    }
    assert_eq!(stranger.join(GROUP, TOPIC).await, NO_GROUP);
    administers_nothing(&scene, &stranger).await;
}

/// Neither topics nor groups nor their settings, its own included.
async fn administers_nothing(scene: &Scene, login: &Login) {
    for topic in [TOPIC, LETTERS] {
        assert_eq!(login.delete(topic).await, NO_TOPIC, "{topic}");
        let deleted = login.delete_records(topic).await;
        // Whoever is not shown the topic cannot even find whom to ask.
        assert!([NO_TOPIC, NOBODY_TO_ASK].contains(&deleted), "{topic}: {deleted:?}");
        assert_eq!(login.add_partitions(topic).await, NO_TOPIC, "{topic}");
        login.shorten_retention(topic).await;
    }
    assert_eq!(login.create("of-my-own").await, NO_TOPIC);
    assert_eq!(login.delete_group(GROUP).await, NO_GROUP);
    let administrator = Login::administrator(scene);
    for topic in [TOPIC, LETTERS] {
        assert_ne!(administrator.setting(topic, "retention.ms").await.unwrap(), "1000", "{topic}");
    }
}
