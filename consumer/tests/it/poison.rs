//! Records that can never be stored: each becomes one dead letter, untouched, and the others are stored.

use consumer::dead_letter;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::FutureRecord;

use crate::events::{event, events};
use crate::raw_record::produce_with_header;
use crate::scene::{PARTITIONS, PATIENCE, Scene, execute, header, stop};

const VERSION: Option<&str> = Some("1");

/// The reason to expect, the version's header and the value.
type Kind<'a> = (&'a str, Option<&'a str>, Option<&'a [u8]>);

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_poison_becomes_one_dead_letter_with_the_record_untouched() {
    let scene = Scene::new().await;
    let consumer = scene.start(&[]).await;
    let good = &event(uuid::Uuid::now_v7(), 0);
    let kinds: [Kind<'_>; 8] = [
        ("no_schema_version", None, Some(good.as_bytes())),
        ("unknown_schema_version", Some("2"), Some(good.as_bytes())),
        ("empty", VERSION, None),
        ("empty", VERSION, Some(b"")),
        ("not_utf8", VERSION, Some(b"{\"id\":\"\xff\"}")),
        ("not_json", VERSION, Some(b"{\"id\":")),
        ("invalid_event", VERSION, Some(b"[]")),
        ("invalid_event", VERSION, Some(b"{\"eventType\":\"impression\"}")),
    ];
    for (place, (reason, version, value)) in kinds.iter().enumerate() {
        let mut headers = OwnedHeaders::new().insert(Header { key: "traceparent", value: Some(*reason) });
        if let Some(version) = version {
            headers = headers.insert(Header { key: "schema-version", value: Some(*version) });
        }
        headers = headers.insert(Header { key: "none", value: None::<&str> });
        let key = format!("key-{place}");
        let mut record = FutureRecord::to(&scene.topic)
            .key(key.as_bytes())
            .headers(headers)
            .partition(place as i32 % PARTITIONS);
        record.payload = *value;
        scene.produce_record(record).await;
    }
    scene.produce([good]).await;
    scene.wait_for_rows(1).await;

    let letters = scene.dead_letters(8).await;
    for letter in &letters {
        let place: usize =
            std::str::from_utf8(letter.key().unwrap()).unwrap()["key-".len()..].parse().unwrap();
        let (reason, version, value) = kinds[place];
        assert_eq!(letter.payload(), value, "{reason}");
        assert_eq!(header(letter, dead_letter::REASON).as_deref(), Some(reason));
        assert_eq!(header(letter, "traceparent").as_deref(), Some(reason));
        assert_eq!(header(letter, "schema-version").as_deref(), version);
        assert!(
            letter.headers().unwrap().iter().any(|header| header.key == "none" && header.value.is_none())
        );
        assert!(!header(letter, dead_letter::ERROR).unwrap().is_empty());
        assert_eq!(header(letter, dead_letter::TOPIC).as_deref(), Some(scene.topic.as_str()));
        assert_eq!(header(letter, dead_letter::PARTITION), Some((place as i32 % PARTITIONS).to_string()));
        assert!(header(letter, dead_letter::OFFSET).unwrap().parse::<i64>().is_ok());
        assert!(header(letter, dead_letter::AT).unwrap().parse::<i64>().unwrap() > 1_700_000_000_000);
        assert_eq!(header(letter, dead_letter::TRUNCATED), None);
    }
    scene.wait_for_committed(9).await;
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_that_the_database_refuses_costs_one_dead_letter_among_ten_thousand() {
    let scene = Scene::new().await;
    let refuse = "alter table prompt_telemetry add constraint not_this_one check (session_id <> 's-6789')";
    execute(&mut scene.owner().await, refuse).await;
    let events = events(10_000);
    scene.produce(&events).await;
    // One batch of all, which two connections share: its rows are not written in the order of the records.
    let consumer = scene.start(&["--batch-records", "10000", "--batch-wait-ms", "10000"]).await;
    scene.wait_for_rows(9_999).await;

    let [letter]: [OwnedMessage; 1] = scene.dead_letters(1).await.try_into().unwrap();
    assert_eq!(letter.payload(), Some(events[6_789].as_bytes()));
    assert_eq!(letter.key(), Some(&b"6789"[..]));
    assert_eq!(header(&letter, "schema-version").as_deref(), VERSION);
    assert_eq!(header(&letter, dead_letter::REASON).as_deref(), Some("refused_by_database"));
    let error = header(&letter, dead_letter::ERROR).unwrap();
    assert!(error.contains("23514") && error.contains("not_this_one"), "{error}");
    scene.assert_aggregates_equal_the_rows().await;
    scene.wait_for_committed(10_000).await;
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_refused_rows_are_all_found_whichever_way_rows_are_written() {
    let scene = Scene::new().await;
    let mut superuser = scene.superuser().await;
    let refuse = "alter table prompt_telemetry add check (session_id not in ('s-0', 's-17', 's-1500', 's-1501', 's-2999'))";
    execute(&mut superuser, refuse).await;
    let slow = format!("slow_{}", uuid::Uuid::new_v4().simple());
    let login =
        format!("create role {slow} login password '{}' in role telemetry_writer", local::testing::PASSWORD);
    execute(&mut superuser, &login).await;
    let events = events(3_000);
    scene.produce(&events).await;

    let mut config = scene.config_as(&scene.database.url_as(&slow), &["--batch-wait-ms", "2000"]);
    config.group = slow.clone();
    let consumer = consumer::server::Consumer::start(config).await.unwrap();
    scene.wait_for_rows(2_995).await;
    scene.dead_letters(5).await;
    stop(consumer).await;

    execute(&mut superuser, "truncate prompt_telemetry").await;
    let consumer = scene.start(&["--batch-wait-ms", "2000"]).await;
    scene.wait_for_rows(2_995).await;
    scene.dead_letters(10).await;
    scene.wait_for_committed(3_000).await;
    scene.assert_aggregates_equal_the_rows().await;
    stop(consumer).await;
    execute(&mut superuser, &format!("drop role {slow}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_too_large_for_the_dead_letter_topic_is_cut_and_says_so() {
    if !local::testing::broker_is_apache() {
        eprintln!("NOT TESTED: the embedded broker knows no largest record; this needs Apache Kafka");
        return;
    }
    use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
    use rdkafka::client::DefaultClientContext;

    let scene = Scene::new().await;
    let admin: AdminClient<DefaultClientContext> = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", local::testing::bootstrap_servers())
        .create()
        .unwrap();
    let letters = format!("{}.dead-letter", scene.topic);
    let limit = AlterConfig::new(ResourceSpecifier::Topic(&letters)).set("max.message.bytes", "100000");
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    for result in admin.alter_configs([&limit], &options).await.unwrap() {
        result.unwrap();
    }

    // Text that lz4 cannot shrink.
    let noise: String = (0..20_000).map(|_| uuid::Uuid::new_v4().simple().to_string()).collect();
    let headers = OwnedHeaders::new().insert(Header { key: "traceparent", value: Some("trace") });
    let consumer = scene.start(&[]).await;
    scene
        .produce_record(
            FutureRecord::to(&scene.topic).key(&b"large"[..]).payload(noise.as_bytes()).headers(headers),
        )
        .await;
    let huge = OwnedHeaders::new().insert(Header { key: "huge", value: Some(&noise) });
    scene
        .produce_record(FutureRecord::to(&scene.topic).key(&b"huge"[..]).payload(&b"x"[..]).headers(huge))
        .await;

    let letters = scene.dead_letters(2).await;
    let cut = letters.iter().find(|letter| letter.key() == Some(b"large")).unwrap();
    assert_eq!(cut.payload(), Some(&noise.as_bytes()[..64 * 1024]));
    assert_eq!(header(cut, "traceparent").as_deref(), Some("trace"));
    assert_eq!(header(cut, dead_letter::TRUNCATED), Some(noise.len().to_string()));
    let bare = letters.iter().find(|letter| letter.key().is_none()).unwrap();
    assert_eq!((bare.payload(), header(bare, "huge")), (None, None));
    assert_eq!(header(bare, dead_letter::TRUNCATED).as_deref(), Some("1"));
    assert_eq!(header(bare, dead_letter::REASON).as_deref(), Some("no_schema_version"));
    scene.wait_for_committed(2).await;
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_whose_name_is_no_text_is_poison_and_stops_nothing() {
    let scene = Scene::new().await;
    let consumer = scene.start(&[]).await;
    let events = events(2);
    produce_with_header(&scene.topic, b"odd", events[0].as_bytes(), b"schema-version\xFF");
    scene.produce(&events[1..]).await;
    scene.wait_for_rows(1).await;
    let [letter]: [OwnedMessage; 1] = scene.dead_letters(1).await.try_into().unwrap();
    assert_eq!((letter.key(), letter.payload()), (Some(&b"odd"[..]), Some(events[0].as_bytes())));
    // Its own header comes first, and can't be read here either; ours follow.
    let reason = letter.headers().unwrap().get(1);
    assert_eq!((reason.key, reason.value), (dead_letter::REASON, Some(&b"header_name_not_utf8"[..])));
    scene.wait_for_committed(2).await;
    stop(consumer).await;
}
