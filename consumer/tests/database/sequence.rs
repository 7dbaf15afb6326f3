//! What may happen to the raw table, at random: rows that meet in few prompts, lenses, ids and hours, brought in by every
//! kind of statement, kept or undone, changed and deleted; and what the consumer does to the counts meanwhile.

use chrono::DateTime;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::session::{refusal, run};

/// What the aggregates depend on. Few prompts, lenses and ids, so that they meet.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    shared_id: u8,
    event_type: &'static str,
    prompt: &'static str,
    lens: Option<&'static str>,
    stage: Option<&'static str>,
    /// Unix time in seconds.
    at: i64,
    rank: Option<i32>,
    entropy_delta: Option<f64>,
    dwell_time_ms: Option<i32>,
}

/// One thing that a writer does.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Copy(Vec<Row>),
    Rows(Vec<Row>),
    Singles(Vec<Row>),
    /// Ids from a pool that both writers use, some of them repeated within the statement.
    MaybeDuplicates(Vec<Row>),
    RolledBack(Vec<Row>),
    SavepointUndone {
        kept: Vec<Row>,
        undone: Vec<Row>,
        after: Vec<Row>,
    },
    /// A statement that fails after rows of it were inserted.
    Failed(Vec<Row>),
    /// Rows with these ids come or, when they are there, change.
    Upserted(Vec<Row>),
    /// What this prompt has goes: all of it, or what is older than this.
    Deleted {
        prompt: &'static str,
        older_than: Option<i64>,
    },
    /// In one transaction that also inserts.
    DeletedAmong {
        prompt: &'static str,
        rows: Vec<Row>,
    },
    /// The events of one prompt become those of another, an hour later.
    Moved {
        from: &'static str,
        to: &'static str,
    },
    /// The consumer folds.
    Folded,
    /// The consumer closes the days that are over at this time.
    DaysKept(i64),
}

const PROMPTS: [&str; 4] = ["p", "P", "é", "💬"];

/// Clock changes of the zones that the tests use: Berlin's two, those of St. John's when they were a minute after
/// midnight, and those of today.
const CLOCK_CHANGES: [i64; 6] =
    [1_774_746_000, 1_792_890_000, 1_268_537_460, 1_289_097_060, 1_772_947_800, 1_793_507_400];

/// Mostly around a clock change, to the second and to the day.
fn at() -> impl Strategy<Value = i64> {
    let near = (select(CLOCK_CHANGES.to_vec()), -5_400..5_400_i64).prop_map(|(change, off)| change + off);
    let far = (select(CLOCK_CHANGES.to_vec()), -4..4_i64).prop_map(|(change, days)| change + days * 86_400);
    prop_oneof![3 => near, 1 => far]
}

fn row() -> impl Strategy<Value = Row> {
    let kinds = (
        0..24_u8,
        select(vec!["impression", "selection", "completion", "completion", "skip", "feedback"]),
        select(PROMPTS.to_vec()),
        option::of(select(vec!["", "lens"])),
        option::of(select(vec!["genesis", "advocacy"])),
    );
    // Halves of a millionth and of a ten-thousandth are where rounding shows.
    let delta = prop_oneof![
        -1.0..=1.0_f64,
        select(vec![0.000_000_5, -0.000_000_5, 0.000_05, -0.000_05, 1.0, -1.0, 0.0])
    ];
    let numbers =
        (at(), option::of(delta), option::of(prop_oneof![0..5_i32, Just(i32::MAX)]), option::of(0..8_i32));
    (kinds, numbers).prop_map(
        |((shared_id, event_type, prompt, lens, stage), (at, entropy_delta, dwell_time_ms, rank))| Row {
            shared_id,
            event_type,
            prompt,
            lens,
            stage,
            at,
            rank,
            entropy_delta,
            dwell_time_ms,
        },
    )
}

/// Any step of one to a few rows.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let rows = || vec(row(), 1..20);
    prop_oneof![
        rows().prop_map(Step::Copy),
        rows().prop_map(Step::Rows),
        rows().prop_map(Step::Singles),
        rows().prop_map(Step::MaybeDuplicates),
        rows().prop_map(Step::RolledBack),
        (rows(), rows(), rows()).prop_map(|(kept, undone, after)| Step::SavepointUndone {
            kept,
            undone,
            after
        }),
        rows().prop_map(Step::Failed),
    ]
}

/// Any step of a writer, of an owner who changes and deletes, or of the consumer's upkeep.
pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let rows = || vec(row(), 1..12);
    let prompt = || select(PROMPTS.to_vec());
    prop_oneof![
        4 => step(),
        1 => rows().prop_map(Step::Upserted),
        2 => (prompt(), option::of(at())).prop_map(|(prompt, older_than)| Step::Deleted { prompt, older_than }),
        1 => (prompt(), rows()).prop_map(|(prompt, rows)| Step::DeletedAmong { prompt, rows }),
        1 => (prompt(), prompt()).prop_map(|(from, to)| Step::Moved { from, to }),
        2 => Just(Step::Folded),
        1 => at().prop_map(Step::DaysKept),
    ]
}

const COLUMNS: &str = "prompt_telemetry (id, event_type, prompt_id, session_id, \"timestamp\", context_lens_id, \
                       context_stage, outcome_entropy_delta, outcome_dwell_time_ms, scoring_rank)";

