//! The aggregates computed from the raw rows by one plain query, compared with the view column by column.

use sqlx::PgConnection;

/// Rows in which the view and the raw table differ, either way. The averages are exact: sums of millionths.
const DIFFERENCES: &str = "
    with oracle as (
        select prompt_id,
            count(*) filter (where event_type = 'impression') as impressions,
            count(*) filter (where event_type = 'selection') as selections,
            count(*) filter (where event_type = 'completion') as completions,
            coalesce(round(count(*) filter (where event_type = 'selection')::numeric
                / nullif(count(*) filter (where event_type = 'impression'), 0), 4), 0)::float8 as selection_rate,
            round(avg(round(outcome_entropy_delta::numeric, 6))
                filter (where event_type = 'completion'), 4)::float8 as avg_entropy_delta,
            round(avg(outcome_dwell_time_ms) filter (where event_type = 'completion'), 0)::float8 as avg_dwell_time_ms,
            max(\"timestamp\") as last_surfaced
        from prompt_telemetry group by prompt_id)
    select count(*) from (
        (select * from oracle except all select * from prompt_performance)
        union all
        (select * from prompt_performance except all select * from oracle)) as different";

pub(crate) async fn assert_aggregates_equal_rows(connection: &mut PgConnection) {
    let different: i64 = sqlx::query_scalar(DIFFERENCES).fetch_one(connection).await.unwrap();
    assert_eq!(different, 0, "rows of prompt_performance differ from the raw rows");
}
