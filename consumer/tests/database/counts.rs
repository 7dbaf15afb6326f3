//! What an operator does to the counts: compares them with the events, counts anew, changes the time zone, upgrades from a
//! release that had neither hours nor days.

use consumer::counts::{rebuild, set_time_zone, verify};
use consumer::migrate::{MIGRATOR, migrate};
use local::testing::TestDatabase;
use service::database::Database;
use sqlx::PgConnection;

use crate::oracle::differences;
use crate::session::{attempt, column, connect, migrated, number, refusal, run};

/// Three hundred events of ten days, up to now.
const EVENTS: &str = "
    insert into prompt_telemetry (event_type, prompt_id, session_id, context_lens_id, context_stage, scoring_rank,
        outcome_dwell_time_ms, outcome_entropy_delta, \"timestamp\")
    select (array['impression', 'selection', 'completion', 'skip', 'feedback'])[1 + n % 5], 'p' || n % 3, 's' || n % 30,
        (array[null, '', 'x'])[1 + n % 7 % 3], (array[null, 'genesis'])[1 + n % 2], n % 8, n, 0.001 * n,
        now() - n * interval '48 minutes'
    from generate_series(1, 300) n";

fn owner_of(database: &TestDatabase) -> Database {
    Database::parse(&database.owner_url()).unwrap()
}

async fn lines(database: &TestDatabase) -> Vec<String> {
    let mut out = Vec::new();
    let compared = verify(&owner_of(database), &mut out).await.unwrap();
    let lines: Vec<_> = String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(compared.differences, lines.len());
    lines
}

async fn all_agrees(database: &TestDatabase, owner: &mut PgConnection) {
    assert_eq!(lines(database).await, Vec::<String>::new());
    assert_eq!(differences(owner).await, Vec::<String>::new());
    let all_time =
        "select coalesce(sum(skips)::bigint * 1000 + sum(rank_5_up)::bigint, 0) from prompt_counts";
    let rows = "select count(*) filter (where event_type = 'skip') * 1000 + \
                count(*) filter (where event_type = 'impression' and scoring_rank >= 5) from prompt_telemetry";
    assert_eq!(number(owner, all_time).await, number(owner, rows).await);
}

#[tokio::test]
async fn verify_names_what_was_broken_by_hand_and_rebuild_corrects_it() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    run(&mut owner, &format!("{EVENTS}; select fold_prompt_pending(); select keep_prompt_days()"))
        .await
        .unwrap();
    all_agrees(&database, &mut owner).await;
    for (broken, named) in [
        ("update prompt_day set skips = skips + 1 where prompt_id = 'p1'", "prompt_day: prompt \"p1\""),
        ("update prompt_hour set last_surfaced = last_surfaced + interval '1 second'", "last_surfaced is "),
        ("delete from prompt_hour where prompt_id = 'p0'", "the row is missing"),
        ("delete from prompt_day where prompt_id = 'p2'", "the row is missing"),
        ("update prompt_slice set prompt_id = 'other' where prompt_id = 'p2'", "the row should not be there"),
        ("update prompt_slice set rank_3 = 77 where prompt_id = 'p1'", "rank_3 is 77, should be "),
        (
            "update prompt_overall set last_surfaced = 'infinity'",
            "prompt_overall: prompt \"p0\"; last_surfaced is",
        ),
        ("delete from prompt_overall", "prompt_overall: prompt \"p2\"; the row is missing"),
    ] {
        run(&mut owner, broken).await.unwrap();
        let found = lines(&database).await;
        assert!(found.iter().any(|line| line.contains(named)), "{broken}: {found:#?}");
        rebuild(&owner_of(&database)).await.unwrap();
        all_agrees(&database, &mut owner).await;
    }
}

#[tokio::test]
async fn what_is_pending_counts_in_a_comparison_and_survives_a_rebuild() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    run(&mut owner, &format!("{EVENTS}; select fold_prompt_pending(); {EVENTS}")).await.unwrap();
    all_agrees(&database, &mut owner).await;
    rebuild(&owner_of(&database)).await.unwrap();
    assert_eq!(number(&mut owner, "select count(*) from prompt_pending").await, 1);
    all_agrees(&database, &mut owner).await;
}

