// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTelemetryBatcher, type TelemetryBatcherOptions } from '../../src/core/index.js';
import type { TelemetryClientOptions } from '../../src/react/index.js';
import { impression, memoryStorage, scored, state } from '../samples.js';
import { createStandIn, problem } from '../stand-in.js';

let ingest = createStandIn();
let storage = memoryStorage();
const stored = (type: string) => [...ingest.stored.values()].filter(({ eventType }) => eventType === type);
/** A page of the session, with nothing in memory, as a reload leaves it. */
const load = async (options: Partial<TelemetryClientOptions> = {}) => {
  vi.resetModules();
  // A reload also clears the global object, and with it the clients that copies of the package share.
  Reflect.deleteProperty(globalThis, Symbol.for('prompt-telemetry clients 1'));
  const { getTelemetryClient } = await import('../../src/react/index.js');
  return getTelemetryClient({ sessionId: 'session', fetch: ingest.fetch, storage, ...options });
};
const prerendering = (value: boolean) => {
  Object.defineProperty(document, 'prerendering', { value, configurable: true });
  if (!value) document.dispatchEvent(new Event('prerenderingchange'));
};
const settled = () => vi.advanceTimersByTimeAsync(1_000);

beforeEach(() => {
  vi.useFakeTimers();
  ingest = createStandIn();
  storage = memoryStorage();
});

afterEach(() => {
  Reflect.deleteProperty(document, 'prerendering');
  vi.useRealTimers();
});

describe('an impression', () => {
  it('is recorded once in a session, however often the page is loaded', async () => {
    for (let visit = 0; visit < 3; visit++) {
      const client = await load();
      client.recordImpressions([scored('a'), scored('b')], state());
      await settled();
    }
    expect(ingest.batches().flat()).toHaveLength(2);
  });

  it('in another context, of another session or for another endpoint is another one', async () => {
    (await load()).recordImpressions([scored('a')], state());
    await settled();
    (await load()).recordImpressions([scored('a')], state({ interactionCount: 9 }));
    (await load({ sessionId: 'other' })).recordImpressions([scored('a')], state());
    (await load({ baseUrl: 'https://other.example' })).recordImpressions([scored('a')], state());
    await settled();
    expect(stored('impression')).toHaveLength(4);
  });

  it('is remembered while other tabs of other sessions record theirs', async () => {
    const tabs = [await load({ sessionId: 'one' }), await load({ sessionId: 'two' })];
    for (const tab of tabs) {
      tab.recordImpressions([scored('a')], state());
      await settled();
    }
    for (const sessionId of ['one', 'two']) {
      (await load({ sessionId })).recordImpressions([scored('a')], state());
    }
    await settled();
    expect(ingest.batches().flat()).toHaveLength(2);
  });

  it('gives its context to a click after the reload', async () => {
    (await load()).recordImpressions([scored('a')], state());
    await settled();
    const client = await load();
    client.recordImpressions([scored('b'), scored('a')], state());
    client.recordSelection('a');
    await settled();
    expect(stored('selection')).toMatchObject([
      { promptId: 'a', context: { interactionCount: 3 }, scoring: { rank: 1 } },
    ]);
  });

  it('is not taken for recorded when the page died with it in memory alone', async () => {
    (await load({ consent: 'pending' })).recordImpressions([scored('a')], state());
    await settled();
    (await load()).recordImpressions([scored('a')], state());
    await settled();
    expect(stored('impression')).toHaveLength(1);
  });

  it('is recorded once where consent comes late at each load', async () => {
    for (let visit = 0; visit < 2; visit++) {
      const client = await load({ consent: 'pending' });
      client.recordImpressions([scored('a')], state());
      client.setConsent('granted');
      await settled();
    }
    expect(ingest.batches().flat()).toHaveLength(1);
  });

  it('is recorded without a storage, with a full one and with a forbidden one, once a page', async () => {
    const full = memoryStorage();
    full.setItem = () => {
      throw new Error('QuotaExceededError');
    };
    for (const broken of [null, full, {} as never]) {
      const client = await load({ storage: broken });
      for (let render = 0; render < 2; render++) client.recordImpressions([scored('a')], state());
      await settled();
    }
    expect(ingest.batches().flat()).toHaveLength(3);
  });
});

