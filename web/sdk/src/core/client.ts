// The four calls to ingest, each one request and one typed answer or a TelemetryError. Knows nothing of queues,
// retries or React; the batcher decides what to do about a failure.

import { parseRetryAfter } from './backoff.js';
import { type Clock, systemClock } from './clock.js';
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
  /** Where the telemetry routes stand, absolute or relative to the page; `/api/telemetry` unless told. */
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
  /** 1 to 500; 50 unless told. */
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

/** Any answer that is not a 2xx with a JSON body, and any request that got no answer. */
export class TelemetryError extends Error {
  constructor(
    message: string,
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
    /** The server's problem document, if it sent one. */
    readonly problem: Problem | null = null,
    /** Whether the same request may succeed later. */
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

/** Sends one event. Resolves once the broker has acknowledged it. */
export const submitTelemetryEvent = async (
  event: PromptTelemetryEvent,
  options?: TelemetryRequestOptions,
): Promise<TelemetrySubmitResponse> => request(SINGLE, options, toJson(event));

/** Sends 1 to 1,000 events. Resolves once the broker has acknowledged those that were accepted. */
export const submitTelemetryBatch = async (
  events: readonly PromptTelemetryEvent[],
  options?: TelemetryRequestOptions,
): Promise<TelemetryBatchResponse> => sendBatch(toJson({ events }), options);

/** The statistics of one prompt; zeros and nulls for one that ingest has never seen. */
export const getPromptStats = async (
  promptId: string,
  wanted: StatsFilter = {},
  options?: TelemetryRequestOptions,
): Promise<PromptTelemetryStats> =>
  request(`${SINGLE}/${encodeURIComponent(promptId)}/stats${query(wanted)}`, options);

/** One page of all prompts' statistics, sorted and filtered by the server. */
export const listPromptPerformance = (
  { minImpressions: min_impressions, ...wanted }: PerformanceQuery = {},
  options?: TelemetryRequestOptions,
): Promise<TelemetryPerformanceResponse> =>
  request(`/prompts/performance${query({ ...wanted, min_impressions })}`, options);

/** Sends a batch that is already JSON. With `leaving` it outlives the page, and text/plain spares it the preflight. */
export const sendBatch = (
  body: string,
  options?: TelemetryRequestOptions,
  leaving?: boolean,
): Promise<TelemetryBatchResponse> => request(BATCH, options, body, leaving);

/** The batch route's full address for a request that can carry no header. */
export const batchUrl = ({ baseUrl, writeKey: key }: TelemetryRequestOptions): string =>
  address(BATCH, baseUrl) + query({ key });

async function request<T>(
  path: string,
  options: TelemetryRequestOptions = {},
  body: string | null = null,
  keepalive = false,
): Promise<T> {
  const { baseUrl, headers, writeKey, clock = systemClock, signal = null } = options;
  let response: Response;
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
  } catch (cause) {
    throw new TelemetryError(`${path}: no answer; check network and CORS`, 0, null, true, null, { cause });
  }
  // A host's own fetch may answer anything, nothing included; and a 2xx without JSON is not ingest's (a captive
  // portal, say). Either way the events are not yet safe.
  const { ok, status = 0 } = response ?? {};
  const answer = await new Promise<T & Problem>(resolve => resolve(response.json())).catch(() => null);
  if (ok && answer) return answer;
  throw new TelemetryError(
    `${path}: ${status} ${answer?.detail ?? 'check baseUrl'}`,
    status,
    answer,
    ok || !status || status === 408 || status === 429 || status >= 500,
    parseRetryAfter(attempt(() => response.headers.get('retry-after')) ?? null, clock.now()),
  );
}

const address = (path: string, baseUrl = '/api/telemetry') => `${baseUrl}`.replace(/\/$/, '') + path;

function query(parameters: object): string {
  const text = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return text.length ? `?${text.join('&')}` : '';
}