#[tokio::test]
async fn a_new_time_zone_counts_hours_and_days_anew_and_leaves_all_time_as_it_is() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    run(&mut owner, EVENTS).await.unwrap();
    let all_time = "select p::text from prompt_performance p order by prompt_id";
    let before = column(&mut owner, all_time).await;
    for zone in ["Asia/Kathmandu", "America/St_Johns", "Europe/Berlin"] {
        set_time_zone(&owner_of(&database), zone).await.unwrap();
        assert_eq!(column(&mut owner, "select time_zone from prompt_calendar").await, [zone]);
        assert_eq!(column(&mut owner, all_time).await, before);
        all_agrees(&database, &mut owner).await;
    }
    let error = set_time_zone(&owner_of(&database), "Europe/Atlantis").await.unwrap_err();
    assert!(error.to_string().contains("the server knows no time zone \"Europe/Atlantis\""), "{error}");
}

#[tokio::test]
async fn days_that_are_over_are_closed_once_and_old_hours_go() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    run(&mut owner, &format!("{EVENTS}; select fold_prompt_pending()")).await.unwrap();
    assert_eq!(number(&mut owner, "select count(*) from prompt_day").await, 0);
    for (at, worked) in [
        ("now()", "true"),
        ("now()", "false"),
        ("now() - interval '2 days'", "false"),
        ("now() + interval '1 day'", "true"),
        ("now() + interval '9 days'", "true"),
    ] {
        let keep = format!("select keep_prompt_days({at})::text");
        assert_eq!(column(&mut owner, &keep).await, [worked], "{at}");
        all_agrees(&database, &mut owner).await;
    }
    assert_eq!(number(&mut owner, "select count(*) from prompt_hour").await, 0);
    // Late events of closed days.
    run(&mut owner, EVENTS).await.unwrap();
    run(&mut owner, "select fold_prompt_pending()").await.unwrap();
    assert_eq!(number(&mut owner, "select count(*) from prompt_hour").await, 0);
    all_agrees(&database, &mut owner).await;
}

#[tokio::test]
async fn events_behind_the_cut_off_are_refused_and_their_share_stays() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    run(&mut owner, &format!("{EVENTS}; select fold_prompt_pending(); select keep_prompt_days()"))
        .await
        .unwrap();
    let all_time = "select p::text from prompt_performance p order by prompt_id";
    let before = column(&mut owner, all_time).await;
    run(&mut owner, "update prompt_setting set cut_off = current_date - 5").await.unwrap();
    run(&mut owner, "delete from prompt_telemetry where \"timestamp\" < current_date - 5").await.unwrap();
    assert_eq!(column(&mut owner, all_time).await, before);
    let late = EVENTS.replace("generate_series(1, 300)", "generate_series(200, 201)");
    let error = run(&mut owner, &late).await.unwrap_err();
    assert_eq!(refusal(&error).constraint(), Some("prompt_telemetry_not_retired"), "{error}");
    run(&mut owner, &EVENTS.replace("300", "100")).await.unwrap();
    run(&mut owner, "delete from prompt_telemetry where session_id = 's3'").await.unwrap();
    assert_eq!(lines(&database).await, Vec::<String>::new());
    rebuild(&owner_of(&database)).await.unwrap();
    assert_eq!(lines(&database).await, Vec::<String>::new());
    let error = set_time_zone(&owner_of(&database), "Asia/Kolkata").await.unwrap_err();
    assert!(error.to_string().contains("have been retired"), "{error}");
    // Only the share of what was retired is left.
    run(&mut owner, "truncate prompt_telemetry").await.unwrap();
    let left = "select count(*) from prompt_counts_by_day where day >= current_date - 5";
    assert_eq!(number(&mut owner, left).await, 0);
    assert!(number(&mut owner, "select sum(impressions)::bigint from prompt_performance").await > 0);
}

/// A database of the release before, with events of two writers at once, so that there are two shards.
async fn of_before() -> TestDatabase {
    let database = TestDatabase::create().await;
    let mut owner = connect(&database.owner_url()).await;
    for migration in MIGRATOR.iter().filter(|migration| migration.version < 7) {
        run(&mut owner, &format!("begin; {}; commit", migration.sql.as_str())).await.unwrap();
    }
    let mut slow = connect(&database.owner_url()).await;
    run(&mut slow, &format!("begin; {EVENTS}")).await.unwrap();
    run(&mut owner, EVENTS).await.unwrap();
    run(&mut slow, "commit").await.unwrap();
    database
}

