// What a page may lack or have changed, and what it may pass. Whatever it is, nothing is thrown at the host, and no
// event is lost but one that says nothing.

import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  createTelemetryBatcher,
  getPromptStats,
  listPromptPerformance,
  type RecordedEvent,
  submitTelemetryBatch,
  submitTelemetryEvent,
  TelemetryError,
} from '../../src/core/index.js';
import { getTelemetryClient, type ScoredPrompt, type TelemetryClientOptions } from '../../src/react/index.js';
import { memoryStorage, scored, selection, state } from '../samples.js';
import { createStandIn } from '../stand-in.js';

const undo: (() => void)[] = [];
afterEach(() => {
  for (const each of undo.splice(0).reverse()) each();
});

function define(on: object, name: string, property: PropertyDescriptor) {
  const before = Object.getOwnPropertyDescriptor(on, name);
  Object.defineProperty(on, name, { configurable: true, ...property });
  undo.push(() => {
    if (before) Object.defineProperty(on, name, before);
    else Reflect.deleteProperty(on, name);
  });
}
const raise = (): never => {
  throw new Error('the host’s fault');
};
const is = (name: string, value: unknown) => () => define(globalThis, name, { value });
const throws = (name: string) => () => define(globalThis, name, { get: raise });
const adds = (prototype: object, name: string, value: unknown, enumerable = false) =>
  define(prototype, name, { value, enumerable });

const listen = () => is('addEventListener', () => {})();

const HOSTS: [string, () => void][] = [
  ['no crypto', is('crypto', undefined)],
  ['a crypto without random values', is('crypto', {})],
  ['a crypto that throws', is('crypto', { getRandomValues: raise })],
  ['no TextEncoder', is('TextEncoder', undefined)],
  ['no AbortController', is('AbortController', undefined)],
  ['an AbortController that throws', is('AbortController', raise)],
  ['no URLSearchParams', is('URLSearchParams', undefined)],
  ['no structuredClone', is('structuredClone', undefined)],
  ['no localStorage', is('localStorage', undefined)],
  ['a localStorage that is null', is('localStorage', null)],
  ['a localStorage that throws when it is read', throws('localStorage')],
  ['a localStorage of which every method throws', is('localStorage', { setItem: raise, removeItem: raise })],
  [
    'a localStorage that is a mock',
    is('localStorage', { setItem() {}, getItem() {}, length: 1, key: () => {} }),
  ],
  ['no navigator', is('navigator', undefined)],
  ['a navigator that throws', throws('navigator')],
  ['a beacon that throws', is('navigator', { sendBeacon: raise })],
  ['a document that throws', throws('document')],
  ['a document without visibility', is('document', {})],
  ['no event listeners', is('addEventListener', undefined)],
  ['event listeners that throw', is('addEventListener', raise)],
  ['no way to remove a listener', is('removeEventListener', undefined)],
  ['Prototype.js', () => adds(Array.prototype, 'toJSON', () => 'patched')],
  ['Object.prototype.toJSON', () => adds(Object.prototype, 'toJSON', () => 'patched')],
  ['an Object.prototype.toJSON that throws', () => adds(Object.prototype, 'toJSON', raise)],
  ['String.prototype.toJSON', () => adds(String.prototype, 'toJSON', () => 'patched')],
  ['Number.prototype.toJSON', () => adds(Number.prototype, 'toJSON', () => 'patched')],
  ['Date.prototype.toJSON', () => adds(Date.prototype, 'toJSON', raise)],
  ['keys on Object.prototype', () => adds(Object.prototype, 'inherited', { a: 1 }, true)],
  ['methods on Array.prototype', () => adds(Array.prototype, 'last', () => 0, true)],
];

// Answers without a call of JSON's: the page's faults are the SDK's to bear, not this stand-in's.
function network() {
  const bodies: string[] = [];
  const fetch = (async (_: unknown, init?: RequestInit) => {
    bodies.push(String(init?.body));
    return new Response('{"id":"x","count":1,"status":"accepted","rejected":[]}', { status: 202 });
  }) as typeof globalThis.fetch;
  return { bodies, fetch };
}

