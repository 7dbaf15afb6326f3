//! The aggregates over HTTP, from a real database that the migrations made.

use local::testing::TestDatabase;
use schema::{PromptStats, PromptStatsPage};
use serde_json::json;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, migrate};
use tokio::sync::Mutex;

use crate::intake::{EVENT, Intake, problem};

const PERFORMANCE: &str = "/api/telemetry/prompts/performance";

/// Migrations make roles, which all databases of a cluster share: two at once could get in each other's way.
static MIGRATING: Mutex<()> = Mutex::const_new(());

pub(crate) struct Reads {
    pub(crate) intake: Intake,
    pub(crate) owner: PgPool,
    _database: TestDatabase,
}

/// A fresh database with the whole schema, and a pool of its owner's.
pub(crate) async fn migrated() -> (TestDatabase, PgPool) {
    let database = TestDatabase::create().await;
    let owner = PgPoolOptions::new().max_connections(2).connect(&database.owner_url()).await.unwrap();
    let alone = MIGRATING.lock().await;
    migrate!("../migrations").run(&owner).await.unwrap();
    drop(alone);
    (database, owner)
}

/// Intake that reads from a fresh database, which needs no broker.
pub(crate) async fn start() -> Reads {
    let (database, owner) = migrated().await;
    let intake = Intake::start_alone(&["--database-url", &database.ingest_url()]).await;
    Reads { intake, owner, _database: database }
}

impl Reads {
    async fn insert(
        &self,
        prompt: &str,
        kind: &str,
        lens: Option<&str>,
        stage: Option<&str>,
        outcome: Outcome,
    ) {
        sqlx::query(
            "insert into prompt_telemetry (event_type, prompt_id, session_id, \"timestamp\", context_lens_id, \
             context_stage, outcome_entropy_delta, outcome_dwell_time_ms) \
             values ($1, $2, 's', '2026-01-31T12:00:00.123Z', $3, $4, $5, $6)",
        )
        .bind(kind)
        .bind(prompt)
        .bind(lens)
        .bind(stage)
        .bind(outcome.0)
        .bind(outcome.1)
        .execute(&self.owner)
        .await
        .unwrap();
    }

