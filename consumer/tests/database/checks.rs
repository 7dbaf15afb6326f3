//! What a row may hold: each bound just inside and just outside.

use std::collections::BTreeSet;

use crate::session::{column, connect, migrated, refusal, run};

/// A column, values that it takes and values that it refuses, as SQL expressions.
type Bound = (&'static str, &'static [&'static str], &'static [&'static str]);

const FINITE: [&[&str]; 2] = [
    &["1.7976931348623157e308::double precision", "-1.7976931348623157e308::double precision", "0", "null"],
    &["'NaN'", "'Infinity'", "'-Infinity'"],
];
const PROMPT: [&[&str]; 2] = [
    &["'a'", "repeat('💬', 256)", "'...'", "' '", "'a/b'"],
    &["''", "repeat('a', 257)", "repeat('💬', 257)", "'.'", "'..'"],
];
const COUNT: [&[&str]; 2] = [&["0", "2147483647", "null"], &["-1", "-2147483648"]];
const TIME: [&[&str]; 2] = [
    &["'2000-01-01 00:00:00+00'", "'2100-01-01 00:00:00+00'"],
    &["'1999-12-31 23:59:59.999999+00'", "'2100-01-01 00:00:00.000001+00'", "'infinity'", "'-infinity'"],
];
const TEXTS: [&[&str]; 2] = [
    &[
        "null",
        "'{}'",
        "array['']",
        "array[repeat('💬', 128)]",
        "array[repeat(' ', 128)]",
        "array_fill('a'::text, array[64])",
    ],
    &[
        "array[repeat('a', 129)]",
        "array['a', repeat('a', 128) || ' ']",
        "array[repeat('💬', 129)]",
        "array_fill('a'::text, array[65])",
        "array[null::text]",
        "array['a', null]",
        "array[array['a'], array['b']]",
    ],
];
const BOUNDS: &[Bound] = &[
    (
        "event_type",
        &["'impression'", "'selection'", "'completion'", "'feedback'", "'skip'"],
        &["''", "'Impression'", "'skip '", "'view'"],
    ),
    ("prompt_id", PROMPT[0], PROMPT[1]),
    ("session_id", &["'a'", "'.'", "repeat('💬', 128)"], &["''", "repeat('a', 129)", "repeat('💬', 129)"]),
    ("\"timestamp\"", TIME[0], TIME[1]),
    ("received_at", TIME[0], TIME[1]),
    ("created_at", TIME[0], TIME[1]),
    (
        "context_stage",
        &["null", "'genesis'", "'exploration'", "'synthesis'", "'advocacy'"],
        &["''", "'Genesis'", "'none'"],
    ),
    ("context_lens_id", &["null", "''", "repeat('💬', 128)"], &["repeat('a', 129)", "repeat('💬', 129)"]),
    (
        "context_entropy",
        &["null", "0", "1", "0.5"],
        &[
            "-5e-324::double precision",
            "1.0000000000000002::double precision",
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
        ],
    ),
    ("context_interaction_count", COUNT[0], COUNT[1]),
    ("context_active_topics", TEXTS[0], TEXTS[1]),
    ("context_active_moments", TEXTS[0], TEXTS[1]),
    ("scoring_final_score", FINITE[0], FINITE[1]),
    ("scoring_lens_weight", FINITE[0], FINITE[1]),
    ("scoring_topic_weight", FINITE[0], FINITE[1]),
    ("scoring_moment_boost", FINITE[0], FINITE[1]),
    ("scoring_base_weight", FINITE[0], FINITE[1]),
    ("scoring_rank", COUNT[0], COUNT[1]),
    ("scoring_stage_match", &["null", "true", "false"], &[]),
    ("outcome_dwell_time_ms", COUNT[0], COUNT[1]),
    (
        "outcome_entropy_delta",
        &["null", "-1", "1", "-5e-324::double precision"],
        &[
            "-1.0000000000000002::double precision",
            "1.0000000000000002::double precision",
            "'NaN'",
            "'Infinity'",
        ],
    ),
    ("outcome_follow_up_prompt_id", PROMPT[0], PROMPT[1]),
];

fn insert(column: &str, value: &str) -> String {
    let base = [("event_type", "'skip'"), ("prompt_id", "'p'"), ("session_id", "'s'")];
    let others: Vec<_> = base.into_iter().filter(|(name, _)| *name != column).collect();
    let names: Vec<_> = others.iter().map(|(name, _)| *name).chain([column]).collect();
    let values: Vec<_> = others.iter().map(|(_, value)| *value).chain([value]).collect();
    format!("insert into prompt_telemetry ({}) values ({})", names.join(", "), values.join(", "))
}

#[tokio::test]
async fn each_column_takes_what_is_just_inside_its_bounds() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    for (name, inside, _) in BOUNDS {
        for value in *inside {
            let outcome = run(&mut owner, &insert(name, value)).await;
            assert!(outcome.is_ok(), "{name} = {value}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn each_column_refuses_what_is_just_outside_its_bounds() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    let mut seen = BTreeSet::new();
    for (name, _, outside) in BOUNDS {
        for value in *outside {
            let error = run(&mut owner, &insert(name, value)).await.expect_err(&format!("{name} = {value}"));
            let refusal = refusal(&error);
            assert_eq!(refusal.code(), "23514", "{name} = {value}: {error}");
            let constraint = refusal.constraint().unwrap();
            let expected = format!("prompt_telemetry_{}_", name.trim_matches('"'));
            assert!(constraint.starts_with(&expected), "{name} = {value} broke {constraint}");
            seen.insert(constraint.to_owned());
        }
    }
    let checks = "select conname::text from pg_constraint where conrelid = 'prompt_telemetry'::regclass and contype = 'c'";
    let all: BTreeSet<_> = column(&mut owner, checks).await.into_iter().collect();
    assert_eq!(seen, all, "a check without a case that breaks it");
}

#[tokio::test]
async fn columns_that_every_event_has_refuse_null() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    for name in ["id", "event_type", "prompt_id", "session_id", "\"timestamp\"", "received_at", "created_at"]
    {
        let error = run(&mut owner, &insert(name, "null")).await.expect_err(name);
        assert_eq!(refusal(&error).code(), "23502", "{name}: {error}");
    }
}

#[tokio::test]
async fn numbers_beyond_31_bits_are_refused() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    for name in ["context_interaction_count", "scoring_rank", "outcome_dwell_time_ms"] {
        let error = run(&mut owner, &insert(name, "2147483648")).await.expect_err(name);
        assert_eq!(refusal(&error).code(), "22003", "{name}: {error}");
    }
}
