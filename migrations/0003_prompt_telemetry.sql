-- The raw events, one row each. An event is its id: the primary key is what makes a second delivery a duplicate.
--
-- All text is `collate "C"`: compared, grouped and sorted by its bytes, which is cheap and the same on every machine.
-- Numbers that may be NaN or infinite have bounds at both ends, which those fail too.
create table if not exists public.prompt_telemetry (
    id uuid primary key default gen_random_uuid(),
    event_type text collate "C" not null,
    prompt_id text collate "C" not null,
    session_id text collate "C" not null,
    "timestamp" timestamptz not null default now(),
    context_stage text collate "C",
    context_lens_id text collate "C",
    context_entropy double precision,
    context_interaction_count integer,
    context_active_topics text[] collate "C",
    context_active_moments text[] collate "C",
    scoring_final_score double precision,
    scoring_lens_weight double precision,
    scoring_topic_weight double precision,
    scoring_moment_boost double precision,
    scoring_base_weight double precision,
    scoring_rank integer,
    scoring_stage_match boolean,
    outcome_dwell_time_ms integer,
    outcome_entropy_delta double precision,
    outcome_follow_up_prompt_id text collate "C",
    received_at timestamptz not null default now(),
    created_at timestamptz not null default now(),

    constraint prompt_telemetry_event_type_known
        check (event_type in ('impression', 'selection', 'completion', 'feedback', 'skip')),
    constraint prompt_telemetry_prompt_id_length
        check (char_length(prompt_id) between 1 and 256 and prompt_id not in ('.', '..')),
    constraint prompt_telemetry_session_id_length
        check (char_length(session_id) between 1 and 128),
    constraint prompt_telemetry_timestamp_range
        check ("timestamp" between '2000-01-01 00:00:00+00' and '2100-01-01 00:00:00+00'),
    constraint prompt_telemetry_context_stage_known
        check (context_stage in ('genesis', 'exploration', 'synthesis', 'advocacy')),
    -- An empty lens id is a lens id; none at all is null.
    constraint prompt_telemetry_context_lens_id_length
        check (char_length(context_lens_id) <= 128),
    constraint prompt_telemetry_context_entropy_range
        check (context_entropy between 0 and 1),
    constraint prompt_telemetry_context_interaction_count_range
        check (context_interaction_count >= 0),
    -- Casting to varchar(128) cuts what is longer, so an array that stays equal has no such element. A function that
    -- walks the elements would cost more per row, and every role that inserts would need the right to call it.
    constraint prompt_telemetry_context_active_topics_size
        check (cardinality(context_active_topics) = 0 or (
            array_ndims(context_active_topics) = 1
            and cardinality(context_active_topics) <= 64
            and array_position(context_active_topics, null) is null
            and context_active_topics = context_active_topics::varchar(128)[]::text[])),
    constraint prompt_telemetry_context_active_moments_size
        check (cardinality(context_active_moments) = 0 or (
            array_ndims(context_active_moments) = 1
            and cardinality(context_active_moments) <= 64
            and array_position(context_active_moments, null) is null
            and context_active_moments = context_active_moments::varchar(128)[]::text[])),
    -- NaN is greater than infinity here, so the upper end refuses both.
    constraint prompt_telemetry_scoring_final_score_range
        check (scoring_final_score > '-infinity' and scoring_final_score < 'infinity'),
    constraint prompt_telemetry_scoring_lens_weight_range
        check (scoring_lens_weight > '-infinity' and scoring_lens_weight < 'infinity'),
    constraint prompt_telemetry_scoring_topic_weight_range
        check (scoring_topic_weight > '-infinity' and scoring_topic_weight < 'infinity'),
    constraint prompt_telemetry_scoring_moment_boost_range
        check (scoring_moment_boost > '-infinity' and scoring_moment_boost < 'infinity'),
    constraint prompt_telemetry_scoring_base_weight_range
        check (scoring_base_weight > '-infinity' and scoring_base_weight < 'infinity'),
    constraint prompt_telemetry_scoring_rank_range
        check (scoring_rank >= 0),
    constraint prompt_telemetry_outcome_dwell_time_ms_range
        check (outcome_dwell_time_ms >= 0),
    constraint prompt_telemetry_outcome_entropy_delta_range
        check (outcome_entropy_delta between -1 and 1),
    constraint prompt_telemetry_outcome_follow_up_prompt_id_length
        check (char_length(outcome_follow_up_prompt_id) between 1 and 256
            and outcome_follow_up_prompt_id not in ('.', '..')),
    constraint prompt_telemetry_received_at_range
        check (received_at between '2000-01-01 00:00:00+00' and '2100-01-01 00:00:00+00'),
    constraint prompt_telemetry_created_at_range
        check (created_at between '2000-01-01 00:00:00+00' and '2100-01-01 00:00:00+00')
);

-- What people ask raw events: by prompt, by session, by time; each further index slows every insert. The prompt
-- alone, without the type or the time, so that the index stores a repeated prompt once. Rows arrive nearly in the
-- order of their time, for which a few bytes per block are enough.
create index if not exists prompt_telemetry_prompt_id on public.prompt_telemetry (prompt_id);
create index if not exists prompt_telemetry_session_id on public.prompt_telemetry (session_id);
create index if not exists prompt_telemetry_timestamp on public.prompt_telemetry using brin ("timestamp")
    with (autosummarize = on);

alter table public.prompt_telemetry enable row level security;

-- Take away what default grants gave, then grant what is meant.
revoke all on public.prompt_telemetry from public, anon, service_role, telemetry_writer, telemetry_reader;
do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'authenticated') then
        revoke all on public.prompt_telemetry from authenticated;
    end if;
end
$$;
grant insert on public.prompt_telemetry to anon, telemetry_writer;
-- Enough to ask which ids are stored, and to name the id in `on conflict (id)`.
grant select (id) on public.prompt_telemetry to telemetry_writer;
grant select on public.prompt_telemetry to service_role;

-- Which rows: all of them. A valid event is valid from anybody; the grants above say who may do what.
drop policy if exists prompt_telemetry_insert on public.prompt_telemetry;
create policy prompt_telemetry_insert on public.prompt_telemetry
    for insert to anon, telemetry_writer with check (true);
drop policy if exists prompt_telemetry_select on public.prompt_telemetry;
create policy prompt_telemetry_select on public.prompt_telemetry
    for select to service_role, telemetry_writer using (true);
