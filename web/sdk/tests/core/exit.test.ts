// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createTelemetryBatcher,
  type TelemetryBatcher,
  type TelemetryBatcherOptions,
} from '../../src/core/index.js';
import { impression, type MemoryStorage, memoryStorage, selection } from '../samples.js';
import { createStandIn, problem, SILENCE } from '../stand-in.js';

let create = createTelemetryBatcher;
let ingest = createStandIn();
let storage: MemoryStorage;
let inits: RequestInit[];
let batchers: TelemetryBatcher[];
const beacon = vi.fn<(url: string, body: string) => boolean>();

const open = (options: TelemetryBatcherOptions = {}) => {
  const batcher = create({
    storage,
    fetch: (input, init) => {
      inits.push(init ?? {});
      return ingest.fetch(input, init);
    },
    ...options,
  });
  batchers.push(batcher);
  return batcher;
};
const become = (visibility: 'visible' | 'hidden') => {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(visibility);
  document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
};
const hide = () => become('hidden');
const leavePage = () => window.dispatchEvent(new Event('pagehide'));
const settled = () => vi.advanceTimersByTimeAsync(0);
/** About a kilobyte, so that 48 of them fill the budget. */
const kilobyte = (promptId: string) =>
  impression(promptId, { context: { activeTopics: Array(6).fill('x'.repeat(128)) } });

beforeEach(() => {
  vi.useFakeTimers();
  ingest = createStandIn();
  storage = memoryStorage();
  inits = [];
  batchers = [];
  beacon.mockReset().mockReturnValue(true);
  Object.defineProperty(navigator, 'sendBeacon', { value: beacon, configurable: true });
});

