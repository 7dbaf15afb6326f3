//! Dead letters in a person's hands: listed, shown, sent again, removed.

use consumer::dead_letter;
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::FutureRecord;
use serde_json::Value;
use uuid::Uuid;

use crate::command::{dead_letters, run};
use crate::events::{event, events};
use crate::raw_record::produce_with_header;
use crate::scene::{Scene, execute, header, stop};

/// A constraint that speaks against one event, until it is dropped.
const REFUSE: &str = "alter table prompt_telemetry add constraint not_this_one check (session_id <> 's-7')";
const ALLOW: &str = "alter table prompt_telemetry drop constraint not_this_one";

/// A topic with so many events that are no JSON, and one that the database refused.
async fn scene_with_letters(broken: usize) -> (Scene, consumer::server::Consumer) {
    let scene = Scene::new().await;
    execute(&mut scene.owner().await, REFUSE).await;
    let consumer = scene.start(&[]).await;
    let broken: Vec<_> = (0..broken).map(|place| format!("broken {place}")).collect();
    scene.produce(&broken).await;
    scene.produce(&events(20)).await;
    scene.wait_for_rows(19).await;
    scene.dead_letters(broken.len() + 1).await;
    scene.wait_for_committed(20 + broken.len() as i64).await;
    (scene, consumer)
}

