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

/// The same for hours and days: a row is of the day and hour that its time has in the deployment's zone.
const WINDOWS: &str = "
    with cut as (
        select (\"timestamp\" at time zone time_zone)::date as day,
            date_trunc('hour', \"timestamp\", time_zone) as hour, hour_from, event.*
        from prompt_telemetry as event, (
            select time_zone, hour_from, dated_from from prompt_setting
            union all select 'UTC', '-infinity', '-infinity' where not exists (select from prompt_setting)) as setting
        where (\"timestamp\" at time zone time_zone)::date >= dated_from
    ), counted as (
        select day, hour, day >= hour_from as has_hour, prompt_id, context_lens_id as lens_id,
            context_stage as stage, count(*) filter (where event_type = 'impression') as impressions,
            count(*) filter (where event_type = 'selection') as selections,
            count(*) filter (where event_type = 'completion') as completions,
            count(*) filter (where event_type = 'skip') as skips,
            count(*) filter (where event_type = 'feedback') as feedbacks,
            count(outcome_entropy_delta) filter (where event_type = 'completion') as entropy_deltas,
            coalesce((sum(round(outcome_entropy_delta::numeric, 6)) filter (where event_type = 'completion'))
                * 1000000, 0)::bigint as micros,
            count(outcome_dwell_time_ms) filter (where event_type = 'completion') as dwell_times,
            coalesce(sum(outcome_dwell_time_ms) filter (where event_type = 'completion'), 0)::bigint as dwell_ms,
            array(select count(*) filter (where case when rank > 5 then 5 else rank end = place) from
                unnest(array_agg(scoring_rank) filter (where event_type = 'impression')) as rank,
                generate_series(0, 5) as place group by place order by place) as ranks,
            max(\"timestamp\") as newest
        from cut group by day, hour, has_hour, prompt_id, context_lens_id, context_stage
    ), rows_by_day as (
        select day, prompt_id, lens_id, stage, sum(impressions), sum(selections), sum(completions), sum(skips),
            sum(feedbacks), sum(entropy_deltas), sum(micros), sum(dwell_times), sum(dwell_ms),
            sum(coalesce(ranks[1], 0)), sum(coalesce(ranks[2], 0)), sum(coalesce(ranks[3], 0)),
            sum(coalesce(ranks[4], 0)), sum(coalesce(ranks[5], 0)), sum(coalesce(ranks[6], 0)), max(newest)
        from counted group by day, prompt_id, lens_id, stage
    ), view_by_day as (
        select day, prompt_id, lens_id, stage, sum(impressions), sum(selections), sum(completions), sum(skips),
            sum(feedbacks), sum(entropy_delta_count), sum(entropy_delta_micros), sum(dwell_time_count),
            sum(dwell_time_ms), sum(rank_0), sum(rank_1), sum(rank_2), sum(rank_3), sum(rank_4), sum(rank_5_up),
            max(last_surfaced)
        from prompt_counts_by_day group by day, prompt_id, lens_id, stage
    ), rows_by_hour as (
        select day, hour, prompt_id, lens_id, stage, impressions::numeric, selections::numeric,
            completions::numeric, skips::numeric, feedbacks::numeric, entropy_deltas::numeric, micros::numeric,
            dwell_times::numeric, dwell_ms::numeric, coalesce(ranks[1], 0)::numeric,
            coalesce(ranks[6], 0)::numeric, newest
        from counted where has_hour
    ), view_by_hour as (
        select day, hour, prompt_id, lens_id, stage, sum(impressions), sum(selections), sum(completions), sum(skips),
            sum(feedbacks), sum(entropy_delta_count), sum(entropy_delta_micros), sum(dwell_time_count),
            sum(dwell_time_ms), sum(rank_0), sum(rank_5_up), max(last_surfaced)
        from prompt_counts_by_hour group by day, hour, prompt_id, lens_id, stage
    )
    select 'rows of the day say ' || d::text from (table rows_by_day except all table view_by_day) d
    union all
    select 'view of days says ' || d::text from (table view_by_day except all table rows_by_day) d
    union all
    select 'rows of the hour say ' || d::text from (table rows_by_hour except all table view_by_hour) d
    union all
    select 'view of hours says ' || d::text from (table view_by_hour except all table rows_by_hour) d";

/// Where the views differ from the rows, either way; empty when they agree. `owner` is the owner's connection. No row may
/// have been retired.
///
/// # Errors
/// The database's.
pub async fn differences(owner: &mut PgConnection) -> Result<Vec<String>, Error> {
    let mut found: Vec<String> = Vec::new();
    for question in [DIFFERENCES, WINDOWS] {
        let lines = sqlx::query_scalar(question).fetch_all(&mut *owner).await;
        found.extend::<Vec<String>>(lines.map_err(Error::database("compare the aggregates with the rows"))?);
    }
    Ok(found)
}