afterEach(async () => {
  ingest.answer(() => undefined);
  await vi.advanceTimersByTimeAsync(20_000);
  for (const batcher of batchers) await batcher.close();
  vi.unstubAllGlobals();
  create = createTelemetryBatcher;
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('in a browser without keepalive, which cancels requests as the page goes', () => {
  beforeEach(async () => {
    vi.stubGlobal('Request', class {});
    vi.resetModules();
    create = (await import('../../src/core/index.js')).createTelemetryBatcher;
    ingest.answer(() => ({ status: SILENCE }));
  });

  const beaconed = () => beacon.mock.calls.flatMap(([, body]) => JSON.parse(body).events);

  it.each(['with a storage', 'without one'])('everything leaves by beacon %s', kept => {
    const batcher = open({ maxSize: 1_000, ...(kept === 'without one' && { storage: null }) });
    for (let count = 0; count < 60; count++) batcher.add(kilobyte(`p${count}`));
    batcher.add(selection());
    hide();
    leavePage();
    expect(beaconed()).toHaveLength(61);
    // The selection's own request was on its way; no other was made.
    expect(ingest.requests).toHaveLength(1);
  });

  it.each([undefined, () => false])(
    'an ordinary request is made when a beacon is not to be had (%s)',
    none => {
      Object.defineProperty(navigator, 'sendBeacon', { value: none, configurable: true });
      open({ storage: null }).add(impression());
      hide();
      expect(ingest.batches().flat()).toHaveLength(1);
    },
  );

  it('what a beacon carried is asked for again when the page comes back', async () => {
    ingest.answer(() => undefined);
    const batcher = open();
    batcher.add(impression());
    hide();
    expect(ingest.requests).toHaveLength(0);
    become('visible');
    await settled();
    expect(beaconed()[0]?.id).toBe(ingest.batches()[0]?.[0]?.id);
    expect(batcher.stats()).toMatchObject({ queued: 0, sent: 1 });
  });
});

it('sends what waits with keepalive as the page is hidden, in a form that needs no preflight', async () => {
  open({ writeKey: 'k&y' }).add(impression());
  hide();
  expect(inits).toMatchObject([{ keepalive: true, headers: { 'content-type': 'text/plain' } }]);
  expect(inits[0]?.headers).not.toHaveProperty('authorization');
  expect(ingest.requests[0]?.url).toBe('/api/telemetry/prompt/batch?key=k%26y');
  await settled();
  expect(ingest.stored.size).toBe(1);
  expect(storage.map.size).toBe(0);
});

it('sends again at pagehide what an ordinary request is still carrying', () => {
  ingest.answer(() => ({ status: SILENCE }));
  open().add(selection());
  leavePage();
  expect(inits.map(({ keepalive }) => keepalive)).toEqual([false, true]);
  expect(ingest.batches()[0]).toEqual(ingest.batches()[1]);
});

it('sends once though the page is hidden and then left', () => {
  ingest.answer(() => ({ status: SILENCE }));
  open().add(impression());
  hide();
  leavePage();
  expect(ingest.requests).toHaveLength(1);
});

it('shares one byte budget among all queues, and passes the rest to beacons', async () => {
  ingest.answer(() => ({ status: SILENCE }));
  for (const name of ['a', 'b']) {
    const batcher = open({ maxSize: 1_000 });
    for (let count = 0; count < 30; count++) batcher.add(kilobyte(`${name}${count}`));
  }
  leavePage();
  const bytes = ingest.requests.reduce((sum, { body }) => sum + body.length, 0);
  expect(bytes).toBeLessThanOrEqual(49_152 + 100);
  const beaconed = beacon.mock.calls.flatMap(([, body]) => JSON.parse(body).events);
  expect(ingest.batches().flat().length + beaconed.length).toBe(60);
  expect(beaconed.length).toBeGreaterThan(5);
});

it('gives the budget back when the requests are done', async () => {
  const batcher = open({ maxSize: 1_000 });
  for (let round = 0; round < 5; round++) {
    for (let count = 0; count < 40; count++) batcher.add(kilobyte(`${round}-${count}`));
    hide();
    await settled();
    become('visible');
  }
  expect(ingest.stored.size).toBe(200);
  expect(beacon).not.toHaveBeenCalled();
});

it('halves a beacon that is refused, and keeps in storage what no beacon took', () => {
  ingest.answer(() => ({ status: SILENCE }));
  const batcher = open({ maxSize: 1_000 });
  for (let count = 0; count < 100; count++) batcher.add(kilobyte(`p${count}`));
  let room = 20_000;
  beacon.mockImplementation((_, body) => {
    if (body.length > room) return false;
    room -= body.length;
    return true;
  });
  leavePage();
  const taken = beacon.mock.results.filter(({ value }) => value).length;
  expect(taken).toBeGreaterThan(0);
  expect(room).toBeLessThan(2_000);
  const [kept] = storage.map.values();
  expect(kept?.match(/"promptId"/g)).toHaveLength(100);
});

it('never loses events for want of a beacon', () => {
  ingest.answer(() => ({ status: SILENCE }));
  beacon.mockReturnValue(false);
  const batcher = open({ maxSize: 1_000 });
  for (let count = 0; count < 60; count++) batcher.add(kilobyte(`p${count}`));
  leavePage();
  expect(batcher.stats().queued).toBe(60);
  expect(beacon.mock.calls.length).toBeLessThan(10);
});

it('sends what a beacon carried once more when the page is shown again, since a beacon has no answer', async () => {
  const batcher = open({ maxSize: 1_000 });
  for (let count = 0; count < 60; count++) batcher.add(kilobyte(`p${count}`));
  hide();
  await settled();
  become('visible');
  await settled();
  expect(ingest.stored.size).toBe(60);
  expect(batcher.stats()).toMatchObject({ queued: 0, sent: 60 });
});

it('sends in the ordinary way again after the page came back', async () => {
  const batcher = open();
  batcher.add(impression('a'));
  leavePage();
  await settled();
  become('visible');
  batcher.add(selection('b'));
  expect(inits.map(({ keepalive }) => keepalive)).toEqual([true, false]);
});

it('respects what the server asked for as long as the storage keeps the events', async () => {
  ingest.answer(() => ({ ...problem(429), headers: { 'retry-after': '60' } }));
  open().add(selection());
  await settled();
  leavePage();
  expect(ingest.requests).toHaveLength(1);
  expect(storage.map.size).toBe(1);
});

it('tries all the same when nothing would keep the events', async () => {
  ingest.answer(() => ({ ...problem(429), headers: { 'retry-after': '60' } }));
  open({ storage: null }).add(selection());
  await settled();
  leavePage();
  expect(ingest.requests).toHaveLength(2);
});

it('does not wait out its own backoff when the page goes', async () => {
  ingest.answer(() => problem(503));
  open({ random: () => 0.99 }).add(selection());
  await settled();
  leavePage();
  expect(ingest.requests).toHaveLength(2);
});

it('tries at once when the browser is online again', async () => {
  ingest.answer(() => (ingest.requests.length < 2 ? { status: 0 } : undefined));
  const batcher = open({ random: () => 0.99 });
  batcher.add(selection());
  await settled();
  window.dispatchEvent(new Event('online'));
  await settled();
  expect(batcher.stats()).toMatchObject({ sent: 1, queued: 0 });
});

it('does not listen any more once it is closed', async () => {
  const batcher = open({ storage: null });
  ingest.answer(() => problem(503));
  batcher.add(selection());
  await batcher.close();
  const before = ingest.requests.length;
  leavePage();
  expect(ingest.requests).toHaveLength(before);
});

it('sends nothing as the page goes when consent is missing', () => {
  open({ consent: 'pending' }).add(selection());
  leavePage();
  expect(ingest.requests).toHaveLength(0);
  expect(storage.writes).toBe(0);
});
