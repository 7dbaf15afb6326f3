-- The counts of every prompt over all lenses and stages, kept beside those of each slice: the list of prompts is asked
-- most often, and would else add up every slice of every prompt.
create table if not exists public.prompt_total (
    prompt_id text collate "C" not null,
    shard smallint not null,
    impressions bigint not null,
    selections bigint not null,
    completions bigint not null,
    entropy_delta_count bigint not null,
    entropy_delta_micros bigint not null,
    dwell_time_count bigint not null,
    dwell_time_ms bigint not null,
    last_surfaced timestamptz not null,
    constraint prompt_total_key primary key (prompt_id, shard)
) with (
    -- As for the slices: room for a new version next to the old one, and what is dead is cleared away early.
    fillfactor = 50,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
);

-- As before, and the totals with it, which are added up from the slices rather than from the rows.
create or replace function public.count_inserted_prompt_telemetry() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    own_shard smallint;
begin
    -- Nothing but duplicates: no shard is needed.
    if not exists (select from inserted) then
        return null;
    end if;
    own_shard := public.take_prompt_aggregate_shard();
    with slices as materialized (
        select
            prompt_id,
            context_lens_id as lens_id,
            context_stage as stage,
            count(*) filter (where event_type = 'impression') as impressions,
            count(*) filter (where event_type = 'selection') as selections,
            count(*) filter (where event_type = 'completion') as completions,
            count(outcome_entropy_delta) filter (where event_type = 'completion') as entropy_delta_count,
            coalesce(sum(round(outcome_entropy_delta::numeric * 1000000)::integer)
                filter (where event_type = 'completion'), 0) as entropy_delta_micros,
            count(outcome_dwell_time_ms) filter (where event_type = 'completion') as dwell_time_count,
            coalesce(sum(outcome_dwell_time_ms) filter (where event_type = 'completion'), 0) as dwell_time_ms,
            max("timestamp") as last_surfaced
        from inserted
        group by prompt_id, context_lens_id, context_stage
    ), sliced as (
        insert into public.prompt_aggregate as kept (
            prompt_id, lens_id, stage, shard, impressions, selections, completions,
            entropy_delta_count, entropy_delta_micros, dwell_time_count, dwell_time_ms, last_surfaced)
        select
            prompt_id, lens_id, stage, own_shard, impressions, selections, completions,
            entropy_delta_count, entropy_delta_micros, dwell_time_count, dwell_time_ms, last_surfaced
        from slices
        order by prompt_id, lens_id, stage
        on conflict (prompt_id, lens_id, stage, shard) do update set
            impressions = kept.impressions + excluded.impressions,
            selections = kept.selections + excluded.selections,
            completions = kept.completions + excluded.completions,
            entropy_delta_count = kept.entropy_delta_count + excluded.entropy_delta_count,
            entropy_delta_micros = kept.entropy_delta_micros + excluded.entropy_delta_micros,
            dwell_time_count = kept.dwell_time_count + excluded.dwell_time_count,
            dwell_time_ms = kept.dwell_time_ms + excluded.dwell_time_ms,
            last_surfaced = greatest(kept.last_surfaced, excluded.last_surfaced)
    )
    insert into public.prompt_total as kept (
        prompt_id, shard, impressions, selections, completions,
        entropy_delta_count, entropy_delta_micros, dwell_time_count, dwell_time_ms, last_surfaced)
    select
        prompt_id, own_shard, sum(impressions), sum(selections), sum(completions),
        sum(entropy_delta_count), sum(entropy_delta_micros), sum(dwell_time_count), sum(dwell_time_ms),
        max(last_surfaced)
    from slices
    group by prompt_id
    order by prompt_id
    on conflict (prompt_id, shard) do update set
        impressions = kept.impressions + excluded.impressions,
        selections = kept.selections + excluded.selections,
        completions = kept.completions + excluded.completions,
        entropy_delta_count = kept.entropy_delta_count + excluded.entropy_delta_count,
        entropy_delta_micros = kept.entropy_delta_micros + excluded.entropy_delta_micros,
        dwell_time_count = kept.dwell_time_count + excluded.dwell_time_count,
        dwell_time_ms = kept.dwell_time_ms + excluded.dwell_time_ms,
        last_surfaced = greatest(kept.last_surfaced, excluded.last_surfaced);
    return null;
