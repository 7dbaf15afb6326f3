-- Events like those of the load generator, made on the server: see database.rs for the parameters. Row numbers go up with
-- the time, 20 a millisecond, and so do the ids, which are UUIDs of version 7.
insert into public.prompt_telemetry (
    id, event_type, prompt_id, session_id, "timestamp", context_stage, context_lens_id, context_entropy,
    context_interaction_count, context_active_topics, context_active_moments, scoring_final_score, scoring_lens_weight,
    scoring_topic_weight, scoring_moment_boost, scoring_base_weight, scoring_rank, scoring_stage_match,
    outcome_dwell_time_ms, outcome_entropy_delta, outcome_follow_up_prompt_id, received_at)
select
    (lpad(to_hex(at_ms), 12, '0') || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid,
    case when kind < 0.80 then 'impression' when kind < 0.95 then 'selection' else 'completion' end,
    'prompt-' || lpad(least(width_bucket(pick, $4::float8[]), cardinality($4::float8[]) - 1)::text, 6, '0'),
    'session-' || substr(md5('session' || session), 1, 16),
    to_timestamp(at_ms / 1000.0),
    (array['genesis', 'exploration', 'synthesis', 'advocacy'])[1 + floor(random() * 4)::integer],
    ($5::text[])[1 + floor(random() * cardinality($5::text[]))::integer],
    round(random()::numeric, 4),
    floor(random() * 40),
    ($6::text[])[first_topic : first_topic + 2],
    ($7::text[])[first_moment : first_moment],
    round((random() * 5)::numeric, 4),
    round(random()::numeric, 4),
    round((random() * 2)::numeric, 4),
    round(random()::numeric, 4),
    round(random()::numeric, 4),
    floor(random() * 4),
    random() < 0.5,
    case when kind >= 0.95 then floor(random() * 60000) end,
    case when kind >= 0.95 then round((random() * 2 - 1)::numeric, 4) end,
    case when kind >= 0.95 then 'prompt-000001' end,
    to_timestamp(at_ms / 1000.0)
from (
    select
        $3::bigint + number / 20 as at_ms,
        md5('event' || number) as hash,
        random() as kind,
        random() as pick,
        16 * (number / 320) + floor(random() * 16)::bigint as session,
        1 + floor(random() * (cardinality($6::text[]) - 2))::integer as first_topic,
        1 + floor(random() * cardinality($7::text[]))::integer as first_moment
    from generate_series($1::bigint, $2::bigint) as number
) as made