/** The events of the requests, each once. */
const stored = (bodies: string[]): RecordedEvent[] => {
  const events: RecordedEvent[] = bodies.flatMap(body => JSON.parse(body).events);
  return [...new Map(events.map(event => [event.id, event])).values()];
};

describe.each(HOSTS)('a page with %s', (_, change) => {
  it('loses no event and gets nothing thrown at it', async () => {
    listen();
    change();
    const { bodies, fetch } = network();
    const client = getTelemetryClient({
      sessionId: `host ${Math.random()}`,
      fetch,
      writeKey: 'k',
    });
    const release = client.retain();
    client.recordImpressions([scored('a'), scored('b')], state());
    client.recordSelection('a');
    client.beginCompletion('a')?.responseDone({ entropy: 0.5 });
    client.recordCompletion('b', { dwellTimeMs: 10, entropyDelta: 0.1 });
    client.leave();
    client.recordSelection('b');
    release();
    await client.close();
    client.setConsent('denied');
    for (const each of undo.splice(0).reverse()) each();

    const events = stored(bodies);
    expect(events.map(({ eventType }) => eventType).sort()).toEqual([
      'completion',
      'completion',
      'impression',
      'impression',
      'selection',
      'selection',
    ]);
    for (const { id, context } of events) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(context).toMatchObject({ stage: 'exploration', activeTopics: ['grove'], entropy: 0.4 });
    }
  });

  it('can submit an event directly', async () => {
    listen();
    change();
    const { bodies, fetch } = network();
    const event = { ...selection('a'), context: { activeTopics: ['grove'] } } as never;
    await submitTelemetryEvent(event, { fetch });
    for (const each of undo.splice(0).reverse()) each();
    expect(JSON.parse(bodies[0] ?? '')).toMatchObject({
      promptId: 'a',
      context: { activeTopics: ['grove'] },
    });
  });
});

// Each is a network of the host's own making: none of its answers is ingest's, so the events wait.
const FETCHES: [string, unknown][] = [
  ['is missing', undefined],
  ['throws', raise],
  ['rejects with nothing', () => Promise.reject()],
  ['gives nothing', () => undefined],
  ['is a mock without a body', async () => ({ ok: true, status: 200 })],
  ['is a mock without headers', async () => ({ ok: false, status: 500, json: async () => null })],
  ['gives a body that cannot be read', async () => ({ ok: true, status: 202, headers: null, json: raise })],
];

it.each(FETCHES)('an event waits while the page’s fetch %s', async (_, fetch) => {
  listen();
  is('fetch', fetch)();
  const onError = vi.fn();
  const batcher = createTelemetryBatcher({
    baseUrl: `http://fetch.test/${Math.random()}`,
    storage: null,
    onError,
  });
  batcher.add(selection('a'));
  await batcher.flush();
  expect(batcher.stats()).toMatchObject({ queued: 1, retried: 1 });
  const ingest = createStandIn();
  is('fetch', ingest.fetch)();
  await batcher.close();
  expect([...ingest.stored.values()].map(({ promptId }) => promptId)).toEqual(['a']);
  expect(onError).not.toHaveBeenCalled();
});

it('gives a request up after 10 s though the host’s fetch ignores its signal', async () => {
  vi.useFakeTimers();
  const fetch = (() => new Promise(() => {})) as never;
  const batcher = createTelemetryBatcher({ baseUrl: 'http://silent.test', storage: null, fetch });
  batcher.add(selection('a'));
  await vi.advanceTimersByTimeAsync(10_001);
  expect(batcher.stats()).toMatchObject({ queued: 1, retried: 1 });
  batcher.setConsent('denied');
  vi.useRealTimers();
});

