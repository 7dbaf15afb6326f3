import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  getPromptStats,
  listPromptPerformance,
  submitTelemetryBatch,
  submitTelemetryEvent,
  TelemetryError,
  type TelemetryRequestOptions,
} from '../../src/core/index.js';
import { impression } from '../samples.js';
import { type Answer, type Listening, listen, page, problem, type Received, reply } from '../stand-in.js';

let server: Listening;
let received: Received[];
let answer: Answer | 'hang up';
let options: TelemetryRequestOptions;

beforeEach(async () => {
  received = [];
  server = await listen((request, response) => {
    received.push(request);
    if (answer === 'hang up') response.destroy();
    else reply(response, answer);
  });
  options = { baseUrl: `${server.url}/api/telemetry` };
});

afterEach(() => server.close());

const failure = (attempt: Promise<unknown>): Promise<TelemetryError> =>
  attempt.then(
    () => Promise.reject(new Error('it did not fail')),
    error => error,
  );

it('sends one event as JSON and returns the typed answer', async () => {
  answer = { status: 202, body: { id: 'x', status: 'accepted' } };
  const event = impression('p', { timestamp: 1_700_000_000_000 });
  expect(await submitTelemetryEvent(event, options)).toEqual({ id: 'x', status: 'accepted' });
  expect(received).toMatchObject([{ method: 'POST', url: '/api/telemetry/prompt' }]);
  expect(received[0]?.headers['content-type']).toBe('application/json');
  expect(JSON.parse(received[0]?.body ?? '')).toEqual(event);
});

it('sends a batch in an events list', async () => {
  answer = { status: 202, body: { count: 1, status: 'accepted', rejected: [] } };
  expect((await submitTelemetryBatch([impression()], options)).count).toBe(1);
  expect(received[0]?.url).toBe('/api/telemetry/prompt/batch');
  expect(JSON.parse(received[0]?.body ?? '')).toEqual({
    events: [{ ...impression(), id: expect.any(String) }],
  });
});

it('encodes the prompt id and the slice in the address', async () => {
  answer = { status: 200, body: { promptId: 'a/b?ü' } };
  await getPromptStats('a/b?ü', { lens: 'none', stage: 'genesis' }, options);
  expect(received[0]?.url).toBe('/api/telemetry/prompt/a%2Fb%3F%C3%BC/stats?lens=none&stage=genesis');
  await getPromptStats('plain', undefined, options);
  expect(received[1]?.url).toBe('/api/telemetry/prompt/plain/stats');
});

it('sends every parameter of the list that is given, a zero and an empty one too', async () => {
  answer = { status: 200, body: { prompts: [], total: 0 } };
  const wanted = { limit: 0, offset: 50, sort: 'selectionRate', order: 'asc', minImpressions: 5 } as const;
  await listPromptPerformance(
    { ...wanted, search: '50% & minImpressions', lens: '', stage: undefined },
    options,
  );
  const { pathname, searchParams } = new URL(received[0]?.url ?? '', server.url);
  expect(pathname).toBe('/api/telemetry/prompts/performance');
  expect(Object.fromEntries(searchParams)).toEqual({
    limit: '0',
    offset: '50',
    sort: 'selectionRate',
    order: 'asc',
    min_impressions: '5',
    search: '50% & minImpressions',
    lens: '',
  });
  await listPromptPerformance({}, options);
  expect(received[1]?.url).toBe('/api/telemetry/prompts/performance');
});

it('keeps a true zero and a null apart', async () => {
  const stats = { promptId: 'p', avgEntropyDelta: 0, avgDwellTimeMs: null };
  answer = { status: 200, body: stats };
  expect(await getPromptStats('p', {}, options)).toEqual(stats);
});

it('does not mind which 2xx or which status text an older server answers', async () => {
  answer = { status: 201, body: { id: 'x', status: 'recorded' } };
  expect((await submitTelemetryEvent(impression(), options)).status).toBe('recorded');
});

it('throws the problem document of a refusal, which is not worth a retry', async () => {
  answer = problem(422, { errors: [{ field: 'promptId', code: 'too_long', message: 'at most 256' }] });
  const error = await failure(submitTelemetryEvent(impression(), options));
  expect(error).toBeInstanceOf(TelemetryError);
  expect(error).toMatchObject({ name: 'TelemetryError', status: 422, retryable: false, retryAfter: null });
  expect(error.problem?.errors?.[0]?.code).toBe('too_long');
  expect(error.message).toContain('/prompt: 422');
});

it.each([408, 429, 500, 502, 503])('marks a %i as worth a retry', async status => {
  answer = problem(status);
  expect((await failure(getPromptStats('p', {}, options))).retryable).toBe(true);
});

