-- Counts that know time: by hour, by day, and over all time.
--
-- A statement that inserts events only appends what it brought, as one row of `prompt_pending`. Somebody else *folds* what
-- is pending into the tables of sums: the consumer, about once a second. Readers add what is pending to the sums in one
-- statement, so the numbers are exact in every committed state, folded or not.
--
-- Whoever writes the sums holds the fold's lock until the end of the transaction; inserts never wait for it.

-- A short wait for writers: the triggers that count for them change below. Of the events nothing is read but whether there
-- are any; what is stored already gets its hours and days afterwards, portion by portion.
lock table public.prompt_telemetry in access exclusive mode;

-- The group of whoever folds.
do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'telemetry_upkeep') then
        return;
    end if;
    create role telemetry_upkeep nologin;
exception
    -- Roles belong to the whole cluster: the migration of another database may have just made it.
    when duplicate_object or unique_violation then
        null;
    when insufficient_privilege then
        raise exception 'the role telemetry_upkeep does not exist and % may not create it', current_user
            using errcode = 'insufficient_privilege',
            hint = format('Have an administrator run "alter role %I createrole" or "create role telemetry_upkeep nologin".',
                current_user);
end
$$;

revoke create on schema public from telemetry_upkeep;
grant usage on schema public to telemetry_upkeep;

-- What the counts depend on, in one row. There is none, and the defaults hold, until the consumer closes the first day or
-- somebody sets a time zone: so a dump, which brings its own row, can be restored into a database that has just been made.
create table if not exists public.prompt_setting (
    singleton boolean primary key default true check (singleton),
    -- Where a day begins. Changed by `consumer set-time-zone` alone, since sums over days cannot be turned into others.
    time_zone text collate "C" not null default 'UTC',
    -- How many days that are over keep their hours.
    hour_days integer not null default 3 check (hour_days between 1 and 366),
    -- Events of days before this one are gone; their share of the counts stays.
    cut_off date,
    -- Days from this one on are in prompt_hour.
    hour_from date not null default '-infinity',
    -- Days before this one, which were over then, are in prompt_day.
    day_until date not null default '-infinity',
    -- Events of days before this one are in no hour and no day yet, only in the counts of all time: they were stored
    -- before these tables were there. '-infinity' when all have their day.
    dated_from date not null default '-infinity',
    check (hour_from <= day_until)
);

-- The counts of some events of one hour and slice, of one statement. What is 0 is null, which keeps them short; integers
-- are quicker to add up than bigints, whose sums are numerics.
--
-- `lens` is empty without a lens, else '=' and the lens's id; `stage` is empty without one. So every key is not null,
-- and an empty lens id stays an id. `day` is that of the deployment's time zone. It does not follow from the hour: where
-- clocks are set back across midnight, one hour belongs to two days.
do $$
begin
    if to_regtype('public.prompt_group') is null then
        create type public.prompt_group as (
            day date,
            hour timestamptz,
            prompt_id text collate "C",
            lens text collate "C",
            stage text collate "C",
            last_surfaced timestamptz,
            impressions integer,
            selections integer,
            completions integer,
            skips integer,
            feedbacks integer,
            entropy_delta_count integer,
            entropy_delta_micros bigint,
            dwell_time_count integer,
            dwell_time_ms bigint,
            -- Impressions by the place where they were shown; those without one are in none of these.
            rank_0 integer,
            rank_1 integer,
            rank_2 integer,
            rank_3 integer,
            rank_4 integer,
            rank_5_up integer
        );
    end if;
end
$$;

-- What statements brought and nobody folded yet. One row holds many groups, out of line and not compressed: the rows
-- stay small, so what folds leave behind fills few pages until the next vacuum, and no reader notices.
create table if not exists public.prompt_pending (
    id uuid primary key default gen_random_uuid(),
    appended_at timestamptz not null default clock_timestamp(),
    size integer not null,
    groups public.prompt_group[] not null
) with (
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_threshold = 10000,
    toast.autovacuum_vacuum_scale_factor = 0,
    toast.autovacuum_vacuum_cost_delay = 0
);
alter table public.prompt_pending alter column groups set storage external;

-- The sums. Their rows are rewritten all day: half a page is left free, so that a new version goes next to the old one
-- and no index is touched (nothing that changes is indexed); what is dead is cleared away early.
do $$
declare
    sums constant text := 'last_surfaced timestamptz not null, '
        'impressions bigint not null, selections bigint not null, completions bigint not null, '
        'skips bigint not null, feedbacks bigint not null, '
        'entropy_delta_count bigint not null, entropy_delta_micros bigint not null, '
        'dwell_time_count bigint not null, dwell_time_ms bigint not null, '
        'rank_0 bigint not null, rank_1 bigint not null, rank_2 bigint not null, '
        'rank_3 bigint not null, rank_4 bigint not null, rank_5_up bigint not null';
    storage constant text := 'fillfactor = 50, autovacuum_vacuum_threshold = 1000, '
        'autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0';
    slice constant text := 'prompt_id text collate "C" not null, lens text collate "C" not null, '
        'stage text collate "C" not null';
begin
    execute format('create table if not exists public.prompt_hour (%s, day date not null, hour timestamptz not null, %s, '
        'primary key (prompt_id, lens, stage, day, hour)) with (%s)', slice, sums, storage);
    execute format('create table if not exists public.prompt_day (%s, day date not null, %s, '
        'primary key (prompt_id, lens, stage, day)) with (fillfactor = 90)', slice, sums);
    execute format('create table if not exists public.prompt_slice (%s, %s, '
        'primary key (prompt_id, lens, stage)) with (%s)', slice, sums, storage);
    execute format('create table if not exists public.prompt_overall (prompt_id text collate "C" not null, %s, '
        'primary key (prompt_id)) with (%s)', sums, storage);
    -- Where a recount puts what it found, until it is in place. Empty but for that moment.
    execute format('create unlogged table if not exists public.prompt_recount (%s, day date not null, '
        'hour timestamptz not null, %s, primary key (prompt_id, lens, stage, day, hour))', slice, sums);
end
$$;
-- A window is a range of days of all prompts; rows lie nearly in the order of their time.
create index if not exists prompt_hour_day on public.prompt_hour using brin (day, hour) with (pages_per_range = 16);
create index if not exists prompt_day_day on public.prompt_day using brin (day) with (pages_per_range = 16);

-- Skips what a data-only restore brings, as in 0006: its events are counted when they come.
create or replace trigger prompt_pending_counted_only
    before insert on public.prompt_pending
    for each row
    when (pg_catalog.pg_trigger_depth() = 0
        and pg_catalog.current_setting('prompt_telemetry.rebuilding', true) is distinct from 'on')
    execute function public.skip_foreign_counts();
create or replace trigger prompt_hour_counted_only
    before insert on public.prompt_hour
    for each row
    when (pg_catalog.pg_trigger_depth() = 0
        and pg_catalog.current_setting('prompt_telemetry.rebuilding', true) is distinct from 'on')
    execute function public.skip_foreign_counts();