it.each([1_200, 5_000])('records a list of %i prompts once, however often it is rendered', async length => {
  const client = await load({ maxQueueBytes: 1 << 24, maxSize: 500 });
  const list = Array.from({ length }, (_, index) => scored(`card-${index}`));
  for (let render = 0; render < 3; render++) {
    client.recordImpressions(list, state());
    await settled();
  }
  client.recordSelection('card-0');
  await settled();
  expect(ingest.batches().flat()).toHaveLength(length + 1);
  expect(stored('selection')).toMatchObject([{ scoring: { rank: 0 } }]);
});

describe('what is remembered', () => {
  const open = (options: TelemetryBatcherOptions = {}) =>
    createTelemetryBatcher({ fetch: ingest.fetch, storage, ...options });
  const name = 'prompt-telemetry  ';

  it('stays within 256 Ki characters, the newest of it', async () => {
    for (let round = 0; round < 20; round++) {
      const batcher = open();
      for (let index = 0; index < 100; index++) {
        batcher.add(impression(), `${'x'.repeat(200)} ${round} ${index}`);
      }
      await batcher.flush();
    }
    expect(storage.map.get(name)).toHaveLength(262_144);
    expect(open().add(impression(), `${'x'.repeat(200)} 19 0`)).toBeNull();
    expect(open().add(impression(), `${'x'.repeat(200)} 0 0`)).not.toBeNull();
  });

  it('goes when consent is withdrawn, and is never written without it', async () => {
    const batcher = open();
    batcher.add(impression(), 'once');
    await batcher.flush();
    expect([...storage.map.keys()]).toEqual([name]);
    batcher.setConsent('denied');
    expect(storage.map.size).toBe(0);
    expect(open({ consent: 'pending' }).add(impression(), 'once')).not.toBeNull();
    await settled();
    expect(storage.map.size).toBe(0);
  });

  it('does not hold an event that was refused for want of consent', () => {
    const batcher = open({ consent: 'denied' });
    expect(batcher.add(impression(), 'once')).toBeNull();
    batcher.setConsent('granted');
    expect(batcher.add(impression(), 'once')).not.toBeNull();
    expect(batcher.add(impression(), 'once')).toBeNull();
  });
});

describe('a prerendered page', () => {
  it('leaves nothing behind when nobody comes to see it', async () => {
    prerendering(true);
    const client = await load();
    client.recordImpressions([scored('a')], state());
    client.recordSelection('a');
    await client.flush();
    await vi.advanceTimersByTimeAsync(60_000);
    window.dispatchEvent(new Event('pagehide'));
    expect(ingest.requests).toHaveLength(0);
    expect(storage.writes).toBe(0);
  });

  it('is counted once it is seen, and once only when it is loaded again', async () => {
    prerendering(true);
    (await load()).recordImpressions([scored('a')], state());
    await settled();
    prerendering(false);
    await settled();
    expect(stored('impression')).toHaveLength(1);
    (await load()).recordImpressions([scored('a')], state());
    await settled();
    expect(ingest.batches().flat()).toHaveLength(1);
  });

  it('does not take over what another page left before it is seen', async () => {
    ingest.answer(() => problem(503));
    const lost = createTelemetryBatcher({ fetch: ingest.fetch, storage });
    lost.add(impression());
    await lost.close();
    await vi.advanceTimersByTimeAsync(60_000);
    ingest.answer(() => undefined);
    prerendering(true);
    (await load()).recordImpressions([scored('a')], state());
    await settled();
    expect(ingest.stored.size).toBe(0);
    expect(storage.map.size).toBe(1);
    prerendering(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ingest.stored.size).toBe(2);
  });
});
