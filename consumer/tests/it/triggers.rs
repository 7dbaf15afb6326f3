//! What a team adds to our table: its refusals cost the rows that it refuses, or are told, and never stop the rest in
//! silence.

use consumer::dead_letter;
use rdkafka::message::Message;
use serde_json::Value;

use crate::events::events;
use crate::scene::{Scene, execute, header, stop, wait_ready, wait_unready};

/// A table and triggers of a team. Row by row, each kind of fault is raised for the events of one session.
const TEAM: &str = "
    create table seen (prompt_id text unique, hour int check (hour >= 0));
    create table team (session_id text primary key);
    grant insert, select on seen, team to public;
    insert into seen values ('taken');
    create function team() returns trigger language plpgsql as $$ begin
        case new.session_id
            when 's-1' then insert into public.seen values ('taken', 1);
            when 's-2' then insert into public.seen values ('new', -1);
            when 's-3' then raise exception 'not today';
            when 's-4' then raise exception 'house rule' using errcode = 'TM001';
            when 's-5' then perform 1 / 0;
            when 's-6' then raise unique_violation using message = 'as if';
            when 's-7' then raise unique_violation
                using message = 'as if', table = 'prompt_telemetry', constraint = 'prompt_telemetry_pkey', schema = 'public';
            when 's-8' then assert false;
            else null;
        end case;
        return null;
    end $$;
    create trigger team after insert on prompt_telemetry for each row execute function team()";
/// How many of the sessions above are refused: 1 to 8.
const REFUSED: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_teams_trigger_refuses_become_dead_letters_and_the_others_are_stored() {
    let scene = Scene::new().await;
    execute(&mut scene.owner().await, TEAM).await;
    // By COPY, and by INSERT: the second batch is too small for COPY.
    let consumer = scene.start(&["--batch-records", "2000", "--batch-wait-ms", "5000"]).await;
    scene.produce(&events(2_000)).await;
    scene.wait_for_rows(2_000 - REFUSED as i64).await;
    scene.wait_for_committed(2_000).await;
    let letters = scene.dead_letters(REFUSED).await;
    for letter in &letters {
        assert_eq!(header(letter, dead_letter::REASON).as_deref(), Some("refused_by_database"));
        let error = header(letter, dead_letter::ERROR).unwrap();
        assert!(error.contains("team()"), "it names the function: {error}");
    }
    let mut sessions: Vec<_> = letters.iter().map(|letter| session(letter.payload().unwrap())).collect();
    sessions.sort();
    assert_eq!(sessions, (1..=REFUSED).map(|number| format!("s-{number}")).collect::<Vec<_>>());

    scene.produce(&events(500)).await;
    scene.wait_for_rows(2_500 - 2 * REFUSED as i64).await;
    scene.wait_for_committed(2_500).await;
    scene.dead_letters(2 * REFUSED).await;
    scene.assert_aggregates_equal_the_rows().await;
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teams_own_key_on_the_events_refuses_rows_and_does_not_swallow_them() {
    let scene = Scene::new().await;
    let mut owner = scene.owner().await;
    execute(&mut owner, "create unique index one_each on prompt_telemetry (session_id, event_type)").await;
    // By COPY, then by INSERT.
    let consumer = scene.start(&["--batch-records", "2000", "--batch-wait-ms", "5000"]).await;
    let mut first = events(2_000);
    first[1_999] = events(1).remove(0);
    scene.produce(&first).await;
    scene.wait_for_rows(1_999).await;
    scene.dead_letters(1).await;
    scene.produce(&events(1)).await;
    let letters = scene.dead_letters(2).await;
    let error = header(&letters[1], dead_letter::ERROR).unwrap();
    assert!(error.contains("23505") && error.contains("one_each"), "{error}");
    scene.wait_for_committed(2_001).await;
    scene.wait_for_rows(1_999).await;
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_trigger_that_takes_only_few_rows_gets_few_at_once() {
    let scene = Scene::new().await;
    // Two rows of one prompt in one statement are an error of this upsert (21000).
    let upsert = "
        create table last_seen (prompt_id text primary key, id uuid);
        grant insert, select, update on last_seen to public;
        create function last_seen() returns trigger language plpgsql as $$ begin
            insert into public.last_seen select prompt_id, id from fresh
                on conflict (prompt_id) do update set id = excluded.id;
            return null;
        end $$;
        create trigger last_seen after insert on prompt_telemetry referencing new table as fresh
            for each statement execute function last_seen()";
    execute(&mut scene.owner().await, upsert).await;
    let consumer = scene.start(&["--batch-records", "200", "--batch-wait-ms", "5000"]).await;
    scene.produce(&events(200)).await;
    scene.wait_for_rows(200).await;
    scene.wait_for_committed(200).await;
    scene.dead_letters(0).await;
    assert_eq!(scene.count("select count(*) from last_seen").await, 7);
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_fails_for_all_makes_it_unready_and_says_whose_fault_it_is() {
    let scene = Scene::new().await;
    let mut owner = scene.owner().await;
    let broken = "
        create function audit() returns trigger language plpgsql as
            $$ begin insert into public.no_such_table values (new.id); return null; end $$;
        create trigger audit after insert on prompt_telemetry for each row execute function audit()";
    execute(&mut owner, broken).await;
    let consumer = scene.start(&[]).await;
    scene.produce(&events(10)).await;
    wait_unready(&consumer, "42P01").await;
    wait_unready(&consumer, "audit()").await;
    wait_unready(&consumer, "trigger").await;
    execute(&mut owner, "drop trigger audit on prompt_telemetry").await;
    scene.wait_for_rows(10).await;
    wait_ready(&consumer).await;
    scene.dead_letters(0).await;
    stop(consumer).await;
}

fn session(event: &[u8]) -> String {
    let event: Value = serde_json::from_slice(event).unwrap();
    event["sessionId"].as_str().unwrap().to_owned()
}