create or replace trigger prompt_day_counted_only
    before insert on public.prompt_day
    for each row
    when (pg_catalog.pg_trigger_depth() = 0
        and pg_catalog.current_setting('prompt_telemetry.rebuilding', true) is distinct from 'on')
    execute function public.skip_foreign_counts();
create or replace trigger prompt_slice_counted_only
    before insert on public.prompt_slice
    for each row
    when (pg_catalog.pg_trigger_depth() = 0
        and pg_catalog.current_setting('prompt_telemetry.rebuilding', true) is distinct from 'on')
    execute function public.skip_foreign_counts();
create or replace trigger prompt_overall_counted_only
    before insert on public.prompt_overall
    for each row
    when (pg_catalog.pg_trigger_depth() = 0
        and pg_catalog.current_setting('prompt_telemetry.rebuilding', true) is distinct from 'on')
    execute function public.skip_foreign_counts();
-- There is one row of settings; a restore into a database that has one skips its own.
create or replace function public.skip_second_setting() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    return case when not exists (select from public.prompt_setting) then new end;
end
$$;
create or replace trigger prompt_setting_once
    before insert on public.prompt_setting
    for each row
    execute function public.skip_second_setting();

-- Events that are there before anything counted by hour and day.
insert into public.prompt_setting (hour_from, day_until, dated_from)
select (now() at time zone 'UTC')::date - 3, (now() at time zone 'UTC')::date, 'infinity'
where exists (select from public.prompt_telemetry)
    and not exists (select from public.prompt_pending)
    and not exists (select from public.prompt_slice)
    and not exists (select from public.prompt_setting);

-- The lock of whoever writes the sums. The two numbers: 'ptag' in ASCII, as for the locks of earlier releases, which took
-- 0 to 15. Nothing else in the database may use it.
create or replace function public.lock_prompt_sums() returns void
    language sql volatile
    set search_path = pg_catalog, pg_temp
as $$
    select pg_advisory_xact_lock(x'70746167'::integer, 16);
$$;
create or replace function public.try_lock_prompt_sums() returns boolean
    language sql volatile
    set search_path = pg_catalog, pg_temp
as $$
    select pg_try_advisory_xact_lock(x'70746167'::integer, 16);
$$;

create or replace function public.default_prompt_setting() returns public.prompt_setting
    language sql immutable
    set search_path = pg_catalog, pg_temp
as $$
    select true, 'UTC', 3, null::date, '-infinity'::date, '-infinity'::date, '-infinity'::date;
$$;

-- The settings, as valid for this statement. Under read committed they are those that were committed last. Under the
-- stricter levels they are those of the transaction's begin, which must not have changed since: then this fails with
-- 40001, and the transaction can be run again.
create or replace function public.read_prompt_setting() returns public.prompt_setting
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    setting public.prompt_setting;
begin
    if current_setting('transaction_isolation') = 'read committed' then
        select * into setting from public.prompt_setting;
    else
        select * into setting from public.prompt_setting for share;
    end if;
    if not found then
        return public.default_prompt_setting();
    end if;
    return setting;
end
$$;

create or replace function public.write_prompt_setting(setting public.prompt_setting) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
begin
    update public.prompt_setting set
        time_zone = setting.time_zone, hour_days = setting.hour_days, cut_off = setting.cut_off,
        hour_from = setting.hour_from, day_until = setting.day_until, dated_from = setting.dated_from;
    if not found then
        insert into public.prompt_setting values (setting.*);
    end if;
end
$$;

-- An event of a day whose events are gone can't be told from one that was stored and counted before.
create or replace function public.refuse_retired_day(cut_off date) returns void
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'events of days before % have been retired; none can be stored any more', cut_off
        using errcode = 'check_violation', schema = 'public', table = 'prompt_telemetry',
            constraint = 'prompt_telemetry_not_retired';
end
$$;

-- Folds when there is so much pending that nobody else seems to: a database without a consumer, or one that is down. Then
-- at most some 300 statements or 200,000 groups stay pending, unless a transaction holds the lock for long.
--
-- Not under the stricter levels, where it would fail when somebody else folds. Looking costs little, but what a long
-- transaction appended and folded itself stays visible to it, so one in eight statements looks.
create or replace function public.fold_if_nobody_does() returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    set enable_seqscan = on
as $$
begin
    if random() < 0.125
        and current_setting('transaction_isolation') = 'read committed'
        and (select count(*) > 256 or sum(size) > 200000 from public.prompt_pending)
        and public.try_lock_prompt_sums()
    then
        perform public.fold_under_lock();
    end if;
end
$$;

-- The time of the newest stored event of a group, from `first` to the group's own newest. Looks back in steps that grow,
-- since what is left is mostly near; planned anew for each, since prompts differ widely in how many events they have.
-- A group without an hour is one of a day.
create or replace function public.newest_of_group(wanted public.prompt_group, first timestamptz, zone text)
    returns timestamptz
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_custom_plan
as $$
declare
    newest timestamptz;
    until timestamptz := wanted.last_surfaced;
    since timestamptz;
    reach interval := '2 seconds';
begin
    loop
        since := greatest(first, until - reach);
        select max("timestamp") into newest from public.prompt_telemetry
        where prompt_id = wanted.prompt_id
            and coalesce('=' || context_lens_id, '') = wanted.lens
            and coalesce(context_stage, '') = wanted.stage
            and "timestamp" between since and until
            and ("timestamp" at time zone zone)::date = wanted.day
            and (wanted.hour is null or date_trunc('hour', "timestamp", zone) = wanted.hour);
        if newest is not null or since <= first then
            return newest;
        end if;
        until := since;
        reach := reach * 8;
    end loop;
end
$$;

-- Corrects what subtracting can't: rows that have come to nothing go, and the newest event is looked up where it was
-- removed. For whoever holds the lock, after the fold. Only what the deleted or changed rows touched is looked at.
create or replace function public.settle_under_lock(removed public.prompt_group[]) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    set jit = off
as $$
declare
    setting public.prompt_setting := public.read_prompt_setting();
