-- What strangers do to a database: publish it, dump and restore it, delete nothing from it, and insert whatever a grant
-- lets them. Nothing here reads or rewrites the raw events.

-- Statements of this migration wait for each other's tables in the order that writers do: events first, then counts.
-- The other way round it could deadlock with them.
lock table public.prompt_telemetry in access exclusive mode;

-- A publication refuses updates of a table without a key, and what makes a slice unique may be null. So slices of one
-- prompt and shard are told apart by a random number. Not by a sequence: replication leaves sequences behind, and a
-- server that takes over would count from 1 again. Not by a UUID: it costs ten times as much for each row of a batch.
alter table public.prompt_aggregate
    add column if not exists slice bigint not null default (random() * 9007199254740992)::bigint;
do $$
begin
    if not exists (select from pg_catalog.pg_constraint
        where conrelid = 'public.prompt_aggregate'::regclass and contype = 'p')
    then
        alter table public.prompt_aggregate
            add constraint prompt_aggregate_identity primary key (prompt_id, shard, slice);
    end if;
end
$$;

-- Lets a row into a table of counts only when it comes from a trigger or from a rebuild. All others are skipped: what a
-- data-only restore brings would be counted a second time, by the trigger, when the events follow. A full restore makes
-- its triggers last and a replica runs none, so both take the counts as they are.
create or replace function public.skip_foreign_counts() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    return null;
end
$$;

create or replace trigger prompt_aggregate_counted_only
    before insert on public.prompt_aggregate
    for each row
    when (pg_catalog.pg_trigger_depth() = 0
        and pg_catalog.current_setting('prompt_telemetry.rebuilding', true) is distinct from 'on')
    execute function public.skip_foreign_counts();
create or replace trigger prompt_total_counted_only
    before insert on public.prompt_total
    for each row
    when (pg_catalog.pg_trigger_depth() = 0
        and pg_catalog.current_setting('prompt_telemetry.rebuilding', true) is distinct from 'on')
    execute function public.skip_foreign_counts();

-- As before, and says that it is a rebuild which inserts.
create or replace function public.rebuild_prompt_total() returns void
    language sql
    set search_path = pg_catalog, pg_temp
begin atomic
    select set_config('prompt_telemetry.rebuilding', 'on', true);
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
    select set_config('prompt_telemetry.rebuilding', 'off', true);
end;

-- As before, and says that it is a rebuild which inserts.
create or replace function public.rebuild_prompt_aggregate() returns void
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    -- Keeps inserts out, and waits for those under way: what they counted must not be lost or counted twice.
    lock table public.prompt_telemetry in share row exclusive mode;
    perform set_config('prompt_telemetry.rebuilding', 'on', true);
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

-- Running 0005 again by hand empties the totals: its rebuild does not say that it is one.
do $$
begin
    if exists (select from public.prompt_aggregate) and not exists (select from public.prompt_total) then
        lock table public.prompt_telemetry in share row exclusive mode;
        perform public.rebuild_prompt_total();
    end if;
end
$$;

-- Counts everything anew after a statement that changed or deleted a row. One that found no row leaves all as it is:
-- a nightly delete of old events, or an upsert whose events were all new.
create or replace function public.recount_if_changed_prompt_telemetry() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from changed) then
        perform public.rebuild_prompt_aggregate();
    end if;
    return null;
end
$$;

create or replace trigger prompt_telemetry_updated
    after update on public.prompt_telemetry
    referencing old table as changed
    for each statement execute function public.recount_if_changed_prompt_telemetry();
create or replace trigger prompt_telemetry_deleted
    after delete on public.prompt_telemetry
    referencing old table as changed
    for each statement execute function public.recount_if_changed_prompt_telemetry();
-- Was for updates and deletes too. A truncate shows no rows to a trigger.
create or replace trigger prompt_telemetry_changed
    after truncate on public.prompt_telemetry
    for each statement execute function public.recount_changed_prompt_telemetry();

-- What `anon` may set: all that a client knows of its event. When the event arrived is for the server to say.
revoke insert on public.prompt_telemetry from anon;
grant insert (
    id, event_type, prompt_id, session_id, "timestamp", context_stage, context_lens_id, context_entropy,
    context_interaction_count, context_active_topics, context_active_moments, scoring_final_score,
    scoring_lens_weight, scoring_topic_weight, scoring_moment_boost, scoring_base_weight, scoring_rank,
    scoring_stage_match, outcome_dwell_time_ms, outcome_entropy_delta, outcome_follow_up_prompt_id
) on public.prompt_telemetry to anon;
-- So that `on conflict (id) do nothing` works. See the policy for which rows.
grant select (id) on public.prompt_telemetry to anon;

drop policy if exists prompt_telemetry_insert on public.prompt_telemetry;
create policy prompt_telemetry_insert on public.prompt_telemetry
    for insert to telemetry_writer with check (true);
-- The same bounds that intake has: a clock may be a day fast, and the nil and max ids come from clients that cannot make
-- ids. For `anon` alone: a CHECK would refuse rows of a restore, and both it and a trigger would slow every COPY.
drop policy if exists prompt_telemetry_insert_anon on public.prompt_telemetry;
create policy prompt_telemetry_insert_anon on public.prompt_telemetry
    for insert to anon with check (
        "timestamp" <= now() + interval '24 hours'
        and id <> '00000000-0000-0000-0000-000000000000'
        and id <> 'ffffffff-ffff-ffff-ffff-ffffffffffff');
-- `on conflict (id)` and `returning id` demand that the new row may be read. A row that is not stored yet has no place,
-- which is this ctid; so every new row passes and no stored row does, and PostgreSQL looks for none.
drop policy if exists prompt_telemetry_select_new_anon on public.prompt_telemetry;
create policy prompt_telemetry_select_new_anon on public.prompt_telemetry
    for select to anon using (ctid = '(4294967295,0)');

-- Members of pg_read_all_data (backups, copies to a warehouse) see all rows. Row level security would hide every row
-- from them without a word.
drop policy if exists prompt_telemetry_select_all on public.prompt_telemetry;
create policy prompt_telemetry_select_all on public.prompt_telemetry
    for select to pg_read_all_data using (true);
drop policy if exists prompt_aggregate_select_all on public.prompt_aggregate;
create policy prompt_aggregate_select_all on public.prompt_aggregate
    for select to pg_read_all_data using (true);
drop policy if exists prompt_total_select_all on public.prompt_total;
create policy prompt_total_select_all on public.prompt_total
    for select to pg_read_all_data using (true);

-- Take away what default grants gave (PUBLIC may execute any new function).
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
            'revoke all on function public.skip_foreign_counts(), public.recount_if_changed_prompt_telemetry() from %s',
            grantee);
    end loop;
end
$$;
