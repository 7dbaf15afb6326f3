// The four calls to ingest, each one request and one typed answer or a TelemetryError. Knows nothing of queues,
// retries or React; the batcher decides what to do about a failure.

import { parseRetryAfter } from './backoff.js';
import { type Clock, systemClock, systemRandom, uuidV7 } from './clock.js';
import type { PromptTelemetryEvent } from './event.js';
import { attempt, toJson } from './guard.js';
import type { components } from './schema.js';

type Schemas = components['schemas'];

/** Counts and rates of one prompt. */
export type PromptTelemetryStats = Schemas['PromptTelemetryStats'];
/** The same by its older name. */
export type PromptStats = PromptTelemetryStats;
/** The answer to one event. */
export type TelemetrySubmitResponse = Schemas['TelemetrySubmitResponse'];
/** The answer to a batch: how many were accepted, and which were rejected for what. */
export type TelemetryBatchResponse = Schemas['TelemetryBatchResponse'];
/** One page of the performance list and the number of prompts that match. */
export type TelemetryPerformanceResponse = Schemas['TelemetryPerformanceResponse'];
/** An RFC 9457 problem document, as ingest sends one with every failure. */
export type Problem = Schemas['Problem'];

/** How ingest is reached; every part can be replaced. */
export interface TelemetryRequestOptions {
  /** Where the telemetry routes stand, absolute or relative to the page; `/api/telemetry` by default. */
  baseUrl?: string | undefined;
  /** Sent with every fetch. A beacon, the last resort as the page goes, carries none. */
  headers?: Record<string, string> | undefined;
  /** Ingest's write key, where it has one: a bearer token, or `?key=` as the page goes. */
  writeKey?: string | undefined;
  /** Used in place of the global `fetch`. */
  fetch?: typeof fetch | undefined;
  /** Used in place of the browser's clock and timers. */
  clock?: Clock | undefined;
  /** Gives a request up when aborted. */
  signal?: AbortSignal | undefined;
}

/** What part of the statistics is wanted. */
export interface StatsFilter {
  /** A lens id, or `none` for what was shown without a lens. */
  lens?: string | undefined;
  /** One of the four stages. */
  stage?: string | undefined;
}

/** A page of the performance list. Ingest refuses values out of range with a 400 that lists what is allowed. */
export interface PerformanceQuery extends StatsFilter {
  /** 1 to 500; 50 by default. */
  limit?: number | undefined;
  offset?: number | undefined;
  sort?: keyof PromptTelemetryStats | undefined;
  order?: 'asc' | 'desc' | undefined;
  /** A part of the prompt id, taken literally, upper and lower case alike. */
  search?: string | undefined;
  minImpressions?: number | undefined;
  /** Only prompts whose id comes after this one, in code point order; with `sort: 'promptId'` it pages over a list that moves. */
  after?: string | undefined;
}

/** Any answer but ingest's own to a request that succeeded, and any request that got no answer. */
export class TelemetryError extends Error {
  constructor(
    message: string,
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
    /** Ingest's problem document; null when the answer is somebody else's, a proxy's or a captive portal's. */
    readonly problem: Problem | null = null,
    /** Whether the same request may succeed later: always, unless ingest itself has refused it or it is too large. */
    readonly retryable = false,
    /** How long the server asked to wait, in milliseconds; null when it did not say. */
    readonly retryAfter: number | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'TelemetryError';
  }
}

const SINGLE = '/prompt';
const BATCH = '/prompt/batch';

/** Sends one event. Resolves once the broker has acknowledged it. Calling it again with the same object is a retry. */
export const submitTelemetryEvent = async (
  event: PromptTelemetryEvent,
  options?: TelemetryRequestOptions,
): Promise<TelemetrySubmitResponse> => request(SINGLE, 'status', options, toJson(identified(event)));

/** Sends 1 to 1,000 events. Resolves once the broker has acknowledged those accepted. The same objects are a retry. */
export const submitTelemetryBatch = async (
  events: readonly PromptTelemetryEvent[],
  options?: TelemetryRequestOptions,
): Promise<TelemetryBatchResponse> => sendBatch(toJson({ events: events.map(identified) }), options);