begin
    delete from public.prompt_hour as kept using unnest(removed) as gone
    where kept.prompt_id = gone.prompt_id and kept.lens = gone.lens and kept.stage = gone.stage
        and kept.day = gone.day and kept.hour = gone.hour
        and kept.impressions + kept.selections + kept.completions + kept.skips + kept.feedbacks = 0;
    delete from public.prompt_day as kept using unnest(removed) as gone
    where kept.prompt_id = gone.prompt_id and kept.lens = gone.lens and kept.stage = gone.stage
        and kept.day = gone.day
        and kept.impressions + kept.selections + kept.completions + kept.skips + kept.feedbacks = 0;
    -- Of rows that have no day yet, skips and feedbacks are not counted: then only the events know.
    delete from public.prompt_slice as kept using unnest(removed) as gone
    where kept.prompt_id = gone.prompt_id and kept.lens = gone.lens and kept.stage = gone.stage
        and kept.impressions + kept.selections + kept.completions + kept.skips + kept.feedbacks = 0
        and (setting.dated_from = '-infinity' or not exists (
            select from public.prompt_telemetry as event
            where event.prompt_id = gone.prompt_id
                and coalesce('=' || event.context_lens_id, '') = gone.lens
                and coalesce(event.context_stage, '') = gone.stage));
    delete from public.prompt_overall as kept using unnest(removed) as gone
    where kept.prompt_id = gone.prompt_id
        and not exists (select from public.prompt_slice as slice where slice.prompt_id = gone.prompt_id);

    update public.prompt_hour as kept
    set last_surfaced = coalesce(public.newest_of_group(gone, gone.hour, setting.time_zone), kept.last_surfaced)
    from unnest(removed) as gone
    where kept.prompt_id = gone.prompt_id and kept.lens = gone.lens and kept.stage = gone.stage
        and kept.day = gone.day and kept.hour = gone.hour and kept.last_surfaced <= gone.last_surfaced;
    update public.prompt_day as kept
    set last_surfaced = coalesce(public.newest_of_group(
        gone.part, (gone.day::timestamp at time zone setting.time_zone) - interval '3 hours', setting.time_zone),
        kept.last_surfaced)
    from (
        select day, prompt_id, lens, stage, max(last_surfaced) as last_surfaced,
            jsonb_populate_record(null::public.prompt_group, jsonb_build_object('day', day, 'prompt_id', prompt_id,
                'lens', lens, 'stage', stage, 'last_surfaced', max(last_surfaced))) as part
        from unnest(removed) group by day, prompt_id, lens, stage
    ) as gone
    where kept.prompt_id = gone.prompt_id and kept.lens = gone.lens and kept.stage = gone.stage
        and kept.day = gone.day and kept.last_surfaced <= gone.last_surfaced;
    -- From hours and days, not from the events: they are few.
    update public.prompt_slice as kept set last_surfaced = coalesce(newest.at, kept.last_surfaced)
    from (
        select prompt_id, lens, stage, max(last_surfaced) as last_surfaced
        from unnest(removed) group by prompt_id, lens, stage
    ) as gone, lateral (
        select max(at) as at from (
            select max(hours.last_surfaced) as at from public.prompt_hour as hours
            where hours.prompt_id = gone.prompt_id and hours.lens = gone.lens and hours.stage = gone.stage
            union all
            select max(days.last_surfaced) from public.prompt_day as days
            where days.prompt_id = gone.prompt_id and days.lens = gone.lens and days.stage = gone.stage
            union all
            select max(event."timestamp") from public.prompt_telemetry as event
            where setting.dated_from > '-infinity'
                and event.prompt_id = gone.prompt_id
                and coalesce('=' || event.context_lens_id, '') = gone.lens
                and coalesce(event.context_stage, '') = gone.stage) as place) as newest
    where kept.prompt_id = gone.prompt_id and kept.lens = gone.lens and kept.stage = gone.stage
        and kept.last_surfaced <= gone.last_surfaced;
    update public.prompt_overall as kept set last_surfaced = coalesce(newest.at, kept.last_surfaced)
    from (
        select prompt_id, max(last_surfaced) as last_surfaced from unnest(removed) group by prompt_id
    ) as gone, lateral (
        select max(slice.last_surfaced) as at from public.prompt_slice as slice
        where slice.prompt_id = gone.prompt_id) as newest
    where kept.prompt_id = gone.prompt_id and kept.last_surfaced <= gone.last_surfaced;
end
$$;

-- The functions that count. Their lists of sums are long and all alike, so they stand once, here; `@…` is replaced:
--   @keys    a group's columns that tell it from others
--   @counts  its columns that are added up
--   @group   a group, made of columns of these names
--   @counted a group's columns, out of events; with `group by @event_keys`
--   @sums    what many groups come to
--   @plain   the same, of all time: what earlier releases did not count is left out until the rows have their day
--   @add     what an upsert does with a row that is there
do $migration$
declare
    counts constant text[] := array[
        'impressions', 'selections', 'completions', 'skips', 'feedbacks', 'entropy_delta_count', 'entropy_delta_micros',
        'dwell_time_count', 'dwell_time_ms', 'rank_0', 'rank_1', 'rank_2', 'rank_3', 'rank_4', 'rank_5_up'];
    dated_only constant text[] := array[
        'skips', 'feedbacks', 'rank_0', 'rank_1', 'rank_2', 'rank_3', 'rank_4', 'rank_5_up'];
    keys constant text := 'prompt_id, lens, stage, day, hour';
    columns constant text := 'last_surfaced, ' || array_to_string(counts, ', ');
    counted constant text := $sql$
            ("timestamp" at time zone setting.time_zone)::date as day,
            date_trunc('hour', "timestamp", setting.time_zone) as hour,
            prompt_id,
            coalesce('=' || context_lens_id, '') as lens,
            coalesce(context_stage, '') as stage,
            max("timestamp") as last_surfaced,
            sum(1) filter (where event_type = 'impression') as impressions,
            sum(1) filter (where event_type = 'selection') as selections,
            sum(1) filter (where event_type = 'completion') as completions,
            sum(1) filter (where event_type = 'skip') as skips,
            sum(1) filter (where event_type = 'feedback') as feedbacks,
            sum(1) filter (where event_type = 'completion' and outcome_entropy_delta is not null) as entropy_delta_count,
            sum(round(outcome_entropy_delta::numeric * 1000000)::integer)
                filter (where event_type = 'completion') as entropy_delta_micros,
            sum(1) filter (where event_type = 'completion' and outcome_dwell_time_ms is not null) as dwell_time_count,
            sum(outcome_dwell_time_ms) filter (where event_type = 'completion') as dwell_time_ms,
            sum(1) filter (where event_type = 'impression' and scoring_rank = 0) as rank_0,
            sum(1) filter (where event_type = 'impression' and scoring_rank = 1) as rank_1,
            sum(1) filter (where event_type = 'impression' and scoring_rank = 2) as rank_2,
            sum(1) filter (where event_type = 'impression' and scoring_rank = 3) as rank_3,
            sum(1) filter (where event_type = 'impression' and scoring_rank = 4) as rank_4,
            sum(1) filter (where event_type = 'impression' and scoring_rank >= 5) as rank_5_up$sql$;
    -- The first two conditions are for the index, and wide enough for every time zone.
    within constant text := $sql$
            "timestamp" >= (first::timestamp at time zone setting.time_zone) - interval '1 day'
            and "timestamp" < (past::timestamp at time zone setting.time_zone) + interval '1 day'
            and ("timestamp" at time zone setting.time_zone)::date >= first
            and ("timestamp" at time zone setting.time_zone)::date < past$sql$;
    group_row constant text := 'row(day, hour, prompt_id, lens, stage, ' || columns || ')::public.prompt_group';
    sums text := 'max(last_surfaced)';
    plain text := 'max(last_surfaced)';
    signed text := 'last_surfaced';
    difference text := 'max(last_surfaced)';
    addition text := 'last_surfaced = greatest(kept.last_surfaced, excluded.last_surfaced)';
    name text;
    statement text;
