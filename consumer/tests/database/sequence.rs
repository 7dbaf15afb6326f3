//! What a writer may do to the raw table, at random: rows that meet in few prompts, lenses and ids, brought
//! in by every kind of statement, kept or undone. Knows nothing of aggregates.

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
    second: u32,
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
}

fn row() -> impl Strategy<Value = Row> {
    let kinds = (
        0..24_u8,
        select(vec!["impression", "selection", "completion", "completion", "skip", "feedback"]),
        select(vec!["p", "P", "é", "💬"]),
        option::of(select(vec!["", "lens"])),
        option::of(select(vec!["genesis", "advocacy"])),
    );
    // Halves of a millionth and of a ten-thousandth are where rounding shows.
    let delta = prop_oneof![
        -1.0..=1.0_f64,
        select(vec![0.000_000_5, -0.000_000_5, 0.000_05, -0.000_05, 1.0, -1.0, 0.0])
    ];
    let numbers = (0..1000_u32, option::of(delta), option::of(prop_oneof![0..5_i32, Just(i32::MAX)]));
    (kinds, numbers).prop_map(
        |((shared_id, event_type, prompt, lens, stage), (second, entropy_delta, dwell_time_ms))| Row {
            shared_id,
            event_type,
            prompt,
            lens,
            stage,
            second,
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

const COLUMNS: &str = "prompt_telemetry (id, event_type, prompt_id, session_id, \"timestamp\", context_lens_id, \
                       context_stage, outcome_entropy_delta, outcome_dwell_time_ms)";

async fn insert(
    writer: &mut PgConnection,
    rows: &[Row],
    id: impl Fn(&Row) -> Uuid,
    end: &str,
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Postgres>::new(format!("insert into {COLUMNS} "));
    query.push_values(rows, |mut values, row| {
        values.push_bind(id(row)).push_bind(row.event_type).push_bind(row.prompt).push("'s'");
        values.push("'2020-01-01 00:00:00+00'::timestamptz + make_interval(secs => ");
        values.push_bind_unseparated(f64::from(row.second)).push_unseparated(")");
        values
            .push_bind(row.lens)
            .push_bind(row.stage)
            .push_bind(row.entropy_delta)
            .push_bind(row.dwell_time_ms);
    });
    query.push(end).build().execute(writer).await?;
    Ok(())
}

async fn copy(writer: &mut PgConnection, rows: &[Row]) -> Result<(), sqlx::Error> {
    fn or_null(value: Option<impl ToString>) -> String {
        value.map_or("\\N".to_owned(), |value| value.to_string())
    }
    let lines = rows.iter().map(|row| {
        let (minute, second) = (row.second / 60, row.second % 60);
        let (lens, stage) = (or_null(row.lens), or_null(row.stage));
        let (delta, dwell) = (or_null(row.entropy_delta), or_null(row.dwell_time_ms));
        format!(
            "{}\t{}\t{}\ts\t2020-01-01 00:{minute:02}:{second:02}+00\t{lens}\t{stage}\t{delta}\t{dwell}\n",
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

/// Does `step` and leaves no transaction open.
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
            // In the order of their ids, as every writer must, or two of them deadlock over the primary key.
            let mut rows = rows.clone();
            rows.sort_by_key(|row| row.shared_id);
            let shared = |row: &Row| Uuid::from_u128(u128::from(row.shared_id));
            insert(writer, &rows, shared, " on conflict do nothing").await
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
    }
}
