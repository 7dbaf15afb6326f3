// One client per endpoint and session, shared by every component: remembers what was shown, so that an impression is
// recorded once and a click carries the context of its own impression. Lives outside React; knows nothing of requests.

import {
  createTelemetryBatcher,
  type TelemetryBatcher,
  type TelemetryBatcherOptions,
  type TelemetryConsent,
} from '../core/batcher.js';
import { systemClock } from '../core/clock.js';
import type { PromptTelemetryEvent, PromptTelemetryEventType, TelemetryOutcome } from '../core/event.js';
import { attempt, guarded } from '../core/guard.js';
import { type OpenCompletion, openCompletion, type TelemetryCompletion } from './completion.js';
import { type ContextState, type ScoredPrompt, toContext, toScoring } from './host.js';

/** What a client is made with: the batcher's options (20 events in a request by default) and the session. */
export interface TelemetryClientOptions extends TelemetryBatcherOptions {
  /** 1 to 128 characters. An empty one switches the hook off. */
  sessionId: string;
}

/** Tells apart impressions that are alike. */
export interface ImpressionOptions {
  /** Stands in place of interaction count, stage and lens in what makes an impression the same opportunity. */
  impressionKey?: string | undefined;
}

/** How a completion is measured. */
export interface CompletionOptions {
  /** Entropy before the answer, 0..1; that of the prompt's impression by default. */
  entropy?: number | undefined;
  /** When the completion is closed by itself, in milliseconds; ten minutes by default. */
  timeoutMs?: number | undefined;
}

/** The shared client: its session's queue, and what it knows of the prompts. No method throws. */
export interface TelemetryClient extends Omit<TelemetryBatcher, 'setConsent'> {
  /**
   * Changes consent, with effect at once. `enabled` is a second switch, the hook's: while it is false, consent counts
   * as `denied`, whatever was said of it. What is left out stays as it was.
   */
  setConsent(consent?: TelemetryConsent, enabled?: boolean): void;
  /** Records each prompt of the visible list that was not yet recorded in this context. Give the whole list each time. */
  recordImpressions(
    prompts: readonly ScoredPrompt[],
    context: ContextState,
    options?: ImpressionOptions,
  ): void;
  /** Records a click at once, with the context of the prompt's own impression, and closes the open completion. */
  recordSelection(promptId: string): void;
  /** Records an answer at once, with the context of the prompt's selection. */
  recordCompletion(promptId: string, outcome: TelemetryOutcome): void;
  /** Starts a completion at the click; it records itself when the person acts next. One is open at a time. */
  beginCompletion(promptId: string, options?: CompletionOptions): TelemetryCompletion | undefined;
  /** Keeps the client. Call what it returns once, to let go: the last to do so flushes, and anyone may retain it again. */
  retain(): () => void;
}

const TEN_MINUTES_MS = 600_000;
const MAX_REMEMBERED = 10_000;
const MAX_IDLE_CLIENTS = 16;
type Clients = Map<string, { client: TelemetryClient; batcher: TelemetryBatcher; users: number }>;
// Two copies of the package on one page (a module and CommonJS, or two bundles) share their clients. Otherwise both would
// count the same impressions. The number must change when a copy cannot use the clients of an older one.
const REGISTRY = Symbol.for('prompt-telemetry clients 1');
const page = globalThis as { [REGISTRY]?: Clients };
const clients = attempt(() => (page[REGISTRY] ??= new Map())) ?? (new Map() as Clients);

/** The client of this endpoint and session, made at the first call; options of later calls are not looked at. */
export function getTelemetryClient(options: TelemetryClientOptions): TelemetryClient {
  const key = `${options.baseUrl} ${options.sessionId}`;
  const known = clients.get(key);
  if (known) return known.client;
  for (const [each, { batcher, users }] of clients) {
    if (clients.size < MAX_IDLE_CLIENTS) break;
    if (!users && clients.delete(each)) void batcher.close();
  }
  const batcher = createTelemetryBatcher({ maxSize: 20, ...options });
  const shared = { batcher, users: 0, client: createClient(options, batcher, retain) };
  clients.set(key, shared);
  return shared.client;

  function retain() {
    shared.users++;
    batcher.open();
    return () => {
      if (!--shared.users) void batcher.flush();
    };
  }
}

function createClient(
  { sessionId, clock = systemClock, consent = 'granted' }: TelemetryClientOptions,
  batcher: TelemetryBatcher,
  retain: () => () => void,
): TelemetryClient {
  const shown = new Map<string, Details>();
  const selected = new Map<string, Details>();
  let current: OpenCompletion | undefined;
  let enabled = true;

  // Not known is not the same as a context of zeros: then none is sent.
  const record = (
    eventType: PromptTelemetryEventType,
    promptId: string,
    { context = null, scoring = null, outcome = null }: Details = {},
    once?: string,
  ) => batcher.add({ eventType, promptId, sessionId, context, scoring, outcome }, once);
  const snapshotOf = (promptId: string) => selected.get(promptId) ?? shown.get(promptId);
  const complete = (promptId: string, outcome: TelemetryOutcome) =>
    record('completion', promptId, { ...snapshotOf(promptId), outcome });
  const endCurrent = (promptId: string) => {
    // The same prompt before its answer is the same click, told twice.
    if (current && (current.answered() || current.promptId !== promptId)) current.end(promptId);
  };

  return {
    ...batcher,
    retain,
    setConsent: (next = consent, on = enabled) => {
      consent = next;
      enabled = on;
      batcher.setConsent(on ? next : 'denied');
      if (batcher.accepts()) return;
      current?.end();
      for (const known of [shown, selected]) known.clear();
    },
    recordImpressions: guarded((prompts, state, { impressionKey } = {}) => {
      if (!batcher.accepts()) return;
      const context = toContext(state);
      const opportunity = impressionKey ?? [context.interactionCount, context.stage, context.lensId];
      // Each on its own: an item that cannot be read does not cost the others.
      prompts.forEach(
        guarded((scored, index) => {
          const promptId = scored.prompt.id;
          const details = { context, scoring: toScoring(scored, index) };
          const once = `${sessionId}\n${promptId}\n${opportunity}`;
          // What was recorded before a reload is known again as it is shown now.
          const known = record('impression', promptId, details, once) ?? shown.get(promptId);
          remember(shown, promptId, known ?? details);
        }),
      );
    }),
    recordSelection: guarded(promptId => {
      endCurrent(promptId);
      const event = record('selection', promptId, shown.get(promptId));
      if (event) remember(selected, promptId, event);
    }),
    recordCompletion: guarded(complete),
    beginCompletion: guarded((promptId, { entropy, timeoutMs = TEN_MINUTES_MS } = {}) => {
      if (!batcher.accepts()) return;
      endCurrent(promptId);
      current?.end();
      const before = entropy ?? snapshotOf(promptId)?.context?.entropy;
      current = openCompletion(
        promptId,
        before,
        timeoutMs,
        clock,
        outcome => complete(promptId, outcome),
        batcher.leave,
      );
      return current;
    }),
  };
}

type Details = Pick<PromptTelemetryEvent, 'context' | 'scoring' | 'outcome'>;

// A map keeps its order of insertion, so the first key is the oldest.
function remember(map: Map<string, Details>, promptId: string, details: Details) {
  map.set(promptId, details);
  if (map.size > MAX_REMEMBERED) map.delete(map.keys().next().value as string);
}