begin
    foreach name in array counts
    loop
        sums := sums || format(', coalesce(sum(%I), 0)', name);
        plain := plain || format(', coalesce(sum(%I)', name)
            || case when name = any (dated_only) then ' filter (where day >= setting.dated_from)' else '' end || ', 0)';
        signed := signed || format(', -%I', name);
        addition := addition || format(', %1$I = kept.%1$I + excluded.%1$I', name);
    end loop;
    foreach statement in array array[
    $function$

-- Adds what is pending to the sums, for whoever holds the lock. Returns how many groups that were.
create or replace function public.fold_under_lock() returns bigint
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    set jit = off
    set work_mem = '64MB'
as $$
declare
    setting public.prompt_setting := public.read_prompt_setting();
    folded bigint;
begin
    perform set_config('prompt_telemetry.rebuilding', 'on', true);
    -- One statement, and so one snapshot: what is taken is what is added.
    with taken as (
        delete from public.prompt_pending returning groups
    ), part as materialized (
        select part.* from taken, unnest(taken.groups) as part
    ), hours as (
        insert into public.prompt_hour as kept (@keys, @columns)
        select @keys, @sums
        from part
        where day >= greatest(setting.hour_from, setting.dated_from)
        group by prompt_id, lens, stage, day, hour
        order by prompt_id, lens, stage, day, hour
        on conflict (prompt_id, lens, stage, day, hour) do update set @add
    ), days as (
        insert into public.prompt_day as kept (prompt_id, lens, stage, day, @columns)
        select prompt_id, lens, stage, day, @sums
        from part
        where day >= setting.dated_from and day < setting.day_until
        group by prompt_id, lens, stage, day
        order by prompt_id, lens, stage, day
        on conflict (prompt_id, lens, stage, day) do update set @add
    ), slices as (
        insert into public.prompt_slice as kept (prompt_id, lens, stage, @columns)
        select prompt_id, lens, stage, @plain
        from part
        group by prompt_id, lens, stage
        order by prompt_id, lens, stage
        on conflict (prompt_id, lens, stage) do update set @add
    ), overall as (
        insert into public.prompt_overall as kept (prompt_id, @columns)
        select prompt_id, @plain
        from part
        group by prompt_id
        order by prompt_id
        on conflict (prompt_id) do update set @add
    )
    select count(*) into folded from part;
    perform set_config('prompt_telemetry.rebuilding', 'off', true);
    return folded;
end
$$;
    $function$, $function$

-- Appends what a statement inserted. Runs once per statement, not per row; COPY is a statement too. `inserted` holds the
-- rows really inserted: those that `on conflict do nothing` left out are not there. It acts with the owner's rights,
-- since writers have none on the counts.
create or replace function public.append_inserted_prompt_telemetry() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
    set jit = off
as $$
declare
    setting public.prompt_setting;
begin
    if not exists (select from inserted) then
        return null;
    end if;
    setting := public.read_prompt_setting();
    if setting.cut_off is not null and exists (
        select from inserted where ("timestamp" at time zone setting.time_zone)::date < setting.cut_off)
    then
        perform public.refuse_retired_day(setting.cut_off);
    end if;
    -- A value holds 1 GB at the most, and so not every statement's groups.
    insert into public.prompt_pending (size, groups)
    select count(*), array_agg(@group)
    from (select *, (row_number() over () - 1) / 10000 as piece from (select @counted from inserted group by @event_keys) as counted) as counted
    group by piece;
    perform public.fold_if_nobody_does();
    return null;
end
$$;
    $function$, $function$

-- Subtracts what a statement deleted.
create or replace function public.subtract_deleted_prompt_telemetry() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    setting public.prompt_setting;
    removed public.prompt_group[];
begin
    if not exists (select from deleted) then
        return null;
    end if;
    perform public.lock_prompt_sums();
    setting := public.read_prompt_setting();
    -- The share of retired days stays.
    select array_agg(@group) into removed from (select @counted from deleted group by @event_keys) as counted
    where day >= coalesce(setting.cut_off, '-infinity');
    perform public.change_under_lock(removed, null);
    return null;
end
$$;
    $function$, $function$

-- Subtracts the rows as they were before an update and adds them as they are.
create or replace function public.recount_updated_prompt_telemetry() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    setting public.prompt_setting;
    removed public.prompt_group[];
    added public.prompt_group[];
begin
    if not exists (select from before) then
        return null;
    end if;
    perform public.lock_prompt_sums();
    setting := public.read_prompt_setting();
    select array_agg(@group) into removed from (select @counted from before group by @event_keys) as counted;
    select array_agg(@group) into added from (select @counted from after group by @event_keys) as counted;
    if exists (select from unnest(removed || added) where day < setting.cut_off) then
        perform public.refuse_retired_day(setting.cut_off);
    end if;
    perform public.change_under_lock(removed, added);
    return null;
end
$$;
    $function$, $function$

-- Takes groups out of the sums and adds others, for whoever holds the lock.
create or replace function public.change_under_lock(removed public.prompt_group[], added public.prompt_group[])
    returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    set jit = off
as $$
begin
    perform public.adopt_under_lock(null);
    insert into public.prompt_pending (size, groups)
    select count(*), array_agg(@signed_group) from unnest(removed) having count(*) > 0;
    insert into public.prompt_pending (size, groups)
    select cardinality(added), added where cardinality(added) > 0;
    perform public.fold_under_lock();
    perform public.settle_under_lock(removed);
end
$$;
    $function$, $function$

-- Moves up to `prompts` prompts (null: all) from the sums of earlier releases to ours, for whoever holds the lock. Returns
-- how many there were.
create or replace function public.adopt_under_lock(prompts integer) returns bigint
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    set jit = off
as $$
declare
    moved text[] := array(
        select prompt_id from (
            select prompt_id from public.prompt_aggregate union select prompt_id from public.prompt_total) as prompt
        order by prompt_id limit prompts);
begin
    if cardinality(moved) = 0 then
        return 0;
    end if;
    perform set_config('prompt_telemetry.rebuilding', 'on', true);
    with gone as (
        delete from public.prompt_aggregate where prompt_id = any (moved) returning *
    )
    insert into public.prompt_slice as kept (prompt_id, lens, stage, @columns)
    select prompt_id, coalesce('=' || lens_id, ''), coalesce(stage, ''),
        max(last_surfaced), sum(impressions), sum(selections), sum(completions), 0, 0,
        sum(entropy_delta_count), sum(entropy_delta_micros), sum(dwell_time_count), sum(dwell_time_ms), 0, 0, 0, 0, 0, 0
    from gone
    group by prompt_id, lens_id, stage
    order by prompt_id, lens_id, stage
    on conflict (prompt_id, lens, stage) do update set @add;
    with gone as (
        delete from public.prompt_total where prompt_id = any (moved) returning *
    )
    insert into public.prompt_overall as kept (prompt_id, @columns)
    select prompt_id,
        max(last_surfaced), sum(impressions), sum(selections), sum(completions), 0, 0,
        sum(entropy_delta_count), sum(entropy_delta_micros), sum(dwell_time_count), sum(dwell_time_ms), 0, 0, 0, 0, 0, 0
    from gone
    group by prompt_id
    order by prompt_id
    on conflict (prompt_id) do update set @add;
    perform set_config('prompt_telemetry.rebuilding', 'off', true);
    return cardinality(moved);
end
$$;
    $function$, $function$

-- Counts the rows of the days from `first` up to and without `past` anew. The sums of all time change by as much as
-- those of the days do, in the same transaction. Inserts go on meanwhile, and are folded afterwards.
--
-- While there are rows without a day, this gives the latest of them their day: `past` is where they end.
create or replace function public.recount_prompt_days(first date, past date) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    set jit = off
    set work_mem = '128MB'
as $$
declare
    setting public.prompt_setting;
    undated boolean;
    begin_of_dated date;
begin
    -- In this order, as everybody: the events, then the lock. Otherwise a truncate could deadlock with it.
    lock table public.prompt_telemetry in access share mode;
    perform public.lock_prompt_sums();
    setting := public.read_prompt_setting();
    undated := setting.dated_from > '-infinity';
    if undated and past <> setting.dated_from then
        raise exception 'the days before % have no counts yet; finish "consumer migrate" first', setting.dated_from
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    begin_of_dated := first;
    -- Days behind the cut-off stay as they are: their events are gone.
    first := greatest(first, setting.cut_off);
    perform public.adopt_under_lock(null);
    perform set_config('prompt_telemetry.rebuilding', 'on', true);
    delete from public.prompt_recount;
    -- One statement, and so one snapshot: whatever of these rows is pending is folded later.
    insert into public.prompt_recount (@keys, @columns)
    select @keys, @sums
    from (
        select @counted
        from public.prompt_telemetry
        where @within
        group by @event_keys
        union all
        select day, hour, prompt_id, lens, stage, @signed
        from public.prompt_pending, unnest(groups)
        where day >= first and day < past
    ) as part
    group by prompt_id, lens, stage, day, hour
    having coalesce(sum(impressions), 0) <> 0 or coalesce(sum(selections), 0) <> 0 or coalesce(sum(completions), 0) <> 0
        or coalesce(sum(skips), 0) <> 0 or coalesce(sum(feedbacks), 0) <> 0;
    if undated then
        -- These rows are in the sums of all time already, but for what earlier releases did not count.
        update public.prompt_slice as kept set @set_dated
        from (select prompt_id, lens, stage, @dated_sums from public.prompt_recount group by prompt_id, lens, stage) as part
        where kept.prompt_id = part.prompt_id and kept.lens = part.lens and kept.stage = part.stage;
        update public.prompt_overall as kept set @set_dated
        from (select prompt_id, @dated_sums from public.prompt_recount group by prompt_id) as part
        where kept.prompt_id = part.prompt_id;
    else
        with part as materialized (
            select @keys, @columns from public.prompt_recount
            union all
            select prompt_id, lens, stage, day, '-infinity', @signed from public.prompt_day
            where day >= first and day < least(past, setting.day_until)
            union all
            select prompt_id, lens, stage, day, hour, @signed from public.prompt_hour
            where day >= greatest(first, setting.day_until) and day < past
        ), slices as (
            insert into public.prompt_slice as kept (prompt_id, lens, stage, @columns)
            select prompt_id, lens, stage, @sums from part group by prompt_id, lens, stage
            on conflict (prompt_id, lens, stage) do update set @add
        )
        insert into public.prompt_overall as kept (prompt_id, @columns)
        select prompt_id, @sums from part group by prompt_id
        on conflict (prompt_id) do update set @add;
        delete from public.prompt_slice where impressions + selections + completions + skips + feedbacks = 0;
        delete from public.prompt_overall where impressions + selections + completions + skips + feedbacks = 0;
    end if;
    delete from public.prompt_day where day >= first and day < past;
    insert into public.prompt_day (prompt_id, lens, stage, day, @columns)
    select prompt_id, lens, stage, day, @sums from public.prompt_recount
    where day < setting.day_until
    group by prompt_id, lens, stage, day order by day, prompt_id, lens, stage;
    delete from public.prompt_hour where day >= first and day < past;
    insert into public.prompt_hour (@keys, @columns)
    select @keys, @columns from public.prompt_recount
    where day >= setting.hour_from
    order by day, hour, prompt_id, lens, stage;
    delete from public.prompt_recount;
    if undated then
        update public.prompt_setting set dated_from = begin_of_dated;
    end if;
    perform set_config('prompt_telemetry.rebuilding', 'off', true);
end
$$;
    $function$, $function$

-- Makes the sums of all time what their hours and days come to. Waits for no insert.
create or replace function public.recount_prompt_slices() returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    set jit = off
as $$
declare
    setting public.prompt_setting;
begin
    perform public.lock_prompt_sums();
    setting := public.read_prompt_setting();
    if setting.dated_from > '-infinity' then
        raise exception 'the days before % have no counts yet; finish "consumer migrate" first', setting.dated_from
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    perform public.adopt_under_lock(null);
    perform set_config('prompt_telemetry.rebuilding', 'on', true);
    delete from public.prompt_slice;
    insert into public.prompt_slice (prompt_id, lens, stage, @columns)
    select prompt_id, lens, stage, @sums from (
        select prompt_id, lens, stage, @columns from public.prompt_day where day < setting.day_until
        union all
        select prompt_id, lens, stage, @columns from public.prompt_hour where day >= setting.day_until) as part
    group by prompt_id, lens, stage order by prompt_id, lens, stage;
    delete from public.prompt_overall;
    insert into public.prompt_overall (prompt_id, @columns)
    select prompt_id, @sums from public.prompt_slice group by prompt_id order by prompt_id;
    perform set_config('prompt_telemetry.rebuilding', 'off', true);
end
$$;
    $function$, $function$

-- Closes the days that are over `at` that time, so that they can be read as one row each, and forgets the hours of those
-- that were over `hour_days` days before. Returns null when another process holds the lock, else whether there was
-- something to do.
create or replace function public.keep_prompt_days(at timestamptz default now()) returns boolean
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
    set jit = off
as $$
declare
    setting public.prompt_setting;
    today date;
begin
    if not public.try_lock_prompt_sums() then
        return null;
    end if;
    setting := public.read_prompt_setting();
    today := (at at time zone setting.time_zone)::date;
    -- The clock may have been set back.
    if today <= setting.day_until and today - setting.hour_days <= setting.hour_from then
        return false;
    end if;
    perform set_config('prompt_telemetry.rebuilding', 'on', true);
    insert into public.prompt_day (prompt_id, lens, stage, day, @columns)
    select prompt_id, lens, stage, day, @sums from public.prompt_hour
    where day >= setting.day_until and day < today
    group by prompt_id, lens, stage, day
    order by day, prompt_id, lens, stage;
    delete from public.prompt_hour where day < today - setting.hour_days;
    setting.day_until := greatest(setting.day_until, today);
    setting.hour_from := greatest(setting.hour_from, today - setting.hour_days);
    perform public.write_prompt_setting(setting);
    perform set_config('prompt_telemetry.rebuilding', 'off', true);
    return true;
end
$$;
    $function$, $function$

-- Where the counts of the days from `first` up to and without `past` differ from the rows, one row each. What is pending
-- counts as kept. Without the days behind the cut-off, and those that have no counts yet.
create or replace function public.prompt_day_differences(first date, past date)
    returns table (place text, day date, hour timestamptz, prompt_id text, lens text, stage text, counted jsonb, kept jsonb)
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
    set jit = off
    set work_mem = '128MB'
as $$
#variable_conflict use_column
declare
    setting public.prompt_setting;
begin
    -- Of the snapshot that all of this function has.
    select * into setting from public.prompt_setting;
    if not found then
        setting := public.default_prompt_setting();
    end if;
    first := greatest(first, setting.dated_from, setting.cut_off);
    return query
    with stored as materialized (
        select @counted from public.prompt_telemetry where @within group by @event_keys
    ), waiting as materialized (
        select part.* from public.prompt_pending, unnest(groups) as part where part.day >= first and part.day < past
    ), expected as (
        select 'prompt_hour' as place, @keys, @columns from stored where day >= setting.hour_from
        union all
        select 'prompt_day', prompt_id, lens, stage, day, '-infinity', @columns from stored where day < setting.day_until
    ), found as (
        select 'prompt_hour' as place, @keys, @columns from public.prompt_hour where day >= first and day < past
        union all
        select 'prompt_day', prompt_id, lens, stage, day, '-infinity', @columns from public.prompt_day
        where day >= first and day < past
        union all
        select 'prompt_hour', @keys, @columns from waiting where day >= setting.hour_from
        union all
        select 'prompt_day', prompt_id, lens, stage, day, '-infinity', @columns from waiting where day < setting.day_until
    ), counted as (
        select place, @keys, @named_sums from expected group by place, prompt_id, lens, stage, day, hour
    ), kept as (
        select place, @keys, @named_sums from found group by place, prompt_id, lens, stage, day, hour
    )
    select place, day, nullif(hour, '-infinity'), prompt_id, lens, stage,
        to_jsonb(counted) - array['place', 'day', 'hour', 'prompt_id', 'lens', 'stage'],
        to_jsonb(kept) - array['place', 'day', 'hour', 'prompt_id', 'lens', 'stage']
    from counted full join kept using (place, prompt_id, lens, stage, day, hour)
    where row(@each_counted) is distinct from row(@each_kept);
end
$$;
    $function$, $function$

-- Where the sums of all time differ from what hours and days, and of a prompt its slices, come to. `exact` is false
-- while rows have no day yet: then the slices are not compared.
create or replace function public.prompt_sum_differences()
    returns table (place text, prompt_id text, lens text, stage text, counted jsonb, kept jsonb)
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
    set jit = off
as $$
#variable_conflict use_column
declare
    setting public.prompt_setting;
begin
    select * into setting from public.prompt_setting;
    if not found then
        setting := public.default_prompt_setting();
    end if;
    return query
    with expected as (
        select 'prompt_slice' as place, prompt_id, lens, stage, @columns from public.prompt_day
        where day < setting.day_until and setting.dated_from = '-infinity'
        union all
        select 'prompt_slice', prompt_id, lens, stage, @columns from public.prompt_hour
        where day >= setting.day_until and setting.dated_from = '-infinity'
        union all
        select 'prompt_overall', prompt_id, '', '', @columns from public.prompt_slice
    ), found as (
        select 'prompt_slice' as place, prompt_id, lens, stage, @columns from public.prompt_slice
        where setting.dated_from = '-infinity'
        union all
        select 'prompt_overall', prompt_id, '', '', @columns from public.prompt_overall
    ), counted as (
        select place, prompt_id, lens, stage, @named_sums from expected group by place, prompt_id, lens, stage
    ), kept as (
        select place, prompt_id, lens, stage, @named_sums from found group by place, prompt_id, lens, stage
    )
    select place, prompt_id, lens, stage,
        to_jsonb(counted) - array['place', 'prompt_id', 'lens', 'stage'],
        to_jsonb(kept) - array['place', 'prompt_id', 'lens', 'stage']
    from counted full join kept using (place, prompt_id, lens, stage)
    where row(@each_counted) is distinct from row(@each_kept);
end
$$;
    $function$]
    loop
        statement := replace(statement, '@counted', counted);
        statement := replace(statement, '@event_keys', '1, 2, prompt_id, context_lens_id, context_stage');
        statement := replace(statement, '@within', within);
        statement := replace(statement, '@keys', keys);
        statement := replace(statement, '@columns', columns);
        statement := replace(statement, '@group', group_row);
        statement := replace(statement, '@signed_group', replace(group_row, columns, signed));
        statement := replace(statement, '@signed', signed);
        statement := replace(statement, '@sums', sums);
        statement := replace(statement, '@plain', plain);
        statement := replace(statement, '@add', addition);
        statement := replace(statement, '@named_sums', (
            select 'max(last_surfaced) as last_surfaced, ' || string_agg(format('coalesce(sum(%1$I), 0)::bigint as %1$I', c), ', ')
            from unnest(counts) as c));
        statement := replace(statement, '@each_counted', 'counted.last_surfaced, '
            || (select string_agg('counted.' || c, ', ') from unnest(counts) as c));
        statement := replace(statement, '@each_kept', 'kept.last_surfaced, '
            || (select string_agg('kept.' || c, ', ') from unnest(counts) as c));
        statement := replace(statement, '@dated_sums',
            (select string_agg(format('sum(%1$I) as %1$I', c), ', ') from unnest(dated_only) as c));
        statement := replace(statement, '@set_dated',
            (select string_agg(format('%1$I = kept.%1$I + part.%1$I', c), ', ') from unnest(dated_only) as c));
        execute statement;
    end loop;