it('reads Retry-After in seconds and as a date', async () => {
  answer = { ...problem(503), headers: { 'retry-after': '7' } };
  expect((await failure(getPromptStats('p', {}, options))).retryAfter).toBe(7_000);
  const headers = { 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT', date: 'Thu, 01 Jan 2026 00:00:00 GMT' };
  answer = { ...problem(429), headers };
  const clock = { now: () => Date.UTC(2026, 0, 1), setTimeout, clearTimeout: () => {} };
  expect((await failure(getPromptStats('p', {}, { ...options, clock }))).retryAfter).toBe(30_000);
  const hourBehind = { ...clock, now: () => Date.UTC(2025, 11, 31, 23) };
  expect((await failure(getPromptStats('p', {}, { ...options, clock: hourBehind }))).retryAfter).toBe(30_000);
});

it('throws status 0 when there is no answer', async () => {
  answer = 'hang up';
  const error = await failure(submitTelemetryBatch([impression()], options));
  expect(error).toMatchObject({ status: 0, retryable: true, problem: null });
  expect(error.cause).toBeInstanceOf(Error);
});

const calls: [string, () => Promise<unknown>][] = [
  ['submitTelemetryEvent', () => submitTelemetryEvent(impression(), options)],
  ['submitTelemetryBatch', () => submitTelemetryBatch([impression()], options)],
  ['getPromptStats', () => getPromptStats('p', {}, options)],
  ['listPromptPerformance', () => listPromptPerformance({}, options)],
];

describe.each(calls)('%s', (_, call) => {
  it.each<[string, Answer]>([
    ['nothing', { status: 200 }],
    ['a page', page(200)],
    ['JSON of another kind', { status: 200, body: { message: 'sign in' } }],
    ['a list', { status: 200, body: [1] }],
    ['a word', { status: 200, body: 'ok' }],
    ['null', { status: 200, body: null }],
  ])('does not take %s for an answer', async (_, given) => {
    answer = given;
    expect(await failure(call())).toMatchObject({ status: 200, problem: null, retryable: true });
  });

  it.each<[string, Answer]>([
    ['a page', page(403)],
    ['JSON', { status: 404, body: { code: 'x', detail: 'no route', status: 404 } }],
    ['an empty answer', { status: 401 }],
    [
      'another server’s problem document',
      {
        status: 400,
        body: { type: 'about:blank', title: 'Bad Request', status: 400 },
        headers: { 'content-type': 'application/problem+json' },
      },
    ],
  ])('does not take %s for a verdict', async (_, given) => {
    answer = given;
    expect(await failure(call())).toMatchObject({ status: given.status, problem: null, retryable: true });
  });
});

it('takes a 413 of any server as final for this body', async () => {
  answer = page(413);
  expect((await failure(submitTelemetryBatch([impression()], options))).retryable).toBe(false);
});

describe('an event without an id', () => {
  const ids = () =>
    received.flatMap(({ body }) => {
      const sent = JSON.parse(body);
      return (sent.events ?? [sent]).map(({ id }: { id?: string }) => id);
    });

  it('keeps the id that it is given when it is sent again', async () => {
    answer = page(502);
    const event = Object.freeze(impression());
    await failure(submitTelemetryEvent(event, options));
    await failure(submitTelemetryBatch([event, impression()], options));
    const [first, again, other] = ids();
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
    expect(event).not.toHaveProperty('id');
  });

  it('but with a time gets its id from ingest, the same for every copy of it', async () => {
    answer = page(502);
    await failure(submitTelemetryEvent(impression('p', { timestamp: 1_700_000_000_000 }), options));
    expect(ids()).toEqual([undefined]);
  });
});

it('sends the write key as a bearer token with writes only, and the host’s headers with everything', async () => {
  answer = { status: 200, body: { promptId: 'p', status: 'accepted' } };
  const all = { ...options, writeKey: 'secret', headers: { 'x-tenant': 'a' } };
  await submitTelemetryEvent(impression(), all);
  await getPromptStats('p', {}, all);
  expect(received.map(({ headers }) => [headers.authorization, headers['x-tenant']])).toEqual([
    ['Bearer secret', 'a'],
    [undefined, 'a'],
  ]);
  expect(received[0]?.url).not.toContain('secret');
});

it('can be given up', async () => {
  answer = { status: 200, body: {} };
  const error = await failure(listPromptPerformance({}, { ...options, signal: AbortSignal.abort() }));
  expect(error).toMatchObject({ status: 0, cause: expect.objectContaining({ name: 'AbortError' }) });
});

it('refuses ids that the address cannot hold instead of asking for another page', async () => {
  answer = problem(404);
  expect((await failure(getPromptStats('..', {}, options))).status).toBe(404);
});