    async fn stats(&self, path_id: &str, query: &str) -> PromptStats {
        let path = format!("/api/telemetry/prompt/{path_id}/stats{query}");
        let response = self.intake.get(&path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    async fn page(&self, query: &str) -> PromptStatsPage {
        let response = self.intake.get(&format!("{PERFORMANCE}{query}")).send().await.unwrap();
        assert_eq!(response.status(), 200, "{query}");
        response.json().await.unwrap()
    }

    async fn ids(&self, query: &str) -> Vec<String> {
        self.page(query).await.prompts.into_iter().map(|stats| stats.prompt_id).collect()
    }
}

/// Entropy delta and dwell time.
type Outcome = (Option<f64>, Option<i32>);
const NONE: Outcome = (None, None);

#[tokio::test]
async fn an_unknown_prompt_has_zeros_and_nulls() {
    let reads = start().await;
    let response = reads.intake.get("/api/telemetry/prompt/nobody/stats").send().await.unwrap();
    let expected = json!({ "promptId": "nobody", "impressions": 0, "selections": 0, "completions": 0,
        "selectionRate": 0.0, "avgEntropyDelta": null, "avgDwellTimeMs": null, "lastSurfaced": null });
    assert_eq!(response.json::<serde_json::Value>().await.unwrap(), expected);
    assert_eq!(reads.page("").await, PromptStatsPage { prompts: Vec::new(), total: 0 });
}

#[tokio::test]
async fn numbers_are_rounded_half_away_from_zero_with_and_without_a_slice() {
    let reads = start().await;
    for kind in ["impression", "impression", "impression", "selection", "selection", "feedback"] {
        reads.insert("p", kind, Some("l"), Some("genesis"), NONE).await;
    }
    // The mean is −0.12345, and that of the dwell times 2.5.
    reads.insert("p", "completion", Some("l"), Some("genesis"), (Some(-0.1234), Some(2))).await;
    reads.insert("p", "completion", Some("l"), Some("genesis"), (Some(-0.1235), Some(3))).await;
    reads.insert("p", "completion", Some("l"), Some("genesis"), NONE).await;
    let expected = PromptStats {
        prompt_id: "p".to_owned(),
        impressions: 3,
        selections: 2,
        completions: 3,
        selection_rate: 0.6667,
        avg_entropy_delta: Some(-0.1235),
        avg_dwell_time_ms: Some(3.0),
        last_surfaced: Some("2026-01-31T12:00:00.123Z".to_owned()),
    };
    for query in ["", "?lens=l", "?stage=genesis", "?lens=l&stage=genesis"] {
        assert_eq!(reads.stats("p", query).await, expected, "{query}");
        assert_eq!(reads.page(query).await, PromptStatsPage { prompts: vec![expected.clone()], total: 1 });
    }
}

#[tokio::test]
async fn a_slice_counts_only_its_events() {
    let reads = start().await;
    let slices =
        [(None, None, 1), (Some(""), None, 2), (Some("l"), None, 3), (Some("l"), Some("synthesis"), 4)];
    for (lens, stage, count) in slices {
        for _ in 0..count {
            reads.insert("p", "impression", lens, stage, NONE).await;
        }
    }
    let counts = [
        ("", 10),
        ("?lens=none", 1),
        ("?lens=", 2),
        ("?lens=l", 7),
        ("?stage=synthesis", 4),
        ("?lens=l&stage=synthesis", 4),
        ("?lens=l&stage=genesis", 0),
        ("?lens=other", 0),
    ];
    for (query, impressions) in counts {
        assert_eq!(reads.stats("p", query).await.impressions, impressions, "{query}");
        assert_eq!(reads.page(query).await.total, i64::from(impressions > 0), "{query}");
    }
}

#[tokio::test]
async fn the_list_is_sorted_by_any_field_with_nulls_last_and_ties_by_id() {
    let reads = start().await;
    for (prompt, impressions, selections) in [("b", 2, 2), ("a", 2, 0), ("C", 4, 1), ("d", 0, 1)] {
        for _ in 0..impressions {
            reads.insert(prompt, "impression", None, None, NONE).await;
        }
        for _ in 0..selections {
            reads.insert(prompt, "selection", None, None, NONE).await;
        }
    }
    reads.insert("a", "completion", None, None, (Some(0.5), None)).await;
    reads.insert("d", "completion", None, None, (Some(-0.5), Some(9))).await;
    let orders = [
        ("", "C a b d"),
        ("?order=asc", "d a b C"),
        ("?sort=promptId&order=asc", "C a b d"),
        ("?sort=prompt_id", "d b a C"),
        ("?sort=selectionRate", "b C a d"),
        ("?sort=selections", "b C d a"),
        ("?sort=avg_entropy_delta", "a d C b"),
        ("?sort=avgEntropyDelta&order=asc", "d a C b"),
        ("?sort=avgDwellTimeMs", "d C a b"),
        ("?sort=completions", "a d C b"),
        ("?sort=lastSurfaced", "C a b d"),
    ];
    for lens in ["", "lens=none"] {
        for (query, expected) in orders {
            let query = if query.is_empty() { format!("?{lens}") } else { format!("{query}&{lens}") };
            assert_eq!(reads.ids(&query).await.join(" "), expected, "{query}");
        }
    }
}

#[tokio::test]
async fn pages_tell_the_total_even_beyond_the_end() {
    let reads = start().await;
    for number in 0..7 {
        reads.insert(&format!("p{number}"), "impression", None, None, NONE).await;
    }
    let page = reads.page("?limit=3&offset=3&sort=promptId&order=asc").await;
    assert_eq!(page.total, 7);
    assert_eq!(page.prompts.iter().map(|stats| &*stats.prompt_id).collect::<Vec<_>>(), ["p3", "p4", "p5"]);
    assert_eq!(reads.page("?offset=100").await, PromptStatsPage { prompts: Vec::new(), total: 7 });
    assert_eq!(reads.page("?min_impressions=2").await.total, 0);
}

#[tokio::test]
async fn the_search_takes_its_text_literally_in_any_case() {
    let reads = start().await;
    for prompt in ["100%_Sure", "100xySure", "a\\b", "O'Hara", "x"] {
        reads.insert(prompt, "impression", None, None, NONE).await;
    }
    for (search, expected) in [
        ("%25_s", "100%_Sure"),
        ("SURE", "100%_Sure 100xySure"),
        ("%5C", "a\\b"),
        ("o%27h", "O'Hara"),
        ("zzz", ""),
    ] {
        let found = reads.ids(&format!("?sort=promptId&order=asc&search={search}")).await;
        assert_eq!(found.join(" "), expected, "{search}");
        assert_eq!(reads.page(&format!("?search={search}")).await.total, found.len() as i64);
    }
}

#[tokio::test]
async fn a_search_finds_ids_that_look_alike_and_what_nobody_sees() {
    let reads = start().await;
    let ids = [
        "cafe\u{301}-1",
        "caf\u{e9}-2",
        "ti\u{200b}de",
        "\u{202e}edit",
        "out\u{ad}line",
        "\u{fb01}ne",
        "\u{ff21}\u{ff22}",
    ];
    for id in ids {
        reads.insert(id, "impression", None, None, NONE).await;
    }
    for (search, expected) in [
        ("caf%C3%A9", &ids[..2]),
        ("cafe%CC%81", &ids[..2]),
        ("CAF%C3%89", &ids[..2]),
        ("cafe", &ids[..2]),
        ("tide", &ids[2..3]),
        ("ti%E2%80%8Bde", &ids[2..3]),
        ("edit", &ids[3..4]),
        ("outline", &ids[4..5]),
        ("fine", &ids[5..6]),
        ("ab", &ids[6..]),
        // Nothing is left of it, so it is looked for as it is.
        ("%E2%80%8B", &ids[2..3]),
        ("caf%C3%A8", &[]),
    ] {
        let mut found = reads.ids(&format!("?search={search}")).await;
        let mut expected = expected.to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{search}");
    }
}

#[tokio::test]
async fn a_list_is_read_whole_by_id_while_it_changes() {
    let reads = start().await;
    for id in ["a", "B", "c", "\u{e9}", "d"] {
        reads.insert(id, "impression", None, None, NONE).await;
    }
    let page =
        async |after: &str| reads.ids(&format!("?sort=promptId&order=asc&limit=2&after={after}")).await;
    assert_eq!(page("").await, ["B", "a"]);
    // A prompt before the cursor moves nothing.
    reads.insert("A", "impression", None, None, NONE).await;
    assert_eq!(page("a").await, ["c", "d"]);
    assert_eq!(page("d").await, ["\u{e9}"]);
    assert_eq!(page("%C3%A9").await, [""; 0]);
    assert_eq!(reads.page("?after=a&limit=1").await.total, 3, "total is after this filter too");
}

#[tokio::test]
async fn a_lens_called_none_can_be_asked_for() {
    let reads = start().await;
    for lens in [Some("none"), None, None, Some("l")] {
        reads.insert("p", "impression", lens, None, NONE).await;
    }
    for (query, impressions) in [
        ("lens=none", 2),
        ("lensId=none", 1),
        ("lensId=l", 1),
        ("lens=l", 1),
        ("lensId=", 0),
        ("lens=none&lensId=none", 0),
        ("lens=l&lensId=l", 1),
    ] {
        assert_eq!(reads.stats("p", &format!("?{query}")).await.impressions, impressions, "{query}");
        assert_eq!(reads.page(&format!("?{query}")).await.total, i64::from(impressions > 0), "{query}");
    }
}

#[tokio::test]
async fn an_id_is_asked_for_by_query_and_its_slashes_may_be_decoded_on_their_way() {
    let reads = start().await;
    for (id, query) in [
        ("guides/first", "guides%2Ffirst"),
        ("a//b/", "a%2F%2Fb%2F"),
        ("a b+\u{e9}", "a+b%2B%C3%A9"),
        ("stats", "stats"),
    ] {
        reads.insert(id, "impression", None, None, NONE).await;
        for path in ["/api/telemetry/prompt/stats", "/api/telemetry/prompt/stats/"] {
            let response = reads.intake.get(&format!("{path}?id={query}")).send().await.unwrap();
            let stats: PromptStats = response.json().await.unwrap();
            assert_eq!((stats.prompt_id.as_str(), stats.impressions), (id, 1), "{query}");
        }
    }
    for path in ["guides/first", "guides/first", "a//b/", "a%2F/b%2F"] {
        let stats = reads.stats(path, "").await;
        assert_eq!(stats.impressions, 1, "{path}");
    }
    for query in ["", "?id=", "?id=.."] {
        let response = reads.intake.get(&format!("/api/telemetry/prompt/stats{query}")).send().await.unwrap();
        problem(response, 400, "invalid_parameters").await;
    }
}

#[tokio::test]
async fn a_parameter_that_is_not_known_is_refused_everywhere_with_those_that_are() {
    let reads = start().await;
    for (path, known) in [
        ("/api/telemetry/prompt/p/stats?lens=a&window=7d", "lens, lensId, stage"),
        ("/api/telemetry/prompt/stats?id=p&window=7d", "id, lens, lensId, stage"),
        ("/api/telemetry/prompts/performance?window=7d", "min_impressions"),
    ] {
        let response = reads.intake.get(path).send().await.unwrap();
        let errors = problem(response, 400, "invalid_parameters").await.errors.unwrap();
        assert_eq!(errors[0].field, "window", "{path}");
        assert!(errors[0].message.contains(known), "{}", errors[0].message);
    }
    for path in [EVENT, crate::intake::BATCH] {
        let response = reads.intake.send(&format!("{path}?kye=secret"), &json!({})).await;
        let errors = problem(response, 400, "invalid_parameters").await.errors.unwrap();
        assert!(errors[0].message.ends_with("known are: key"), "{}", errors[0].message);
    }
}

#[tokio::test]
async fn any_prompt_id_can_be_asked_for() {
    let reads = start().await;
    let ids = [
        ("a%2Fb", "a/b"),
        ("%F0%9F%A6%80", "🦀"),
        ("%2525", "%25"),
        ("a+b", "a+b"),
        ("a%20b", "a b"),
        ("...", "..."),
        ("%2Fstats", "/stats"),
        ("a%3Fb%23c", "a?b#c"),
        ("%01", "\u{1}"),
    ];
    for (path, id) in ids {
        reads.insert(id, "impression", None, None, NONE).await;
        let stats = reads.stats(path, "").await;
        assert_eq!((stats.prompt_id.as_str(), stats.impressions), (id, 1), "{path}");
    }
    let longest = "%F0%9F%A6%80".repeat(256);
    assert_eq!(reads.stats(&longest, "").await.impressions, 0);
}

#[tokio::test]
async fn a_prompt_id_that_none_can_have_and_wrong_parameters_are_told_with_what_is_allowed() {
    let reads = start().await;
    let wrong = [String::new(), "a".repeat(257), "a".repeat(10_000), "%00".to_owned(), "%FF".to_owned()];
    for id in wrong {
        let path = format!("/api/telemetry/prompt/{id}/stats");
        let problem = problem(reads.intake.get(&path).send().await.unwrap(), 400, "invalid_parameters").await;
        assert_eq!(problem.errors.unwrap()[0].field, "id");
    }
    for dots in ["%2E", "%2E%2E"] {
        let request = format!(
            "GET /api/telemetry/prompt/{dots}/stats HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        );
        let answer = crate::intake::raw(reads.intake.address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("not_allowed"), "{answer}");
    }
    for (query, word) in [
        ("sort=x", "avgDwellTimeMs"),
        ("order=x", "asc, desc"),
        ("stage=x", "advocacy"),
        ("limit=501", "500"),
    ] {
        let response = reads.intake.get(&format!("{PERFORMANCE}?{query}")).send().await.unwrap();
        let errors = problem(response, 400, "invalid_parameters").await.errors.unwrap();
        assert!(errors[0].message.contains(word), "{}", errors[0].message);
    }
}

#[tokio::test]
async fn without_its_database_only_reading_fails() {
    let database = "postgres://telemetry_ingest:x@127.0.0.1:1/none";
    let intake = Intake::start(&["--database-url", database]).await;
    let event = json!({ "eventType": "impression", "promptId": "p", "sessionId": "s" });
    let (read, list) =
        tokio::join!(async { intake.get("/api/telemetry/prompt/p/stats").send().await.unwrap() }, async {
            intake.get(PERFORMANCE).send().await.unwrap()
        },);
    problem(read, 503, "reads_unavailable").await;
    problem(list, 503, "reads_unavailable").await;
    assert_eq!(intake.send(EVENT, &event).await.status(), 202);
    assert_eq!(intake.readiness().await.0, 200);
}