end
$migration$;

-- For the consumer: adds what is pending to the sums. Returns how many groups that were; null when another process holds
-- the lock.
create or replace function public.fold_prompt_pending() returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if not public.try_lock_prompt_sums() then
        return null;
    end if;
    return public.fold_under_lock();
end
$$;

-- For the consumer: how many groups are pending, and for how many seconds the oldest of them has been.
create or replace function public.prompt_pending_state(out pending_groups bigint, out oldest_seconds double precision)
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
    select coalesce(sum(size), 0), coalesce(extract(epoch from clock_timestamp() - min(appended_at)), 0)
    from public.prompt_pending;
$$;

-- Moves up to `prompts` prompts from the sums of earlier releases to ours. Returns how many there were.
create or replace function public.adopt_prompt_sums(prompts integer) returns bigint
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform public.lock_prompt_sums();
    return public.adopt_under_lock(prompts);
end
$$;

-- Empties the counts with the events. Those of retired days stay, as they are.
create or replace function public.empty_prompt_counts() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    setting public.prompt_setting;
begin
    perform public.lock_prompt_sums();
    setting := public.read_prompt_setting();
    -- Not truncate, which would show empty tables to transactions that began before.
    delete from public.prompt_pending;
    delete from public.prompt_aggregate;
    delete from public.prompt_total;
    delete from public.prompt_hour where day >= coalesce(setting.cut_off, '-infinity');
    delete from public.prompt_day where day >= coalesce(setting.cut_off, '-infinity');
    if setting.dated_from > '-infinity' then
        update public.prompt_setting set dated_from = '-infinity';
    end if;
    perform public.recount_prompt_slices();
    return null;