fn places(lines: &[&str]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_listed_by_reason_and_time_and_shown_without_their_values() {
    let (scene, consumer) = scene_with_letters(3).await;
    let all = dead_letters(&scene, &["list"]).await;
    let lines = all.lines();
    assert_eq!((lines.len(), *lines.last().unwrap()), (6, "4 letters"));
    assert!(lines[0].contains("PARTITION") && lines[0].contains("REASON"), "{}", lines[0]);
    assert!(!all.out.contains("broken") && !all.out.contains("promptId"), "no values: {}", all.out);

    let refused = dead_letters(&scene, &["list", "--json", "--reason", "refused_by_database"]).await;
    let [letter]: [Value; 1] = places(&refused.lines()).try_into().unwrap();
    assert_eq!((&letter["key"], &letter["topic"]), (&"7".into(), &scene.topic.as_str().into()));
    let at = letter["at"].as_str().unwrap();
    let by = |arguments: &'static str| {
        let arguments: Vec<_> = ["list", "--json"].into_iter().chain(arguments.split(' ')).collect();
        let (arguments, scene) =
            (arguments.iter().map(|word| word.replace("AT", at)).collect::<Vec<_>>(), &scene);
        async move {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            places(&dead_letters(scene, &arguments).await.lines())
        }
    };
    assert!(by("--since AT").await.contains(&letter) && !by("--until AT").await.contains(&letter));
    assert_eq!(by("--since AT").await.len() + by("--until AT").await.len(), 4);
    assert_eq!(by("--since 2999-01-01T00:00:00Z").await, Vec::<Value>::new());
    assert_eq!(by("--limit 2").await.len(), 2);
    let mut sorted = by("--limit 9").await;
    sorted.sort_by_key(|letter| (letter["partition"].as_i64(), letter["offset"].as_i64()));
    assert_eq!(by("--limit 9").await, sorted, "in the order of partition and offset");
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_letter_is_shown_with_all_that_belongs_to_it() {
    let scene = Scene::new().await;
    let consumer = scene.start(&[]).await;
    let headers = OwnedHeaders::new()
        .insert(Header { key: "schema-version", value: Some("1") })
        .insert(Header { key: "binary", value: Some(&b"\xFF\x00"[..]) })
        .insert(Header { key: "none", value: None::<&str> });
    let record = FutureRecord::to(&scene.topic).partition(2).headers(headers);
    scene.produce_record(record.key(&b"\x1b[2Jkey"[..]).payload(&b"\x00\xFEvalue"[..])).await;
    scene.dead_letters(1).await;
    let listed = dead_letters(&scene, &["list", "--json"]).await;
    let [letter]: [Value; 1] = places(&listed.lines()).try_into().unwrap();
    let (partition, offset) = (letter["partition"].to_string(), letter["offset"].to_string());

    let place = ["show", "--partition", &partition, "--offset", &offset];
    let shown = dead_letters(&scene, &place).await;
    for wanted in [
        "reason       not_utf8",
        &format!("from         {}[2]@0", scene.topic),
        "key          \\u{1b}[2Jkey",
        "header       schema-version: 1",
        "header       binary: 0xff00",
        "header       none: -",
        "value        7 bytes\n0x00fe76616c7565\n",
    ] {
        assert!(shown.out.contains(wanted), "{wanted:?} is missing: {}", shown.out);
    }
    let cut = dead_letters(&scene, &[&place[..], &["--bytes", "2"]].concat()).await;
    assert!(cut.out.contains("0x00fe… (5 more bytes)"), "{}", cut.out);

    let beyond = dead_letters(&scene, &["show", "--partition", &partition, "--offset", "99"]).await;
    assert!(beyond.failure().contains("out of range") && beyond.err.contains("holds 0 to 0"), "{beyond:?}");
    let nowhere = dead_letters(&scene, &["show", "--partition", "77", "--offset", "0"]).await;
    assert!(nowhere.failure().contains("no partition 77"), "{nowhere:?}");
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_whose_cause_is_gone_is_replayed_and_ends_as_a_row_exactly_once() {
    let (scene, consumer) = scene_with_letters(2).await;
    let mine = ["--reason", "refused_by_database"];
    let dry = dead_letters(&scene, &[&["replay", "--dry-run"][..], &mine].concat()).await;
    assert_eq!(dry.lines().last().unwrap(), &format!("would replay 1 letter to {}", scene.topic));
    assert_eq!((scene.rows().await, scene.end()), (19, 22), "a dry run changes nothing");

    // Before its cause is gone it only comes back.
    let replay = [&["replay"][..], &mine].concat();
    dead_letters(&scene, &replay).await.lines();
    scene.dead_letters(4).await;
    assert_eq!((scene.rows().await, scene.end()), (19, 23));

    execute(&mut scene.owner().await, ALLOW).await;
    // Two letters hold the same event by now, and each is sent twice.
    for _ in 0..2 {
        let said = dead_letters(&scene, &replay).await;
        assert!(said.lines()[0].starts_with("replayed 2 letters to "), "{said:?}");
    }
    scene.wait_for_rows(20).await;
    scene.wait_for_committed(27).await;
    assert_eq!(scene.count("select count(*) from prompt_telemetry where session_id = 's-7'").await, 1);
    assert_eq!(scene.rows().await, 20);
    scene.assert_aggregates_equal_the_rows().await;
    assert_eq!(scene.dead_letters(4).await.len(), 4);
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_record_is_the_record_as_it_was() {
    let scene = Scene::new().await;
    let headers = OwnedHeaders::new()
        .insert(Header { key: "traceparent", value: Some("trace") })
        .insert(Header { key: dead_letter::REASON, value: Some("the sender's own") })
        .insert(Header { key: "none", value: None::<&str> });
    let record = FutureRecord::to(&scene.topic).key(&b"\xFFkey"[..]).headers(headers);
    let consumer = scene.start(&[]).await;
    scene.produce_record(record).await;
    scene.dead_letters(1).await;
    stop(consumer).await;
    dead_letters(&scene, &["replay", "--max", "1"]).await.lines();

    let records = scene.records(2).await;
    assert_eq!(records[0].key(), records[1].key());
    assert_eq!((records[0].payload(), records[1].payload()), (None, None));
    let own = |place: usize| {
        use rdkafka::message::Headers;
        let headers = records[place].headers().unwrap();
        let pair = |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(<[u8]>::to_vec));
        headers.iter().map(pair).collect::<Vec<_>>()
    };
    assert_eq!(own(0).len(), 3);
    assert_eq!(own(0), own(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_replayed_is_told_and_the_rest_is_replayed() {
    let scene = Scene::new().await;
    let consumer = scene.start(&[]).await;
    let good = event(Uuid::now_v7(), 0);
    produce_with_header(&scene.topic, b"odd", good.as_bytes(), b"schema-version\xFF");
    scene.produce(&["no json".to_owned()]).await;
    scene.dead_letters(2).await;
    stop(consumer).await;
    // A stranger writes to the dead-letter topic too, and somebody mixes up the topics.
    let letters = format!("{}.dead-letter", scene.topic);
    scene.produce_record(FutureRecord::to(&letters).key(&b"k"[..]).payload(&b"stranger"[..])).await;
    let of_another = OwnedHeaders::new()
        .insert(Header { key: dead_letter::REASON, value: Some("empty") })
        .insert(Header { key: dead_letter::TOPIC, value: Some("another-topic") });
    scene
        .produce_record(FutureRecord::to(&letters).key(&b"k"[..]).payload(&b""[..]).headers(of_another))
        .await;

    let said = dead_letters(&scene, &["replay"]).await;
    assert!(said.failure().contains("not replayed: 3 letters"), "{said:?}");
    for wanted in ["replayed 1 letter to", "does not say where", "another-topic", "not UTF-8"] {
        assert!(said.out.contains(wanted), "{wanted}: {said:?}");
    }
    let again = scene.records(3).await;
    assert_eq!(again.iter().filter(|record| record.payload() == Some(b"no json")).count(), 2);
    // The odd one's header can't be read here either.
    let mut readable = again.iter().filter(|record| record.key() != Some(b"odd"));
    assert!(readable.all(|record| header(record, dead_letter::REASON).is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_before_an_offset_are_dropped_and_a_dry_run_drops_none() {
    if !local::testing::broker_is_apache() {
        eprintln!("NOT TESTED: the embedded broker deletes no records; this needs Apache Kafka");
        return;
    }
    let scene = Scene::new().await;
    let letters = format!("{}.dead-letter", scene.topic);
    for _ in 0..5 {
        scene.produce_record(FutureRecord::to(&letters).key(&b"k"[..]).payload(&b"x"[..]).partition(1)).await;
    }
    let place = ["drop", "--partition", "1", "--before-offset"];
    let dry = dead_letters(&scene, &[&place[..], &["3", "--dry-run"]].concat()).await;
    assert!(dry.lines()[0].starts_with("would drop 3 letters of partition 1"), "{dry:?}");
    assert_eq!(dead_letters(&scene, &["list"]).await.lines().last(), Some(&"5 letters"));

    let beyond = dead_letters(&scene, &[&place[..], &["6"]].concat()).await;
    assert!(beyond.failure().contains("out of range") && beyond.err.contains("holds 0 to 4"), "{beyond:?}");
    let dropped = dead_letters(&scene, &[&place[..], &["3"]].concat()).await;
    assert!(dropped.lines()[0].ends_with("which now begins at offset 3"), "{dropped:?}");
    assert_eq!(dead_letters(&scene, &["list"]).await.lines().last(), Some(&"2 letters"));
    let again = dead_letters(&scene, &[&place[..], &["3"]].concat()).await;
    assert!(again.lines()[0].starts_with("nothing to drop"), "{again:?}");
    let gone = dead_letters(&scene, &["show", "--partition", "1", "--offset", "2"]).await;
    assert!(gone.failure().contains("holds 3 to 4"), "{gone:?}");
    dead_letters(&scene, &[&place[..], &["5"]].concat()).await.lines();
    assert_eq!(dead_letters(&scene, &["list"]).await.lines(), ["0 letters"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_with_a_remedy() {
    let scene = Scene::new().await;
    let servers = local::testing::bootstrap_servers();
    // Nobody listens on port 1.
    let away = run(&["list", "--kafka-bootstrap-servers", "127.0.0.1:1"]).await;
    assert!(
        away.failure().contains("does not answer") && away.err.contains("--kafka-bootstrap-servers"),
        "{away:?}"
    );
    if local::testing::broker_is_apache() {
        let missing =
            run(&["list", "--kafka-bootstrap-servers", &servers, "--kafka-topic", "no-such-topic"]).await;
        assert!(missing.failure().contains("no topic no-such-topic.dead-letter"), "{missing:?}");
        assert!(missing.err.contains("--kafka-topic"), "{missing:?}");
    }
    let time = dead_letters(&scene, &["list", "--since", "yesterday"]).await;
    assert!(time.code == 2 && time.err.contains("RFC 3339"), "{time:?}");
}