async fn swap(owner: &mut PgConnection) {
    let newest = MIGRATOR.iter().find(|migration| migration.version == 7).unwrap();
    run(owner, &format!("begin; {}; commit", newest.sql.as_str())).await.unwrap();
}

#[tokio::test]
async fn the_numbers_are_exact_from_the_swap_on_whatever_comes_goes_or_stops_before_the_move_is_done() {
    let database = of_before().await;
    let mut owner = connect(&database.owner_url()).await;
    swap(&mut owner).await;
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
    let steps = [
        EVENTS,
        "select fold_prompt_pending()",
        "select adopt_prompt_sums(1)",
        EVENTS,
        "select keep_prompt_days()",
        "select recount_prompt_days(current_date - 2, 'infinity')",
        "delete from prompt_telemetry where session_id = 's3'",
        "delete from prompt_telemetry where session_id in ('s1', 's2') and event_type <> 'skip'",
        EVENTS,
        "update prompt_telemetry set prompt_id = 'q', event_type = 'skip' where session_id = 's5'",
        "delete from prompt_telemetry where prompt_id = 'q' and \"timestamp\" > now() - interval '1 day'",
        "delete from prompt_telemetry where prompt_id = 'p2'",
        "select recount_prompt_days(current_date - 5, current_date - 2)",
        "select recount_prompt_days('-infinity', current_date - 5)",
    ];
    for step in steps {
        run(&mut owner, step).await.unwrap();
        assert_eq!(differences(&mut owner).await, Vec::<String>::new(), "{step}");
        assert_eq!(lines(&database).await, Vec::<String>::new(), "{step}");
    }
    assert_eq!(number(&mut owner, "select count(*) from prompt_aggregate").await, 0);
    all_agrees(&database, &mut owner).await;
}

#[tokio::test]
async fn migrate_moves_what_is_there_and_goes_on_where_it_was_stopped() {
    let database = of_before().await;
    let mut owner = connect(&database.owner_url()).await;
    swap(&mut owner).await;
    run(&mut owner, "select adopt_prompt_sums(2); select recount_prompt_days(current_date - 4, 'infinity')")
        .await
        .unwrap();
    // The list of migrations does not know the files that were run by hand.
    migrate(&database.owner_url()).await.unwrap();
    all_agrees(&database, &mut owner).await;
    assert_eq!(
        column(&mut owner, "select coalesce(dated_from::text, 'all') from prompt_calendar").await,
        ["all"]
    );
    let empty = "select (select count(*) from prompt_aggregate) + (select count(*) from prompt_total)";
    assert_eq!(number(&mut owner, empty).await, 0);
}

#[tokio::test]
async fn a_rebuild_or_a_delete_in_the_middle_of_the_move_is_right_too() {
    let database = of_before().await;
    let mut owner = connect(&database.owner_url()).await;
    swap(&mut owner).await;
    run(
        &mut owner,
        "delete from prompt_telemetry where session_id = 's4'; select rebuild_prompt_aggregate()",
    )
    .await
    .unwrap();
    all_agrees(&database, &mut owner).await;
    let database = of_before().await;
    let mut owner = connect(&database.owner_url()).await;
    swap(&mut owner).await;
    run(&mut owner, "truncate prompt_telemetry").await.unwrap();
    all_agrees(&database, &mut owner).await;
    assert_eq!(number(&mut owner, "select count(*) from prompt_performance").await, 0);
}

#[tokio::test]
async fn the_consumers_login_folds_and_only_that() {
    let database = migrated().await;
    let mut superuser = connect(&database.superuser_url()).await;
    let role = "telemetry_upkeep";
    for allowed in
        ["select fold_prompt_pending()", "select keep_prompt_days()", "select * from prompt_pending_state()"]
    {
        assert_eq!(attempt(&mut superuser, role, allowed).await, "ok", "{allowed}");
    }
    for refused in [
        "select * from prompt_pending",
        "select * from prompt_telemetry",
        "select fold_under_lock()",
        "select recount_prompt_days('-infinity', 'infinity')",
        "select set_prompt_time_zone('UTC')",
        "select adopt_prompt_sums(1)",
        "update prompt_setting set cut_off = current_date",
    ] {
        assert_eq!(attempt(&mut superuser, role, refused).await, "42501", "{refused}");
    }
}
