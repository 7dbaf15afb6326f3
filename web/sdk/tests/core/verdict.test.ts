import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTelemetryBatcher, type TelemetryBatcherOptions } from '../../src/core/index.js';
import { impression, selection } from '../samples.js';
import { type Answer, createStandIn, type Listening, listen, page, problem, reply } from '../stand-in.js';

let ingest = createStandIn();
const create = (options: TelemetryBatcherOptions = {}) =>
  createTelemetryBatcher({ fetch: ingest.fetch, storage: null, random: () => 0.5, ...options });
/** Others answer the first requests, then ingest. */
const others = (...answers: Answer[]) => ingest.answer(() => answers[ingest.requests.length - 1]);

beforeEach(() => {
  ingest = createStandIn();
});

describe('an answer that is not ingest’s', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  const json = (status: number, body: unknown, type = 'application/json'): Answer => ({
    status,
    body,
    headers: { 'content-type': type },
  });

  it.each<[string, Answer]>([
    ...[200, 202, 204, 400, 401, 403, 404, 405, 410, 415, 422, 451, 500, 511].map(
      status => [`a ${status} with a page`, status === 204 ? { status } : page(status)] as [string, Answer],
    ),
    ['a 200 with JSON of another kind', json(200, { message: 'sign in' })],
    ['a 200 with the word ok', json(200, 'ok')],
    ['a 400 with JSON', json(400, { error: 'bad gateway token' })],
    ['a 401 with JSON that looks like a problem', json(401, { code: 'unauthorized', status: 401 })],
    [
      'another server’s problem document',
      json(404, { type: 'about:blank', title: 'Not Found', status: 404 }, 'application/problem+json'),
    ],
  ])('costs no event: %s', async (_, answer) => {
    const onError = vi.fn();
    const batcher = create({ onError });
    others(answer, answer, answer);
    const ids = [batcher.add(impression('a')), batcher.add(selection('a'))].map(event => event?.id);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(batcher.stats()).toMatchObject({ queued: 0, sent: 2, retried: 6 });
    expect(ingest.batches().map(events => events.map(({ id }) => id))).toEqual(Array(4).fill(ids));
    expect(onError).not.toHaveBeenCalled();
  });

  it('halves the batch when it is a 413, and drops what is too large alone', async () => {
    const batcher = create({ maxSize: 4 });
    ingest.answer(({ body }) => (body.includes('huge') ? page(413) : undefined));
    for (const id of ['a', 'b', 'huge', 'c']) batcher.add(impression(id, { id }));
    await batcher.flush();
    expect(batcher.stats()).toMatchObject({ queued: 0, sent: 3, retried: 0, dropped: { too_large: 1 } });
  });

  it('does not keep ingest’s own verdict from counting afterwards', async () => {
    const batcher = create();
    others(page(404), problem(422, { rejected: [{ index: 0, errors: [] }] }));
    batcher.add(selection());
    await vi.advanceTimersByTimeAsync(1_000);
    expect(batcher.stats()).toMatchObject({ queued: 0, sent: 0, dropped: { rejected: 1 } });
  });

  it('of an older server, which sends no list of rejected items, settles the batch', async () => {
    const batcher = create();
    others({ status: 201, body: { count: 1, status: 'recorded' } });
    batcher.add(selection());
    await batcher.flush();
    expect(batcher.stats()).toMatchObject({ queued: 0, sent: 1 });
  });
});

describe('a redirect', () => {
  let server: Listening;
  let status = 301;
  let target = '/api/telemetry';

  beforeEach(async () => {
    server = await listen((request, response) => {
      if (request.url.startsWith('/old')) {
        const location = request.url.replace('/old', target);
        return reply(response, { status, headers: { location }, text: '<h1>Moved</h1>' });
      }
      if (request.url.startsWith('/login')) return reply(response, page(200));
      if (request.method !== 'POST') return reply(response, problem(405, { code: 'method_not_allowed' }));
      reply(response, ingest.handle(request));
    });
  });

  afterEach(() => server.close());

  const send = async () => {
    const batcher = create({ fetch, baseUrl: `${server.url}/old` });
    batcher.add(selection());
    await batcher.flush();
    await batcher.close();
    return batcher.stats();
  };

  it.each([301, 302, 303])('that turns the POST into a GET (%i) costs no event', async given => {
    [status, target] = [given, '/api/telemetry'];
    expect(await send()).toMatchObject({ queued: 1, sent: 0, dropped: { rejected: 0 } });
  });

  it.each([307, 308])('that keeps the method (%i) is followed', async given => {
    [status, target] = [given, '/api/telemetry'];
    expect(await send()).toMatchObject({ queued: 0, sent: 1 });
    expect(ingest.stored.size).toBe(1);
  });

  it.each([302, 307])('to a sign-in page (%i) costs no event', async given => {
    status = given;
    target = '/login?';
    expect(await send()).toMatchObject({ queued: 1, sent: 0, dropped: { rejected: 0 } });
  });

  it('does not hide that ingest refuses the events themselves', async () => {
    [status, target] = [308, '/api/telemetry'];
    ingest.answer(() => problem(422, { rejected: [{ index: 0, errors: [] }] }));
    expect(await send()).toMatchObject({ queued: 0, dropped: { rejected: 1 } });
  });
});