async fn insert(
    writer: &mut PgConnection,
    rows: &[Row],
    id: impl Fn(&Row) -> Uuid,
    end: &str,
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Postgres>::new(format!("insert into {COLUMNS} "));
    query.push_values(rows, |mut values, row| {
        values.push_bind(id(row)).push_bind(row.event_type).push_bind(row.prompt).push("'s'");
        values.push("to_timestamp(");
        values.push_bind_unseparated(row.at).push_unseparated(")");
        values
            .push_bind(row.lens)
            .push_bind(row.stage)
            .push_bind(row.entropy_delta)
            .push_bind(row.dwell_time_ms)
            .push_bind(row.rank);
    });
    query.push(end).build().execute(writer).await?;
    Ok(())
}

async fn copy(writer: &mut PgConnection, rows: &[Row]) -> Result<(), sqlx::Error> {
    fn or_null(value: Option<impl ToString>) -> String {
        value.map_or("\\N".to_owned(), |value| value.to_string())
    }
    let lines = rows.iter().map(|row| {
        let at = DateTime::from_timestamp(row.at, 0).unwrap().to_rfc3339();
        let (lens, stage) = (or_null(row.lens), or_null(row.stage));
        let (delta, dwell) = (or_null(row.entropy_delta), or_null(row.dwell_time_ms));
        let rank = or_null(row.rank);
        format!(
            "{}\t{}\t{}\ts\t{at}\t{lens}\t{stage}\t{delta}\t{dwell}\t{rank}\n",
            Uuid::new_v4(),
            row.event_type,
            row.prompt
        )
    });
    let mut sink = writer.copy_in_raw(&format!("copy {COLUMNS} from stdin")).await?;
    sink.send(lines.collect::<String>().as_bytes()).await?;
    sink.finish().await?;
    Ok(())
}

/// Rows with ids of the pool, in the order of their ids, as every writer must have it: two of them would deadlock over the
/// primary key otherwise.
fn pooled(rows: &[Row]) -> (Vec<Row>, fn(&Row) -> Uuid) {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| row.shared_id);
    (rows, |row| Uuid::from_u128(u128::from(row.shared_id)))
}

async fn delete(owner: &mut PgConnection, prompt: &str, older_than: Option<i64>) -> Result<(), sqlx::Error> {
    let sql = "delete from prompt_telemetry where prompt_id = $1 and \"timestamp\" <= coalesce(to_timestamp($2), 'infinity')";
    sqlx::query(sql).bind(prompt).bind(older_than).execute(owner).await.map(drop)
}

async fn delete_among(owner: &mut PgConnection, prompt: &str, rows: &[Row]) -> Result<(), sqlx::Error> {
    run(owner, "begin").await?;
    insert(owner, rows, |_| Uuid::new_v4(), "").await?;
    delete(owner, prompt, None).await?;
    insert(owner, rows, |_| Uuid::new_v4(), "").await?;
    run(owner, "commit").await
}

/// Does `step` and leaves no transaction open. All but inserts need the owner's connection.
pub(crate) async fn take(writer: &mut PgConnection, step: &Step) -> Result<(), sqlx::Error> {
    let fresh = |_: &Row| Uuid::new_v4();
    match step {
        Step::Copy(rows) => copy(writer, rows).await,
        Step::Rows(rows) => insert(writer, rows, fresh, "").await,
        Step::Singles(rows) => {
            run(writer, "begin").await?;
            for row in rows {
                insert(writer, std::slice::from_ref(row), fresh, "").await?;
            }
            run(writer, "commit").await
        }
        Step::MaybeDuplicates(rows) => {
            let (rows, id) = pooled(rows);
            insert(writer, &rows, id, " on conflict do nothing").await
        }
        Step::RolledBack(rows) => {
            run(writer, "begin").await?;
            insert(writer, rows, fresh, "").await?;
            copy(writer, rows).await?;
            run(writer, "rollback").await
        }
        Step::SavepointUndone { kept, undone, after } => {
            run(writer, "begin").await?;
            insert(writer, kept, fresh, "").await?;
            run(writer, "savepoint s").await?;
            copy(writer, undone).await?;
            run(writer, "rollback to savepoint s").await?;
            insert(writer, after, fresh, "").await?;
            run(writer, "commit").await
        }
        Step::Failed(rows) => {
            let id = Uuid::new_v4();
            let twice: Vec<_> = rows.iter().chain(&rows[..1]).cloned().collect();
            let error =
                insert(writer, &twice, |_| id, "").await.expect_err("an id twice breaks the primary key");
            assert_eq!(refusal(&error).code(), "23505");
            Ok(())
        }
        Step::Upserted(rows) => {
            let (mut rows, id) = pooled(rows);
            rows.dedup_by_key(|row| row.shared_id);
            let change = " on conflict (id) do update set event_type = excluded.event_type, \
                          \"timestamp\" = excluded.\"timestamp\"";
            insert(writer, &rows, id, change).await
        }
        Step::Deleted { prompt, older_than } => delete(writer, prompt, *older_than).await,
        Step::DeletedAmong { prompt, rows } => delete_among(writer, prompt, rows).await,
        Step::Moved { from, to } => {
            let sql = "update prompt_telemetry set prompt_id = $2, \"timestamp\" = \"timestamp\" + interval '1 hour', \
                       scoring_rank = null where prompt_id = $1";
            sqlx::query(sql).bind(from).bind(to).execute(writer).await.map(drop)
        }
        Step::Folded => run(writer, "select fold_prompt_pending()").await,
        Step::DaysKept(at) => run(writer, &format!("select keep_prompt_days(to_timestamp({at}))")).await,
    }
}
