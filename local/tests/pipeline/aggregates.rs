//! Single events, batches and partial batches show in the numbers, with all they carried.

use serde_json::{Value, json};
use sqlx::Row;

use crate::oracle::assert_aggregates_equal_rows;
use crate::scene::{Scene, event};

#[tokio::test(flavor = "multi_thread")]
async fn single_events_batches_and_partial_batches_reach_the_aggregates() {
    let scene = Scene::start("aggregates").await;

    let answer = scene.post_event(&event("impression", "alpha")).await;
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.json::<Value>().await.unwrap()["status"], "accepted");

    let mut completion = event("completion", "alpha");
    completion["outcome"] = json!({"dwellTimeMs": 1500.5, "entropyDelta": 0.125, "followUpPromptId": "beta"});
    scene.accept(&[event("impression", "alpha"), event("selection", "alpha"), completion]).await;

    let mut bad = event("impression", "alpha");
    bad["context"] = json!({"entropy": 2});
    let answer = scene.post_batch(&[event("impression", "beta"), bad.clone(), event("skip", "beta")]).await;
    assert_eq!(answer.status(), 202);
    let body: Value = answer.json().await.unwrap();
    assert_eq!((&body["count"], &body["status"]), (&json!(2), &json!("partial")));
    assert_eq!((&body["rejected"][0]["index"], &body["rejected"][0]["id"]), (&json!(1), &bad["id"]));
    assert_eq!(body["rejected"][0]["errors"][0]["field"], "context.entropy");

    scene.settled(6).await;
    let alpha = scene.stats("alpha").await;
    assert_eq!((alpha.impressions, alpha.selections, alpha.completions), (2, 1, 1));
    assert_eq!(
        (alpha.selection_rate, alpha.avg_entropy_delta, alpha.avg_dwell_time_ms),
        (0.5, Some(0.125), Some(1501.0))
    );
    let beta = scene.stats("beta").await;
    assert_eq!((beta.impressions, beta.selections, beta.last_surfaced_ms), (1, 0, Some(1_769_860_800_000)));
    assert_aggregates_equal_rows(&mut scene.sql().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_the_existing_clients_event_is_stored_as_it_was_sent() {
    let scene = Scene::start("fields").await;
    let sent = json!({
        "eventType": "impression", "promptId": "gen-fork-1", "sessionId": "4c2e", "timestamp": 1_769_860_800_123_i64,
        "context": {"stage": "genesis", "lensId": null, "entropy": 0, "interactionCount": 0,
            "activeTopics": ["a \"quoted\" topic", ""], "activeMoments": []},
        "scoring": {"finalScore": 5.25, "rank": 0,
            "matchDetails": {"stageMatch": true, "lensWeight": 0.7, "topicWeight": 0, "momentBoost": 3}},
    });
    assert_eq!(scene.post_event(&sent).await.status(), 202);
    scene.settled(1).await;

    let row =
        sqlx::query("select *, extract(epoch from \"timestamp\")::float8 as seconds from prompt_telemetry");
    let row = row.fetch_one(&mut scene.sql().await).await.unwrap();
    assert_eq!(row.get::<f64, _>("seconds"), 1_769_860_800.123);
    assert_eq!(row.get::<&str, _>("context_stage"), "genesis");
    assert_eq!(row.get::<Option<&str>, _>("context_lens_id"), None);
    assert_eq!(row.get::<f64, _>("context_entropy"), 0.0);
    assert_eq!(row.get::<i32, _>("context_interaction_count"), 0);
    assert_eq!(row.get::<Vec<String>, _>("context_active_topics"), ["a \"quoted\" topic", ""]);
    assert_eq!(row.get::<Vec<String>, _>("context_active_moments"), [""; 0]);
    assert_eq!((row.get::<f64, _>("scoring_final_score"), row.get::<i32, _>("scoring_rank")), (5.25, 0));
    assert!(row.get::<bool, _>("scoring_stage_match"));
    assert_eq!(row.get::<f64, _>("scoring_lens_weight"), 0.7);
    assert_eq!(
        (row.get::<f64, _>("scoring_topic_weight"), row.get::<f64, _>("scoring_moment_boost")),
        (0.0, 3.0)
    );
    assert_eq!(row.get::<Option<f64>, _>("scoring_base_weight"), None);
    assert_eq!(row.get::<Option<i32>, _>("outcome_dwell_time_ms"), None);
}
