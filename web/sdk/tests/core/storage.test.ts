import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createTelemetryBatcher, type TelemetryBatcherOptions } from '../../src/core/index.js';
import { impression, type MemoryStorage, memoryStorage, selection } from '../samples.js';
import { createStandIn, problem } from '../stand-in.js';

let ingest = createStandIn();
let storage: MemoryStorage;
const down = () => problem(503);
const up = () => undefined;
const open = (options: TelemetryBatcherOptions = {}) =>
  createTelemetryBatcher({ fetch: ingest.fetch, storage, random: Math.random, ...options });
/** A tab that recorded something and died before it could send it. */
const lose = async (...events: Parameters<ReturnType<typeof open>['add']>[0][]) => {
  ingest.answer(down);
  const lost = open();
  for (const event of events) lost.add(event);
  await vi.advanceTimersByTimeAsync(0);
  vi.clearAllTimers();
  ingest.answer(up);
  return lost;
};

beforeEach(() => {
  vi.useFakeTimers();
  ingest = createStandIn();
  storage = memoryStorage();
});

afterEach(() => {
  vi.useRealTimers();
});

it('keeps a selection before it is sent, and forgets it when it is answered for', async () => {
  const batcher = open();
  batcher.add(selection());
  expect([...storage.map.values()].join()).toContain('"eventType":"selection"');
  await batcher.flush();
  expect(storage.map.size).toBe(0);
});

it('keeps a selection at once while it cannot be sent, too', async () => {
  ingest.answer(down);
  const batcher = open();
  batcher.add(selection('a'));
  await vi.advanceTimersByTimeAsync(0);
  batcher.add(selection('b'));
  expect([...storage.map.values()].join()).toContain('"promptId":"b"');
});

it('writes one key for each queue', async () => {
  ingest.answer(down);
  open().add(selection('a'));
  open().add(selection('b'));
  await vi.advanceTimersByTimeAsync(0);
  expect(storage.map.size).toBe(2);
});

it('takes over what was untouched for 30 s, and sends it with its own id', async () => {
  await lose(impression('a'), selection('a'));
  await vi.advanceTimersByTimeAsync(30_000);
  const next = open();
  next.open();
  await vi.advanceTimersByTimeAsync(0);
  expect([...ingest.stored.values()].map(({ eventType }) => eventType)).toEqual(['impression', 'selection']);
  expect(ingest.batches()[0]?.map(({ id }) => id)).toEqual(
    ingest
      .batches()
      .at(-1)
      ?.map(({ id }) => id),
  );
  expect(storage.map.size).toBe(0);
});

it('leaves younger keys alone, and comes back for them by itself', async () => {
  await lose(selection());
  const next = open();
  next.open();
  await vi.advanceTimersByTimeAsync(19_000);
  expect(ingest.stored.size).toBe(0);
  await vi.advanceTimersByTimeAsync(21_000);
  expect(ingest.stored.size).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

it('shows that it lives, so that nobody takes over what it still tries to send', async () => {
  ingest.answer(() => ({ ...problem(503), headers: { 'retry-after': '3600' } }));
  open().add(selection());
  await vi.advanceTimersByTimeAsync(60_000);
  const other = open();
  other.open();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(other.stats().queued).toBe(0);
  expect(storage.map.size).toBe(1);
});

it('stores once what two tabs took over at the same time', async () => {
  await lose(selection());
  await vi.advanceTimersByTimeAsync(30_000);
  const copy = memoryStorage(new Map(storage.map));
  open().open();
  open({ storage: copy }).open();
  await vi.advanceTimersByTimeAsync(0);
  expect(ingest.requests).toHaveLength(3);
  expect(ingest.stored.size).toBe(1);
});

it('clears away what cannot be read, and takes what can', async () => {
  const prefix = 'prompt-telemetry  ';
  storage.map.set(`${prefix}1`, 'not json');
  storage.map.set(`${prefix}2`, '1{"events":7}');
  storage.map.set(`${prefix}3`, `${Date.now() - 40_000}{"events":[null,7,{"promptId":"only"}]}`);
  storage.map.set('host', 'not ours');
  const batcher = open();
  batcher.open();
  await vi.advanceTimersByTimeAsync(0);
  expect([...storage.map.keys()]).toEqual(['host']);
  expect(batcher.stats()).toMatchObject({ queued: 0, sent: 0 });
});

it('never takes what was recorded for another endpoint', async () => {
  ingest.answer(down);
  open({ baseUrl: 'https://one.example:8080/api' }).add(selection());
  await vi.advanceTimersByTimeAsync(0);
  vi.clearAllTimers();
  await vi.advanceTimersByTimeAsync(60_000);
  const other = open({ baseUrl: 'https://one.example' });
  other.open();
  await vi.advanceTimersByTimeAsync(0);
  expect(other.stats().queued).toBe(0);
});

it('drops what is older than a week when it takes it over', async () => {
  await lose(selection());
  await vi.advanceTimersByTimeAsync(8 * 86_400_000);
  const next = open();
  next.open();
  await vi.advanceTimersByTimeAsync(0);
  expect(next.stats()).toMatchObject({ queued: 0, sent: 0, dropped: { expired: 1 } });
});

it('takes nothing over while its own events wait, and comes back for it', async () => {
  await lose(...Array.from({ length: 10 }, (_, index) => selection(`lost${index}`)));
  await vi.advanceTimersByTimeAsync(30_000);
  ingest.answer(down);
  const next = open();
  next.add(selection('own'));
  await vi.advanceTimersByTimeAsync(0);
  expect(next.stats()).toMatchObject({ queued: 11 - 10 });
  ingest.answer(up);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ingest.stored.size).toBe(11);
});

it('works without a storage, with a full one and with a forbidden one', async () => {
  const full = memoryStorage();
  full.setItem = () => {
    throw new Error('QuotaExceededError');
  };
  for (const broken of [null, full]) {
    const batcher = open({ storage: broken });
    expect(() => batcher.add(selection())).not.toThrow();
    await batcher.flush();
    expect(batcher.stats()).toMatchObject({ sent: 1, queued: 0 });
  }
  // Reading it throws where cookies are blocked.
  Object.defineProperty(globalThis, 'localStorage', {
    configurable: true,
    get: () => {
      throw new Error('SecurityError');
    },
  });
  const batcher = createTelemetryBatcher({ fetch: ingest.fetch });
  batcher.add(selection());
  await batcher.flush();
  expect(batcher.stats().sent).toBe(1);
  Reflect.deleteProperty(globalThis, 'localStorage');
});

it('removes by id what was sent, though the queue changed meanwhile', async () => {
  let release = () => {};
  const gate = new Promise<void>(resolve => {
    release = resolve;
  });
  const batcher = open({
    maxSize: 2,
    maxQueueBytes: 500,
    fetch: async (...request) => {
      await gate;
      return ingest.fetch(...request);
    },
  });
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) batcher.add(impression(id));
  release();
  await batcher.flush();
  const { sent, dropped } = batcher.stats();
  expect(sent + dropped.queue_full).toBe(6);
  expect(sent).toBe(ingest.stored.size);
});
