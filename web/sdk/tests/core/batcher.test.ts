import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createTelemetryBatcher,
  type TelemetryBatcherOptions,
  type TelemetryError,
} from '../../src/core/index.js';
import * as samples from '../samples.js';
import { memoryStorage } from '../samples.js';
import { createStandIn, NO_ANSWER, problem, SILENCE } from '../stand-in.js';

let ingest = createStandIn();
const create = (options: TelemetryBatcherOptions = {}) =>
  createTelemetryBatcher({ fetch: ingest.fetch, storage: null, random: () => 0.5, ...options });
// Chance stands still here, so the ids are given.
let events = 0;
const impression = (promptId: string, more = {}) =>
  samples.impression(promptId, { id: `id-${events++}`, ...more });
const selection = (promptId = 'p') => impression(promptId, { eventType: 'selection' });
const ids = (index: number) => ingest.batches()[index]?.map(({ promptId }) => promptId);
const settled = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  ingest = createStandIn();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('batching', () => {
  it('sends at once when maxSize events wait, and the rest by itself', async () => {
    const batcher = create({ maxSize: 3 });
    for (const id of ['a', 'b', 'c', 'd']) batcher.add(impression(id));
    expect(ids(0)).toEqual(['a', 'b', 'c']);
    await settled();
    expect(ids(1)).toEqual(['d']);
  });

  it('sends flushDelayMs after the first event, whatever comes later', async () => {
    const batcher = create({ flushDelayMs: 100 });
    batcher.add(impression('a'));
    await vi.advanceTimersByTimeAsync(90);
    batcher.add(impression('b'));
    await vi.advanceTimersByTimeAsync(9);
    expect(ingest.requests).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(ids(0)).toEqual(['a', 'b']);
  });

  it('waits for company again after a pause', async () => {
    const batcher = create();
    batcher.add(impression('a'));
    await vi.advanceTimersByTimeAsync(5_000);
    await batcher.flush();
    batcher.add(impression('b'));
    await vi.advanceTimersByTimeAsync(99);
    expect(ingest.requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(ids(1)).toEqual(['b']);
  });

  it('sends a selection in the same breath, behind the impressions that wait', () => {
    const batcher = create();
    batcher.add(impression('a'));
    batcher.add(selection('a'));
    expect(ingest.batches()[0]?.map(({ eventType }) => eventType)).toEqual(['impression', 'selection']);
  });

  it('never sends an event in two requests at a time', async () => {
    const batcher = create();
    batcher.add(selection('a'));
    batcher.add(selection('b'));
    void batcher.flush();
    void batcher.flush();
    expect(ingest.requests).toHaveLength(1);
    await batcher.flush();
    expect(ingest.batches().flat()).toHaveLength(2);
  });

  it('does nothing until it is used, so that one made on every render costs nothing', async () => {
    const storage = memoryStorage();
    create({ storage });
    expect(vi.getTimerCount()).toBe(0);
    expect(storage.writes).toBe(0);
  });

  it('keeps no timer when nothing waits', async () => {
    const batcher = create();
    batcher.add(impression('p'));
    await batcher.flush();
    expect(vi.getTimerCount()).toBe(0);
    expect(batcher.stats()).toMatchObject({ queued: 0, sent: 1, retried: 0 });
  });

  it('records an event as it was, whatever the host does to it later', async () => {
    const batcher = create();
    const topics = ['a'];
    batcher.add(impression('p', { context: { activeTopics: topics } }));
    topics.push('b');
    await batcher.flush();
    expect(ingest.batches()[0]?.[0]?.context?.activeTopics).toEqual(['a']);
  });
});

describe('failures', () => {
  it.each([429, 500, 503, 408, NO_ANSWER])(
    'keeps the events over a %i and sends them with the same ids',
    async status => {
      const onError = vi.fn();
      const batcher = create({ onError });
      ingest.answer(() => (ingest.requests.length < 3 ? problem(status) : undefined));
      const id = batcher.add(samples.selection())?.id;
      expect(id).toHaveLength(36);
      await vi.advanceTimersByTimeAsync(499);
      expect(ingest.requests).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(1);
      expect(ingest.requests).toHaveLength(2);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(ingest.batches().map(([event]) => event?.id)).toEqual([id, id, id]);
      expect(batcher.stats()).toMatchObject({ queued: 0, sent: 1, retried: 2 });
      expect(onError).not.toHaveBeenCalled();
    },
  );

  it('sends nothing more while it waits, not even selections', async () => {
    const batcher = create({ maxSize: 2 });
    ingest.answer(() => problem(503));
    batcher.add(selection());
    await settled();
    for (let count = 0; count < 10; count++) batcher.add(selection());
    await vi.advanceTimersByTimeAsync(499);
    expect(ingest.requests).toHaveLength(1);
  });

  it('waits as long as the server asks, in seconds or by a date, and flush does not shorten it', async () => {
    for (const retryAfter of ['30', 'Thu, 01 Jan 2026 00:00:30 GMT']) {
      vi.setSystemTime(Date.UTC(2026, 0, 1));
      ingest = createStandIn();
      ingest.answer(() => ({ ...problem(503), headers: { 'retry-after': retryAfter } }));
      const batcher = create();
      batcher.add(selection());
      await settled();
      await batcher.flush();
      await vi.advanceTimersByTimeAsync(30_499);
      expect(ingest.requests).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(1);
      expect(ingest.requests).toHaveLength(2);
      await batcher.close();
    }
  });

  it('lets flush shorten a wait of its own', async () => {
    const batcher = create({ random: () => 0.99 });
    ingest.answer(() => (ingest.requests.length < 2 ? problem(503) : undefined));
    batcher.add(selection());
    await settled();
    await batcher.flush();
    expect(batcher.stats()).toMatchObject({ queued: 0, sent: 1 });
  });

  it('gives up a request that gets no answer within 10 s', async () => {
    const batcher = create();
    ingest.answer(() => (ingest.requests.length < 2 ? { status: SILENCE } : undefined));
    batcher.add(selection());
    await vi.advanceTimersByTimeAsync(10_499);
    expect(ingest.requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(batcher.stats()).toMatchObject({ sent: 1, retried: 1 });
  });

  it('halves a batch that is too large, and drops only what is too large alone', async () => {
    const onError = vi.fn();
    const batcher = create({ maxSize: 8, onError });
    ingest.answer(({ body }) => {
      const { events } = JSON.parse(body);
      const large =
        events.length > 4 || events.some(({ promptId }: { promptId: string }) => promptId === 'huge');
      return large ? problem(413) : undefined;
    });
    for (const id of ['a', 'b', 'c', 'd', 'e', 'huge', 'g', 'h']) batcher.add(impression(id));
    await batcher.flush();
    expect([...ingest.stored.values()].map(({ promptId }) => promptId)).toEqual([
      'a',
      'b',
      'c',
      'd',
      'e',
      'g',
      'h',
    ]);
    expect(batcher.stats()).toMatchObject({ sent: 7, queued: 0, dropped: { too_large: 1 } });
    expect(onError.mock.calls[0]?.[1]).toMatchObject([{ promptId: 'huge' }]);
  });

  it('narrows an unreadable batch down to the event that spoils it', async () => {
    const batcher = create({ maxSize: 4 });
    ingest.answer(({ body }) => (body.includes('poison') ? problem(400) : undefined));
    for (const id of ['a', 'poison', 'c', 'd']) batcher.add(impression(id));
    await batcher.flush();
    expect(batcher.stats()).toMatchObject({ sent: 3, queued: 0, dropped: { rejected: 1 } });
  });

  const rejected = (index: number) => ({ index, errors: [{ field: 'x', code: 'y', message: 'z' }] });

  it('drops the items that were rejected, tells why, and counts the others as sent', async () => {
    const onError = vi.fn();
    const batcher = create({ maxSize: 3, onError });
    ingest.answer(() => ({ status: 202, body: { count: 2, status: 'partial', rejected: [rejected(1)] } }));
    for (const id of ['a', 'b', 'c']) batcher.add(impression(id));
    await batcher.flush();
    expect(batcher.stats()).toMatchObject({ queued: 0, sent: 2, dropped: { rejected: 1 } });
    const [error, events] = onError.mock.calls[0] as [TelemetryError, unknown[]];
    expect(error).toMatchObject({ status: 422, retryable: false });
    expect(error.message).toContain('"message":"z"');
    expect(events).toMatchObject([{ promptId: 'b' }]);
  });

  it('drops all of a batch whose every item was rejected', async () => {
    const batcher = create({ maxSize: 2 });
    ingest.answer(() => problem(422, { rejected: [rejected(0), rejected(1)] }));
    batcher.add(impression('a'));
    batcher.add(impression('b'));
    await batcher.flush();
    expect(ingest.requests).toHaveLength(1);
    expect(batcher.stats()).toMatchObject({ queued: 0, sent: 0, dropped: { rejected: 2 } });
  });

  it('sends the others again when a refusal names only some', async () => {
    const batcher = create({ maxSize: 2 });
    ingest.answer(() => (ingest.requests.length < 2 ? problem(422, { rejected: [rejected(0)] }) : undefined));
    batcher.add(impression('a'));
    batcher.add(impression('b'));
    await batcher.flush();
    expect(batcher.stats()).toMatchObject({ sent: 1, dropped: { rejected: 1 } });
    expect([...ingest.stored.values()]).toMatchObject([{ promptId: 'b' }]);
  });

  it.each([401, 403, 404, 422])('drops and reports what a %i refuses, without a second try', async status => {
    const onError = vi.fn();
    const batcher = create({ onError });
    ingest.answer(() => problem(status));
    batcher.add(selection());
    await batcher.flush();
    expect(ingest.requests).toHaveLength(1);
    expect(onError.mock.calls).toMatchObject([[{ status }, [{ promptId: 'p' }]]]);
  });

  it('is not harmed by a callback that throws or rejects', async () => {
    for (const onError of [
      () => {
        throw new Error('host');
      },
      async () => Promise.reject(new Error('host')),
    ]) {
      ingest = createStandIn();
      ingest.answer(() => (ingest.requests.length < 2 ? problem(404) : undefined));
      const batcher = create({ onError });
      batcher.add(selection('a'));
      await batcher.flush();
      batcher.add(selection('b'));
      await batcher.flush();
      expect(batcher.stats()).toMatchObject({ sent: 1, queued: 0, dropped: { rejected: 1 } });
    }
  });

  it('goes on when the injected fetch itself throws', async () => {
    const fetch = vi.fn(() => {
      throw new Error('blocked');
    });
    const batcher = create({ fetch });
    expect(() => batcher.add(selection())).not.toThrow();
    await settled();
    expect(batcher.stats()).toMatchObject({ queued: 1, retried: 1 });
  });
});

describe('bounds', () => {
  it('drops the oldest impressions of an overfull queue and counts them', async () => {
    const batcher = create({ maxQueueBytes: 2_000, maxSize: 1_000 });
    ingest.answer(() => problem(503));
    batcher.add(selection('click'));
    for (let count = 0; count < 50; count++) batcher.add(impression(`p${count}`));
    const { queued, dropped } = batcher.stats();
    expect(queued + dropped.queue_full).toBe(51);
    expect(dropped.queue_full).toBeGreaterThan(30);
    ingest.answer(() => undefined);
    await batcher.flush();
    await vi.advanceTimersByTimeAsync(1_000);
    const kept = [...ingest.stored.values()].map(({ promptId }) => promptId);
    expect(kept).toContain('click');
    expect(kept).toContain('p49');
    expect(kept).not.toContain('p0');
  });

  it('drops what has waited too long', async () => {
    const batcher = create({ maxAgeMs: 60_000 });
    ingest.answer(() => ({ ...problem(503), headers: { 'retry-after': '61' } }));
    batcher.add(selection());
    await vi.advanceTimersByTimeAsync(70_000);
    expect(ingest.requests).toHaveLength(1);
    expect(batcher.stats()).toMatchObject({ queued: 0, dropped: { expired: 1 } });
  });

  it('counts and reports an event that can never be accepted', async () => {
    const onError = vi.fn();
    const batcher = create({ onError });
    expect(batcher.add(impression('..'))).toBeNull();
    await settled();
    expect(batcher.stats()).toMatchObject({ queued: 0, dropped: { invalid: 1 } });
    expect(onError.mock.calls).toMatchObject([[expect.any(TypeError), [{ promptId: '..' }]]]);
  });
});

describe('closing', () => {
  it('flushes and lets go of its timers', async () => {
    const batcher = create();
    batcher.add(impression('p'));
    await batcher.close();
    expect(ingest.stored.size).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('works again after it was closed', async () => {
    const batcher = create();
    await batcher.close();
    batcher.add(impression('p'));
    await vi.advanceTimersByTimeAsync(100);
    expect(ingest.stored.size).toBe(1);
  });
});

describe('consent', () => {
  const storage = memoryStorage();

  beforeEach(() => {
    storage.map.clear();
    storage.writes = 0;
  });

  it('denied makes no request, timer or storage write', async () => {
    const batcher = create({ consent: 'denied', storage });
    expect(batcher.add(selection())).toBeNull();
    await batcher.flush();
    expect([ingest.requests.length, vi.getTimerCount(), storage.writes]).toEqual([0, 0, 0]);
    expect(batcher.stats()).toMatchObject({ queued: 0, dropped: { consent: 1 } });
  });

  it('is taken as denied under Global Privacy Control', async () => {
    vi.stubGlobal('navigator', { globalPrivacyControl: true });
    const batcher = create({ storage });
    batcher.add(selection());
    await batcher.flush();
    expect([ingest.requests.length, vi.getTimerCount(), storage.writes]).toEqual([0, 0, 0]);
    vi.unstubAllGlobals();
  });

  it('pending holds events in memory until it is granted', async () => {
    const batcher = create({ consent: 'pending', storage });
    batcher.add(selection());
    await batcher.flush();
    expect([ingest.requests.length, vi.getTimerCount(), storage.writes]).toEqual([0, 0, 0]);
    batcher.setConsent('granted');
    await settled();
    expect(ingest.stored.size).toBe(1);
  });

  it('withdrawn by Global Privacy Control clears what waits as well', async () => {
    const batcher = create({ storage });
    ingest.answer(() => problem(503));
    batcher.add(selection());
    await settled();
    vi.stubGlobal('navigator', { globalPrivacyControl: true });
    await vi.advanceTimersByTimeAsync(100_000);
    vi.unstubAllGlobals();
    expect([ingest.requests.length, vi.getTimerCount(), storage.map.size]).toEqual([1, 0, 0]);
  });

  it('withdrawn drops what waits and clears the storage', async () => {
    const batcher = create({ storage });
    ingest.answer(() => problem(503));
    batcher.add(selection());
    await settled();
    storage.map.set('prompt-telemetry  0.1', '1{"events":[]}');
    storage.map.set('host', 'kept');
    batcher.setConsent('denied');
    expect([...storage.map.keys()]).toEqual(['host']);
    await vi.advanceTimersByTimeAsync(100_000);
    expect([ingest.requests.length, vi.getTimerCount()]).toEqual([1, 0]);
    expect(batcher.stats()).toMatchObject({ queued: 0, dropped: { consent: 1 } });
  });
});