end
$$;

-- Sets the time zone in which days begin, and takes every event's day and hour away; `recount_prompt_days` gives them
-- back. The numbers of all time stay as they are.
create or replace function public.set_prompt_time_zone(zone text) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    setting public.prompt_setting;
    today date;
begin
    if not exists (select from pg_catalog.pg_timezone_names where name = zone) then
        raise exception 'the server knows no time zone "%"', zone
            using errcode = 'invalid_parameter_value', hint = 'Take a name of pg_timezone_names, such as Europe/Berlin.';
    end if;
    -- Waits for the writers under way: they cut their hours in the zone of before.
    lock table public.prompt_telemetry in share row exclusive mode;
    perform public.lock_prompt_sums();
    setting := public.read_prompt_setting();
    if setting.cut_off is not null then
        raise exception 'the time zone cannot be changed any more: events of days before % have been retired',
            setting.cut_off using errcode = 'object_not_in_prerequisite_state';
    end if;
    perform public.adopt_under_lock(null);
    perform public.fold_under_lock();
    delete from public.prompt_hour;
    delete from public.prompt_day;
    update public.prompt_slice set
        skips = 0, feedbacks = 0, rank_0 = 0, rank_1 = 0, rank_2 = 0, rank_3 = 0, rank_4 = 0, rank_5_up = 0;
    update public.prompt_overall set
        skips = 0, feedbacks = 0, rank_0 = 0, rank_1 = 0, rank_2 = 0, rank_3 = 0, rank_4 = 0, rank_5_up = 0;
    today := (now() at time zone zone)::date;
    setting.time_zone := zone;
    setting.day_until := today;
    setting.hour_from := today - setting.hour_days;
    setting.dated_from := case when exists (select from public.prompt_telemetry) then 'infinity' else '-infinity' end;
    perform public.write_prompt_setting(setting);