end
$$;

-- The totals, added up anew from the slices. Nobody may insert events meanwhile.
create or replace function public.rebuild_prompt_total() returns void
    language sql
    set search_path = pg_catalog, pg_temp
begin atomic
    -- Not truncate, which would show an empty table to transactions that began before.
    delete from public.prompt_total;
    insert into public.prompt_total (
        prompt_id, shard, impressions, selections, completions,
        entropy_delta_count, entropy_delta_micros, dwell_time_count, dwell_time_ms, last_surfaced)
    select
        prompt_id, shard, sum(impressions), sum(selections), sum(completions),
        sum(entropy_delta_count), sum(entropy_delta_micros), sum(dwell_time_count), sum(dwell_time_ms),
        max(last_surfaced)
    from public.prompt_aggregate
    group by prompt_id, shard;
end;

-- As before, and the totals with it.
create or replace function public.rebuild_prompt_aggregate() returns void
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    -- Keeps inserts out, and waits for those under way: what they counted must not be lost or counted twice.
    lock table public.prompt_telemetry in share row exclusive mode;
    -- Not truncate, which would show an empty table to transactions that began before.
    delete from public.prompt_aggregate;
    insert into public.prompt_aggregate (
        prompt_id, lens_id, stage, shard, impressions, selections, completions,
        entropy_delta_count, entropy_delta_micros, dwell_time_count, dwell_time_ms, last_surfaced)
    select
        prompt_id,
        context_lens_id,
        context_stage,
        0,
        count(*) filter (where event_type = 'impression'),
        count(*) filter (where event_type = 'selection'),
        count(*) filter (where event_type = 'completion'),
        count(outcome_entropy_delta) filter (where event_type = 'completion'),
        coalesce(sum(round(outcome_entropy_delta::numeric * 1000000)::integer)
            filter (where event_type = 'completion'), 0),
        count(outcome_dwell_time_ms) filter (where event_type = 'completion'),
        coalesce(sum(outcome_dwell_time_ms) filter (where event_type = 'completion'), 0),
        max("timestamp")
    from public.prompt_telemetry
    group by prompt_id, context_lens_id, context_stage;
    perform public.rebuild_prompt_total();
end
$$;

-- What is stored already. Inserts wait until the commit of this migration, from which on they count totals too.
lock table public.prompt_telemetry in share row exclusive mode;
select public.rebuild_prompt_total();

-- As before, of the totals.
create or replace view public.prompt_performance with (security_invoker = false) as
select
    prompt_id,
    sum(impressions)::bigint as impressions,
    sum(selections)::bigint as selections,
    sum(completions)::bigint as completions,
    coalesce(round(sum(selections) / nullif(sum(impressions), 0), 4), 0)::double precision as selection_rate,
    round(sum(entropy_delta_micros) / nullif(sum(entropy_delta_count) * 1000000, 0), 4)::double precision
        as avg_entropy_delta,
    round(sum(dwell_time_ms) / nullif(sum(dwell_time_count), 0), 0)::double precision as avg_dwell_time_ms,
    max(last_surfaced) as last_surfaced
from public.prompt_total
group by prompt_id;

-- No policy: only the owner, and so the trigger and the view, sees a row.
alter table public.prompt_total enable row level security;

-- Take away what default grants gave; the view keeps its grants.
do $$
declare
    grantee text;
begin
    foreach grantee in array array [
        'public', 'anon', 'authenticated', 'service_role', 'telemetry_writer', 'telemetry_reader']
    loop
        -- `authenticated` is not ours and may be missing.
        continue when grantee <> 'public' and not exists (select from pg_catalog.pg_roles where rolname = grantee);
        execute format('revoke all on public.prompt_total from %s', grantee);
        execute format('revoke all on function public.rebuild_prompt_total() from %s', grantee);
    end loop;
end
$$;
