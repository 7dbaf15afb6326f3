//! The read routes over a small set of prompts whose numbers are known.

use local::api::Stats;
use serde_json::{Value, json};

use crate::scene::{Scene, event};

fn shown(prompt_id: &str, times: usize, lens: Option<&str>) -> Vec<Value> {
    let one = || {
        let mut event = event("impression", prompt_id);
        event["context"] = json!({ "lensId": lens, "stage": "genesis" });
        event
    };
    (0..times).map(|_| one()).collect()
}

async fn ids(scene: &Scene, query: &str) -> Vec<String> {
    let page = scene.api.performance(query).await.unwrap();
    page.prompts.into_iter().map(|stats| stats.prompt_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_sorted_paged_and_filtered_and_an_unknown_prompt_has_zeros() {
    let scene = Scene::start("reads").await;
    let mut completion = event("completion", "b");
    completion["outcome"] = json!({"dwellTimeMs": 0, "entropyDelta": 0});
    let mut events = [shown("a", 3, Some("x")), shown("b", 1, Some("x")), shown("b", 1, None)].concat();
    events.extend(shown("C_100%", 2, Some("y")));
    events.push(event("selection", "b"));
    events.push(completion);
    scene.accept(&events).await;
    scene.settled(9).await;

    assert_eq!(scene.stats("unheard-of").await, Stats::nothing("unheard-of"));
    assert_eq!(ids(&scene, "").await, ["a", "C_100%", "b"], "ties by id, capitals first");
    assert_eq!(ids(&scene, "sort=impressions&order=asc").await, ["C_100%", "b", "a"]);
    assert_eq!(ids(&scene, "sort=selection_rate").await[0], "b");
    for sort in ["avgDwellTimeMs&order=desc", "avg_dwell_time_ms&order=asc", "avgEntropyDelta&order=asc"] {
        assert_eq!(
            ids(&scene, &format!("sort={sort}")).await[0],
            "b",
            "nulls come last, a true 0 is no null"
        );
    }
    assert_eq!(ids(&scene, "sort=promptId&order=asc&limit=1&offset=1").await, ["a"]);
    assert_eq!(scene.api.performance("limit=1&offset=1").await.unwrap().total, 3, "total is of all pages");
    assert_eq!(ids(&scene, "search=c_1").await, ["C_100%"], "case does not count");
    assert_eq!(ids(&scene, "search=%25").await, ["C_100%"], "wildcards are taken literally");
    assert_eq!(ids(&scene, "min_impressions=3").await, ["a"]);

    let of_lens = scene.api.stats("b", "lens=x").await.unwrap();
    assert_eq!((of_lens.impressions, of_lens.selections), (1, 0));
    let without = scene.api.stats("b", "lens=none").await.unwrap();
    assert_eq!((without.impressions, without.selections, without.avg_dwell_time_ms), (1, 1, Some(0.0)));
    assert_eq!(ids(&scene, "lens=y&stage=genesis").await, ["C_100%"]);
    assert_eq!(ids(&scene, "stage=advocacy").await, [""; 0]);
}