end
$$;

-- The days that have events or counts, the latest first, and how many events: so that whoever recounts or compares all of
-- them can do it in portions. Reads all events.
create or replace function public.prompt_event_days() returns table (day date, events bigint)
    language sql volatile
    set search_path = pg_catalog, pg_temp
as $$
    select day, sum(events)::bigint from (
        select ("timestamp" at time zone setting.time_zone)::date as day, count(*) as events
        from public.read_prompt_setting() as setting, public.prompt_telemetry
        group by 1
        union all
        select day, 0 from public.prompt_day group by day
        union all
        select day, 0 from public.prompt_hour group by day) as known
    group by day
    order by day desc;
$$;

create or replace trigger prompt_telemetry_inserted
    after insert on public.prompt_telemetry
    referencing new table as inserted
    for each statement execute function public.append_inserted_prompt_telemetry();
create or replace trigger prompt_telemetry_updated
    after update on public.prompt_telemetry
    referencing old table as before new table as after
    for each statement execute function public.recount_updated_prompt_telemetry();
create or replace trigger prompt_telemetry_deleted
    after delete on public.prompt_telemetry
    referencing old table as deleted
    for each statement execute function public.subtract_deleted_prompt_telemetry();
create or replace trigger prompt_telemetry_changed
    after truncate on public.prompt_telemetry
    for each statement execute function public.empty_prompt_counts();

-- What the triggers of earlier releases called. Their tables stay until `consumer migrate` has emptied them.
drop function if exists public.count_inserted_prompt_telemetry(), public.take_prompt_aggregate_shard(),
    public.recount_changed_prompt_telemetry(), public.recount_if_changed_prompt_telemetry(),
    public.rebuild_prompt_total();

-- Counts everything anew in one transaction, under the name that it has always had. `consumer rebuild` does the same in
-- portions.
create or replace function public.rebuild_prompt_aggregate() returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    setting public.prompt_setting;
begin
    lock table public.prompt_telemetry in access share mode;
    perform public.lock_prompt_sums();
    setting := public.read_prompt_setting();
    if setting.dated_from > '-infinity' then
        perform public.recount_prompt_days('-infinity', setting.dated_from);
    end if;
    perform public.recount_prompt_days('-infinity', 'infinity');
    perform public.recount_prompt_slices();
end
$$;

-- What the product answers, per prompt, as before. Rounding is half away from zero: these are numerics until the last
-- cast. The first part is what was folded, the second what is pending, the third what `consumer migrate` has not moved
-- here yet from the sums of an earlier release.
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
from (
    select prompt_id, last_surfaced, impressions, selections, completions,
        entropy_delta_count, entropy_delta_micros, dwell_time_count, dwell_time_ms
    from public.prompt_overall
    union all
    select part.prompt_id, part.last_surfaced, coalesce(part.impressions, 0), coalesce(part.selections, 0),
        coalesce(part.completions, 0), coalesce(part.entropy_delta_count, 0), coalesce(part.entropy_delta_micros, 0),
        coalesce(part.dwell_time_count, 0), coalesce(part.dwell_time_ms, 0)
    from public.prompt_pending, unnest(groups) as part
    union all
    select prompt_id, last_surfaced, impressions, selections, completions,
        entropy_delta_count, entropy_delta_micros, dwell_time_count, dwell_time_ms
    from public.prompt_total
) as part
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
from (
    select prompt_id, case when lens <> '' then substr(lens, 2) end as lens_id, nullif(stage, '') as stage,
        last_surfaced, impressions, selections, completions,
        entropy_delta_count, entropy_delta_micros, dwell_time_count, dwell_time_ms
    from public.prompt_slice
    union all
    select part.prompt_id, case when part.lens <> '' then substr(part.lens, 2) end, nullif(part.stage, ''),
        part.last_surfaced, coalesce(part.impressions, 0), coalesce(part.selections, 0),
        coalesce(part.completions, 0), coalesce(part.entropy_delta_count, 0), coalesce(part.entropy_delta_micros, 0),
        coalesce(part.dwell_time_count, 0), coalesce(part.dwell_time_ms, 0)
    from public.prompt_pending, unnest(groups) as part
    union all
    select prompt_id, lens_id, stage, last_surfaced, impressions, selections, completions,
        entropy_delta_count, entropy_delta_micros, dwell_time_count, dwell_time_ms
    from public.prompt_aggregate
) as part
group by prompt_id, lens_id, stage;

