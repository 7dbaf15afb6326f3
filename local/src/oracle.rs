//! The aggregates computed from the raw rows by one plain query, compared with the views column by column.
//!
//! Written without a look at the trigger's arithmetic: averages by `avg`, the slices by `group by` alone.

use sqlx::PgConnection;

use crate::error::Error;

/// One statement has one snapshot, so this holds at any moment, while writers commit too.
const DIFFERENCES: &str = "
    with truth as (
        select prompt_id,
            count(*) filter (where event_type = 'impression') as impressions,
            count(*) filter (where event_type = 'selection') as selections,
            count(*) filter (where event_type = 'completion') as completions,
            case when bool_or(event_type = 'impression') then round(
                (count(*) filter (where event_type = 'selection'))::numeric
                / (count(*) filter (where event_type = 'impression')), 4)::double precision else 0 end as selection_rate,
            round(avg(round(outcome_entropy_delta::numeric, 6)) filter (where event_type = 'completion'), 4)
                ::double precision as avg_entropy_delta,
            round(avg(outcome_dwell_time_ms) filter (where event_type = 'completion'), 0)
                ::double precision as avg_dwell_time_ms,
            max(\"timestamp\") as last_surfaced
        from prompt_telemetry group by prompt_id
    ), slices as (
        select prompt_id, context_lens_id as lens_id, context_stage as stage,
            count(*) filter (where event_type = 'impression') as impressions,
            count(*) filter (where event_type = 'selection') as selections,
            count(*) filter (where event_type = 'completion') as completions,
            count(*) filter (where event_type = 'completion' and outcome_entropy_delta is not null)
                as entropy_delta_count,
            coalesce((sum(round(outcome_entropy_delta::numeric, 6)) filter (where event_type = 'completion'))
                * 1000000, 0)::bigint as entropy_delta_micros,
            count(*) filter (where event_type = 'completion' and outcome_dwell_time_ms is not null)
                as dwell_time_count,
            coalesce(sum(outcome_dwell_time_ms) filter (where event_type = 'completion'), 0)::bigint as dwell_time_ms,
            max(\"timestamp\") as last_surfaced
        from prompt_telemetry group by prompt_id, context_lens_id, context_stage
    )
    select 'rows say ' || d::text from (table truth except all table prompt_performance) d
    union all
    select 'view says ' || d::text from (table prompt_performance except all table truth) d
    union all
    select 'rows say ' || d::text from (table slices except all table prompt_performance_by_slice) d
    union all
    select 'view says ' || d::text from (table prompt_performance_by_slice except all table slices) d";

/// Where the views differ from the rows, either way; empty when they agree. `owner` is the owner's connection.
///
/// # Errors
/// The database's.
pub async fn differences(owner: &mut PgConnection) -> Result<Vec<String>, Error> {
    sqlx::query_scalar(DIFFERENCES)
        .fetch_all(owner)
        .await
        .map_err(Error::database("compare the aggregates with the rows"))
}