/** The statistics of one prompt; zeros and nulls for one that ingest has never seen. */
export const getPromptStats = async (
  promptId: string,
  wanted: StatsFilter = {},
  options?: TelemetryRequestOptions,
): Promise<PromptTelemetryStats> =>
  request(`${SINGLE}/${encodeURIComponent(promptId)}/stats${query(wanted)}`, 'promptId', options);

/** One page of all prompts' statistics, sorted and filtered by the server. */
export const listPromptPerformance = async (
  { minImpressions: min_impressions, ...wanted }: PerformanceQuery = {},
  options?: TelemetryRequestOptions,
): Promise<TelemetryPerformanceResponse> =>
  request(`/prompts/performance${query({ ...wanted, min_impressions })}`, 'prompts', options);

/** Sends a batch that is already JSON. With `leaving` it outlives the page, and text/plain spares it the preflight. */
export const sendBatch = (
  body: string,
  options?: TelemetryRequestOptions,
  leaving?: boolean,
): Promise<TelemetryBatchResponse> => request(BATCH, 'count', options, body, leaving);

/** The batch route's full address for a request that can carry no header. */
export const batchUrl = ({ baseUrl, writeKey: key }: TelemetryRequestOptions): string =>
  address(BATCH, baseUrl) + query({ key });

const ids = new WeakMap<PromptTelemetryEvent, string>();

// Ingest derives an id from an event with a time, the same at each retry; without a time it could not.
function identified(event: PromptTelemetryEvent): PromptTelemetryEvent {
  if (event.id || event.timestamp) return event;
  const id = ids.get(event) ?? uuidV7(Date.now(), systemRandom);
  ids.set(event, id);
  return { ...event, id };
}

async function request<T>(
  path: string,
  /** The field by which an answer is known as ingest's own. */
  proof: string,
  options: TelemetryRequestOptions = {},
  body: string | null = null,
  keepalive = false,
): Promise<T> {
  const { baseUrl, headers, writeKey, clock = systemClock, signal = null } = options;
  let response: Response | undefined;
  let answer = Object();
  let cause: unknown;
  // A host's own fetch may do anything: throw, answer nothing, or answer without a body.
  try {
    response = await (options.fetch ?? fetch)(keepalive ? batchUrl(options) : address(path, baseUrl), {
      method: body ? 'POST' : 'GET',
      body,
      keepalive,
      signal,
      headers: {
        ...(body && { 'content-type': keepalive ? 'text/plain' : 'application/json' }),
        ...(body && writeKey && !keepalive && { authorization: `Bearer ${writeKey}` }),
        ...headers,
      },
    });
    answer = Object(await response.json());
  } catch (error) {
    cause = error;
  }
  const { ok, status = 0, redirected } = response ?? {};
  const header = (name: string) => attempt(() => response?.headers.get(name)) ?? '';
  // Anybody else's 2xx (a captive portal's, say) does not mean that the events are safe.
  if (ok && (answer.rejected || proof in answer)) return answer;
  // Nor is anybody else's refusal a verdict; nor ingest's own, where a redirect may have turned a POST into a GET.
  const judged =
    answer.code &&
    /^application\/problem\+json/.test(header('content-type')) &&
    (!redirected || status === 422);
  throw new TelemetryError(
    `${path}: ${status || 'no answer,'} ${answer.detail ?? 'check baseUrl, network and CORS'}`,
    status,
    judged ? answer : null,
    status !== 413 && (!judged || status === 408 || status === 429 || status >= 500),
    parseRetryAfter(header('retry-after'), Date.parse(header('date')) || clock.now()),
    { cause },
  );
}

const address = (path: string, baseUrl = '/api/telemetry') => `${baseUrl}`.replace(/\/$/, '') + path;

function query(parameters: object): string {
  const text = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return text.length ? `?${text.join('&')}` : '';
}