// What is not in the JSON at all.
const ABSENT = Symbol('absent');
const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;
const getter = (name: string, rest: object) => Object.defineProperty({ ...rest }, name, { get: raise });
const hostile = new Proxy({}, { get: raise, has: raise, ownKeys: raise });

it.each([
  ['maxSize', 0],
  ['maxSize', -1],
  ['maxSize', Number.NaN],
  ['flushDelayMs', Number.NaN],
  ['flushDelayMs', -1],
  ['baseUrl', new URL('https://ingest.test/api/telemetry/')],
])('an option that makes no sense neither loops nor loses: %s %s', async (option, value) => {
  vi.useFakeTimers();
  const ingest = createStandIn();
  const batcher = createTelemetryBatcher({ storage: null, fetch: ingest.fetch, [option]: value });
  batcher.add({ ...selection('a'), eventType: 'impression' });
  batcher.add({ ...selection('b'), eventType: 'impression' });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(ingest.stored.size).toBe(2);
  expect(ingest.requests.length).toBeLessThan(3);
  await batcher.close();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('a value that a host passes', () => {
  const opened = (more: Partial<TelemetryClientOptions> = {}) => {
    const ingest = createStandIn();
    const sessionId = `value ${Math.random()}`;
    const client = getTelemetryClient({ sessionId, fetch: ingest.fetch, storage: memoryStorage(), ...more });
    const stored = () => client.flush().then(() => [...ingest.stored.values()]);
    return { client, stored };
  };

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a proxy that throws', hostile],
    ['a prompt whose id throws', { prompt: getter('id', {}), score: 1 }],
    ['a prompt without an id', { prompt: {}, score: 1 }],
  ])('in a list costs only itself: %s', async (_, bad) => {
    const { client, stored } = opened();
    client.recordImpressions([scored('a'), bad as ScoredPrompt, scored('c')], state());
    const events = await stored();
    expect(events.map(({ promptId, scoring }) => [promptId, scoring?.rank])).toEqual([
      ['a', 0],
      ['c', 2],
    ]);
  });

  it.each<[string, object]>([
    ['throws', getter('score', scored('a'))],
    ['is a bigint', { ...scored('a'), score: 1n }],
    ['is a symbol', { ...scored('a'), score: Symbol('x') }],
    ['is cyclic', { ...scored('a'), score: cyclic }],
  ])('as one field costs only that field when it %s', async (_, item) => {
    const { client, stored } = opened();
    client.recordImpressions([item as ScoredPrompt], state());
    expect((await stored())[0]).toMatchObject({
      promptId: 'a',
      scoring: { rank: 0, matchDetails: { lensWeight: 0.7 } },
      context: { stage: 'exploration' },
    });
  });

  it.each<[string, object | null]>([
    ['throws', getter('entropy', state())],
    ['is a bigint', { ...state(), entropy: 4n, interactionCount: 3n }],
    ['is a revoked proxy', { ...state(), entropy: revoked() }],
    ['has topics that throw', { ...state(), topicsExplored: [hostile, Symbol('x'), 'grove'] }],
    ['is cyclic', { ...state(), topicsExplored: [cyclic] }],
    ['is frozen', Object.freeze(state())],
    ['is all of it a proxy that throws', hostile],
    ['is null', null],
  ])('in the context costs no event when it %s', async (_, context) => {
    const { client, stored } = opened();
    client.recordImpressions([scored('a'), scored('b')], context as never);
    client.recordSelection('a');
    expect((await stored()).map(({ promptId }) => promptId)).toEqual(['a', 'b', 'a']);
  });

  it.each<[string, object]>([
    ['a bigint for the time', { ...selection('a'), timestamp: 1n }],
    ['a time that throws', getter('timestamp', selection('a'))],
    ['a cyclic context', { ...selection('a'), context: cyclic }],
    ['a context that throws', getter('context', selection('a'))],
    ['a frozen event', Object.freeze(selection('a'))],
    ['an event behind a proxy', new Proxy(selection('a'), {})],
    ['an event with a toJSON', { ...selection('a'), toJSON: raise }],
  ])('to the batcher costs no event: %s', async (_, event) => {
    const { client, stored } = opened();
    expect(client.add(event as never)).toMatchObject({ promptId: 'a' });
    expect(await stored()).toHaveLength(1);
  });

  it.each([undefined, null, 1, 'text', hostile, []])('that is no event is dropped and reported: %#', bad => {
    const { client } = opened();
    expect(client.add(bad as never)).toBeNull();
    expect(client.stats()).toMatchObject({ queued: 0, dropped: { invalid: 1 } });
  });

  it.each<[string, unknown, unknown]>([
    ['a Date', new Date(1_700_000_000_000), 1_700_000_000_000],
    ['a Date that is invalid', new Date(Number.NaN), null],
    ['a boxed number', Object(5), 5],
    ['a boxed string', Object('five'), 'five'],
    ['a boxed boolean', Object(false), false],
    ['an object with a value', { valueOf: () => 7 }, 7],
    ['infinity', Infinity, null],
    ['undefined', undefined, ABSENT],
    ['a function', () => 1, ABSENT],
    ['a symbol', Symbol('x'), ABSENT],
    ['a list with what JSON lacks', [undefined, () => 1, Symbol('x'), Number.NaN], [null, null, null, null]],
    // biome-ignore lint/suspicious/noSparseArray: it is what is tested
    ['a list with a hole', [1, , 2], [1, null, 2]],
    ['a Map', new Map([['a', 1]]), {}],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    [
      'an instance of a class',
      new (class {
        a = 1;
      })(),
      { a: 1 },
    ],
  ])('in a direct submit is sent as JSON has it: %s', async (_, value, expected) => {
    const { bodies, fetch } = network();
    await submitTelemetryEvent({ ...selection('a'), timestamp: value } as never, { fetch });
    await submitTelemetryBatch([{ ...selection('a'), context: { entropy: value } } as never], { fetch });
    const [single, { events }] = bodies.map(body => JSON.parse(body));
    if (expected === ABSENT) {
      expect(single).not.toHaveProperty('timestamp');
      expect(events[0].context).toEqual({});
    } else {
      expect([single.timestamp, events[0].context.entropy]).toEqual([expected, expected]);
    }
  });

  const twice: unknown[] = [];
  twice.push(twice, twice);
  it.each<[string, unknown]>([
    ['a bigint', 1n],
    ['a cycle', cyclic],
    ['a cycle of lists, twice at each turn', twice],
    ['a getter that throws', Object.defineProperty({}, 'entropy', { enumerable: true, get: raise })],
    ['a proxy that throws', hostile],
    ['a proxy that is revoked', revoked()],
  ])('that JSON cannot hold rejects a direct submit and sends nothing: %s', async (_, value) => {
    const { bodies, fetch } = network();
    const event = { ...selection('a'), context: value } as never;
    const attempts = [submitTelemetryEvent(event, { fetch }), submitTelemetryBatch([event], { fetch })];
    for (const attempt of attempts) await expect(attempt).rejects.toBeInstanceOf(Error);
    expect(bodies).toEqual([]);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['no event', () => submitTelemetryEvent(undefined as never)],
    ['a text for an event', () => submitTelemetryEvent('a' as never)],
    ['no list', () => submitTelemetryBatch(null as never)],
    ['nothing in a list', () => submitTelemetryBatch([null] as never)],
    ['an id that is no text', () => getPromptStats('\ud800')],
    ['a search that is no text', () => listPromptPerformance({ search: '\ud800' })],
    ['null for a query', () => listPromptPerformance(null as never)],
  ])('that makes no request rejects the promise, and throws nothing: %s', async (_, call) => {
    await expect(call()).rejects.toBeInstanceOf(Error);
  });

  it('rejects the promise of a direct submit, and throws nothing', async () => {
    const fetch = raise as never;
    await expect(submitTelemetryEvent(selection('a'), { fetch })).rejects.toBeInstanceOf(TelemetryError);
  });
});

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