-- The calendar of the deployment, for whoever asks for a window. `today` and `this_hour` are those of the statement.
create or replace view public.prompt_calendar with (security_invoker = false) as
select
    time_zone,
    (statement_timestamp() at time zone time_zone)::date as today,
    date_trunc('hour', statement_timestamp(), time_zone) as this_hour,
    nullif(hour_from, '-infinity') as hour_from,
    nullif(dated_from, '-infinity') as dated_from,
    cut_off
from public.prompt_setting
union all
select 'UTC', (statement_timestamp() at time zone 'UTC')::date, date_trunc('hour', statement_timestamp(), 'UTC'), null, null,
    null
where not exists (select from public.prompt_setting);

-- All counts: of all time, by day, and by hour as far back as hours are kept. In parts: several rows may have the same
-- key, and whoever asks adds them up. That way a condition on day, hour or prompt reaches the tables' indexes.
--
-- Days before `prompt_calendar.dated_from` are missing, and hours of days before `hour_from`. Until all rows have their
-- day, skips, feedbacks and ranks of all time are those of the days that are there.
do $migration$
declare
    slice constant text := 'prompt_id, case when lens <> %L then substr(lens, 2) end as lens_id, '
        'nullif(stage, %L) as stage, last_surfaced, ';
    counts constant text[] := array[
        'impressions', 'selections', 'completions', 'skips', 'feedbacks', 'entropy_delta_count', 'entropy_delta_micros',
        'dwell_time_count', 'dwell_time_ms', 'rank_0', 'rank_1', 'rank_2', 'rank_3', 'rank_4', 'rank_5_up'];
    kept constant text := format(slice, '', '') || array_to_string(counts, ', ');
    pending constant text := format(slice, '', '')
        || (select string_agg(format('coalesce(%1$I, 0) as %1$I', name), ', ') from unnest(counts) as name);
begin
    execute format($view$
        create or replace view public.prompt_counts_by_day with (security_invoker = false) as
        select day, %1$s from public.prompt_day where day < coalesce((select day_until from public.prompt_setting), '-infinity')
        union all
        select day, %1$s from public.prompt_hour where day >= coalesce((select day_until from public.prompt_setting), '-infinity')
        union all
        select day, %2$s from public.prompt_pending, unnest(groups)
        where day >= coalesce((select dated_from from public.prompt_setting), '-infinity')$view$, kept, pending);
    execute format($view$
        create or replace view public.prompt_counts_by_hour with (security_invoker = false) as
        select day, hour, %1$s from public.prompt_hour
        union all
        select day, hour, %2$s from public.prompt_pending, unnest(groups)
        where day >= coalesce((select greatest(hour_from, dated_from) from public.prompt_setting), '-infinity')$view$, kept, pending);
    execute format($view$
        create or replace view public.prompt_counts with (security_invoker = false) as
        select %1$s from public.prompt_slice
        union all
        select %2$s from public.prompt_pending, unnest(groups)
        union all
        select prompt_id, lens_id, stage, last_surfaced, impressions, selections, completions, 0, 0,
            entropy_delta_count, entropy_delta_micros, dwell_time_count, dwell_time_ms, 0, 0, 0, 0, 0, 0
        from public.prompt_aggregate$view$, kept, pending);
end
$migration$;

-- No policy but that of 0006: only the owner, and so the triggers and the views, sees a row; and members of
-- pg_read_all_data, for backups.
do $$
declare
    name text;
    grantee text;
begin
    foreach name in array array['prompt_setting', 'prompt_pending', 'prompt_hour', 'prompt_day', 'prompt_slice',
        'prompt_overall', 'prompt_recount']
    loop
        execute format('alter table public.%I enable row level security', name);
        execute format('drop policy if exists %I on public.%I', name || '_select_all', name);
        execute format('create policy %I on public.%I for select to pg_read_all_data using (true)',
            name || '_select_all', name);
    end loop;

    -- Take away what default grants gave (PUBLIC may execute any new function), then grant what is meant.
    foreach grantee in array array['public', 'anon', 'authenticated', 'service_role', 'telemetry_writer',
        'telemetry_reader', 'telemetry_upkeep']
    loop
        -- `authenticated` is not ours and may be missing.
        continue when grantee <> 'public' and not exists (select from pg_catalog.pg_roles where rolname = grantee);
        foreach name in array array['prompt_setting', 'prompt_pending', 'prompt_hour', 'prompt_day', 'prompt_slice',
            'prompt_overall', 'prompt_recount', 'prompt_calendar', 'prompt_counts', 'prompt_counts_by_day',
            'prompt_counts_by_hour']
        loop
            execute format('revoke all on public.%I from %s', name, grantee);
        end loop;
        execute format('revoke all on type public.prompt_group from %s', grantee);
        foreach name in array array[
            'lock_prompt_sums()', 'try_lock_prompt_sums()', 'read_prompt_setting()', 'fold_under_lock()',
            'append_inserted_prompt_telemetry()', 'subtract_deleted_prompt_telemetry()',
            'recount_updated_prompt_telemetry()', 'empty_prompt_counts()',
            'change_under_lock(public.prompt_group[], public.prompt_group[])', 'settle_under_lock(public.prompt_group[])',
            'adopt_under_lock(integer)', 'adopt_prompt_sums(integer)', 'refuse_retired_day(date)', 'newest_of_group(public.prompt_group, timestamptz, text)', 'default_prompt_setting()',
            'write_prompt_setting(public.prompt_setting)', 'skip_second_setting()', 'rebuild_prompt_aggregate()',
            'fold_if_nobody_does()', 'fold_prompt_pending()', 'keep_prompt_days(timestamptz)', 'prompt_pending_state()',
            'recount_prompt_days(date, date)', 'recount_prompt_slices()', 'set_prompt_time_zone(text)',
            'prompt_event_days()', 'prompt_day_differences(date, date)', 'prompt_sum_differences()']
        loop
            execute format('revoke all on function public.%s from %s', name, grantee);
        end loop;
    end loop;

    -- Who writes from a consumer folds, too: logins that were members of the one group before are of both.
    for name in
        select member.rolname from pg_catalog.pg_auth_members as membership
        join pg_catalog.pg_roles as writer on writer.oid = membership.roleid and writer.rolname = 'telemetry_writer'
        join pg_catalog.pg_roles as member on member.oid = membership.member and member.rolcanlogin
        where not pg_has_role(member.oid, 'telemetry_upkeep', 'member')
    loop
        begin
            execute format('grant telemetry_upkeep to %I', name);
        exception
            when insufficient_privilege then
                raise warning 'an administrator must run: grant telemetry_upkeep to %', name;
        end;
    end loop;
end
$$;
grant select on public.prompt_calendar, public.prompt_counts, public.prompt_counts_by_day, public.prompt_counts_by_hour
    to service_role, telemetry_reader;
grant execute on function public.fold_prompt_pending(), public.keep_prompt_days(timestamptz),
    public.prompt_pending_state() to telemetry_upkeep;
