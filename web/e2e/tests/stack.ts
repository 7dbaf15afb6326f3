// The running stack, from the environment, and what can be asked of it: events in Postgres, statistics over HTTP.

import { Client } from 'pg';

/** Where ingest serves the pages and the API. */
export const INGEST_URL = required('INGEST_URL');
const DATABASE_URL = required('DATABASE_URL');
const DEADLINE_MS = 20_000;

/** One row of the raw events, with the columns that the tests look at. */
export interface StoredEvent {
  event_type: string;
  prompt_id: string;
  context_stage: string | null;
  context_lens_id: string | null;
  context_entropy: number | null;
  context_interaction_count: number | null;
  context_active_topics: string[] | null;
  context_active_moments: string[] | null;
  scoring_final_score: number | null;
  scoring_rank: number | null;
  scoring_stage_match: boolean | null;
  scoring_lens_weight: number | null;
  scoring_topic_weight: number | null;
  scoring_moment_boost: number | null;
  scoring_base_weight: number | null;
  outcome_dwell_time_ms: number | null;
  outcome_entropy_delta: number | null;
  outcome_follow_up_prompt_id: string | null;
}

/** The session's events in Postgres, oldest first. */
export async function storedEvents(session: string): Promise<StoredEvent[]> {
  const database = new Client({ connectionString: DATABASE_URL });
  await database.connect();
  try {
    const text = 'select * from prompt_telemetry where session_id = $1 order by "timestamp", id';
    const { rows } = await database.query<StoredEvent>(text, [session]);
    return rows;
  } finally {
    await database.end();
  }
}

/** The statistics of one prompt, as anybody reads them. */
export async function stats(promptId: string) {
  const answer = await fetch(`${INGEST_URL}/api/telemetry/prompt/${promptId}/stats`);
  if (!answer.ok) throw new Error(`the stats route answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as { impressions: number; selections: number; completions: number };
}

/** Asks again and again until the answer is good; fails with the last one after 20 s. */
export async function eventually<T>(ask: () => Promise<T>, good: (answer: T) => boolean): Promise<T> {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    if (good(answer)) return answer;
    if (Date.now() > end)
      throw new Error(`not within ${DEADLINE_MS} ms; the last answer: ${JSON.stringify(answer)}`);
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}

function required(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new Error(`${name} is not set: start the stack (make up) and pass what .local/stack.env says`);
  return value;
}
