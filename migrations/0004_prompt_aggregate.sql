-- The counts of every prompt, lens and stage, kept by a trigger so that they equal the rows whoever inserts them.
--
-- Sums are integers, and so exact in any order: entropy deltas in millionths, dwell times in milliseconds, both over
-- completions that have one. The shard is only for writers: readers add all shards up.
create table if not exists public.prompt_aggregate (
    prompt_id text collate "C" not null,
    lens_id text collate "C",
    stage text collate "C",
    shard smallint not null,
    impressions bigint not null,
    selections bigint not null,
    completions bigint not null,
    entropy_delta_count bigint not null,
    entropy_delta_micros bigint not null,
    dwell_time_count bigint not null,
    dwell_time_ms bigint not null,
    last_surfaced timestamptz not null
) with (
    -- The same few rows are rewritten all day. Half a page is left free, so that a new version goes next to the old one
    -- and no index is touched (nothing that changes is indexed); what is dead is cleared away early.
    fillfactor = 50,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
);

-- No lens is a value like any other, or events without one would never meet their row.
create unique index if not exists prompt_aggregate_key
    on public.prompt_aggregate (prompt_id, lens_id, stage, shard) nulls not distinct;

-- The first of 16 shards that no other open transaction writes. Rows of a shard are written only by the holder of
-- its lock, until commit; so writers never wait for each other's rows, nor deadlock over them, whatever prompts they
-- bring in whatever order. A lone writer always gets shard 0: no more rows than needed.
--
-- A transaction of several statements gets a shard it holds already, or a free one before it; it never waits.
-- Only a transaction that holds none waits, and only when 16 others are open.
create or replace function public.take_prompt_aggregate_shard() returns smallint
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    -- The first of the two numbers of our advisory locks: 'ptag' in ASCII. Nothing else in the database may use it.
    lock_class constant integer := x'70746167'::integer;
    waited_for integer;
begin
    for shard in 0..15
    loop
        if pg_try_advisory_xact_lock(lock_class, shard) then
            return shard;
        end if;
    end loop;
    -- Spread over the shards, or all who wait would queue for the same one.
    waited_for := pg_backend_pid() % 16;
    perform pg_advisory_xact_lock(lock_class, waited_for);
    return waited_for;
end
$$;

-- Runs once per statement, not per row; COPY is a statement too. `inserted` holds the rows really inserted: those that
-- `on conflict do nothing` left out are not there. It acts with the owner's rights, since writers have none on the
-- aggregates.
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
    insert into public.prompt_aggregate as kept (
        prompt_id, lens_id, stage, shard, impressions, selections, completions,
        entropy_delta_count, entropy_delta_micros, dwell_time_count, dwell_time_ms, last_surfaced)
    select
        prompt_id,
        context_lens_id,
        context_stage,
        own_shard,
        count(*) filter (where event_type = 'impression'),
        count(*) filter (where event_type = 'selection'),
        count(*) filter (where event_type = 'completion'),
        count(outcome_entropy_delta) filter (where event_type = 'completion'),
        coalesce(sum(round(outcome_entropy_delta::numeric * 1000000)::integer)
            filter (where event_type = 'completion'), 0),
        count(outcome_dwell_time_ms) filter (where event_type = 'completion'),
        coalesce(sum(outcome_dwell_time_ms) filter (where event_type = 'completion'), 0),
        max("timestamp")
    from inserted
    group by prompt_id, context_lens_id, context_stage
    order by prompt_id, context_lens_id, context_stage
    on conflict (prompt_id, lens_id, stage, shard) do update set
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

-- Counts everything anew, in one pass over the rows. Writers wait meanwhile; readers see the old counts until the
-- commit. For whoever switched the triggers off, or wants the shards folded together again.
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
end
$$;

-- Events are never changed; they are only deleted, when they have been kept long enough. The newest event of a
-- prompt can't be found by subtracting, so whatever isn't an insert counts everything anew.
create or replace function public.recount_changed_prompt_telemetry() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform public.rebuild_prompt_aggregate();
    return null;
end
$$;

create or replace trigger prompt_telemetry_inserted
    after insert on public.prompt_telemetry
    referencing new table as inserted
    for each statement execute function public.count_inserted_prompt_telemetry();
create or replace trigger prompt_telemetry_changed
    after update or delete or truncate on public.prompt_telemetry
    for each statement execute function public.recount_changed_prompt_telemetry();

-- What the product answers, per prompt. Rounding is half away from zero: these are numerics until the last cast.
-- The views read with their owner's rights; their readers need none on the table.
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
from public.prompt_aggregate
group by prompt_id;

-- The same as exact sums per prompt, lens and stage (null: none), from which the numbers of any slice can be made.
create or replace view public.prompt_performance_by_slice with (security_invoker = false) as
select
    prompt_id,
    lens_id,
    stage,
    sum(impressions)::bigint as impressions,
    sum(selections)::bigint as selections,
    sum(completions)::bigint as completions,
    sum(entropy_delta_count)::bigint as entropy_delta_count,
    sum(entropy_delta_micros)::bigint as entropy_delta_micros,
    sum(dwell_time_count)::bigint as dwell_time_count,
    sum(dwell_time_ms)::bigint as dwell_time_ms,
    max(last_surfaced) as last_surfaced
from public.prompt_aggregate
group by prompt_id, lens_id, stage;

-- No policy: only the owner, and so the trigger and the views, sees a row.
alter table public.prompt_aggregate enable row level security;

-- Take away what default grants gave (PUBLIC may execute any new function), then grant what is meant.
do $$
declare
    grantee text;
begin
    foreach grantee in array array [
        'public', 'anon', 'authenticated', 'service_role', 'telemetry_writer', 'telemetry_reader']
    loop
        -- `authenticated` is not ours and may be missing.
        continue when grantee <> 'public' and not exists (select from pg_catalog.pg_roles where rolname = grantee);
        execute format(
            'revoke all on public.prompt_aggregate, public.prompt_performance,'
            ' public.prompt_performance_by_slice from %s', grantee);
        execute format(
            'revoke all on function public.take_prompt_aggregate_shard(), public.count_inserted_prompt_telemetry(),'
            ' public.rebuild_prompt_aggregate(), public.recount_changed_prompt_telemetry() from %s', grantee);
    end loop;
end
$$;
grant select on public.prompt_performance, public.prompt_performance_by_slice to service_role, telemetry_reader;
