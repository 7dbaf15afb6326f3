// What an event is, and how a host's values become one that ingest takes: numbers clamped, NaN and infinity made null
// (which ingest reads as absent), lists capped, strings well formed. Knows nothing of queues or requests.

import { uuidV7 } from './clock.js';
import { attempt } from './guard.js';
import type { components, PROMPT_TELEMETRY_EVENT_TYPES } from './schema.js';

type Schemas = components['schemas'];

/** One of {@link PROMPT_TELEMETRY_EVENT_TYPES}. */
export type PromptTelemetryEventType = (typeof PROMPT_TELEMETRY_EVENT_TYPES)[number];
/** One event as it goes over the wire; `id` and `timestamp` are filled in when it is recorded without them. */
export type PromptTelemetryEvent = Schemas['PromptTelemetryEvent'];
/** The conversation's state when the prompt was shown. */
export type TelemetryContext = Schemas['TelemetryContext'];
/** Why the prompt was shown, and at which 0-based rank. */
export type TelemetryScoringDetails = Schemas['TelemetryScoringDetails'];
/** What came of the prompt: dwell time in ms, change of entropy (-1..1), the prompt selected next. */
export type TelemetryOutcome = Schemas['TelemetryOutcome'];
/**
 * An event that has been recorded: normalised, and with the id that it keeps over every retry. Its `timestamp` is in
 * Unix milliseconds; null where this device's clock is plainly wrong, and then ingest puts the time it received it.
 */
export type RecordedEvent = PromptTelemetryEvent & { id: string; timestamp: number | null };

type Rule = (value: unknown) => unknown;

const number =
  (min = -Infinity, max = Infinity, shape = (value: number) => value): Rule =>
  value =>
    Number.isFinite(value) ? Math.min(max, Math.max(min, shape(value as number))) : null;

const count = number(0, 2 ** 31 - 1, Math.round);

const flag: Rule = value => (typeof value === 'boolean' ? value : null);

// Counted in code points, as ingest counts; lone surrogates and U+0000 would have it refuse the whole body.
const text =
  (max: number, cut = false): Rule =>
  value => {
    if (typeof value !== 'string') return null;
    const points = [...value.replace(/\p{Surrogate}|\0/gu, '\ufffd')];
    return cut || points.length <= max ? points.slice(0, max).join('') : null;
  };

const texts: Rule = value =>
  Array.isArray(value)
    ? value.slice(0, 64).flatMap(item => attempt(() => [text(128, true)(`${item}`)]) ?? [])
    : null;

// A stage of the host's own is no fault of the event.
const STAGES: readonly unknown[] = ['genesis', 'exploration', 'synthesis', 'advocacy'];
const stage: Rule = value => (STAGES.includes(value) ? value : null);

const promptId: Rule = value => (/^\.{0,2}$/.test(`${value}`) ? null : text(256)(value));

// A clock that says it is before July 2017 was never set.
const instant: Rule = value => {
  const time = +new Date(value as string | number);
  return time > 1.5e12 ? time : null;
};

// A rule for every field that is sent; what has none is left behind, and so is a value that cannot be read.
const record =
  (rules: Record<string, Rule>): Rule =>
  value =>
    value
      ? Object.fromEntries(
          Object.entries(rules).map(([name, rule]) => [
            name,
            attempt(() => rule((value as Record<string, unknown>)[name])),
          ]),
        )
      : undefined;

const EVENT: Record<string, Rule> = {
  id: text(36),
  eventType: text(36),
  promptId,
  sessionId: text(128),
  timestamp: instant,
  context: record({
    stage,
    lensId: text(128, true),
    entropy: number(0, 1),
    interactionCount: count,
    activeTopics: texts,
    activeMoments: texts,
  }),
  scoring: record({
    finalScore: number(),
    rank: count,
    matchDetails: record({
      stageMatch: flag,
      lensWeight: number(),
      topicWeight: number(),
      momentBoost: number(),
      baseWeight: number(),
    }),
  }),
  outcome: record({ dwellTimeMs: count, entropyDelta: number(-1, 1), followUpPromptId: promptId }),
};

/**
 * The event as it will be sent. Null when its promptId or sessionId can never be accepted (empty, too long, or a
 * dot segment), since cutting those would count it for another prompt, or cannot be read.
 */
export function recordEvent(
  event: PromptTelemetryEvent,
  now: number,
  random: () => number,
): RecordedEvent | null {
  const recorded = record(EVENT)(event ?? {}) as RecordedEvent;
  recorded.id ??= uuidV7(now, random);
  recorded.timestamp ??= instant(now) as number;
  return recorded.promptId && recorded.sessionId ? recorded : null;
}
