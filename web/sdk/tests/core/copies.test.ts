// Two copies of the package on one page: a module and a CommonJS one, or one in each of two bundles.

import { beforeEach, expect, it, vi } from 'vitest';
import { memoryStorage, scored, state } from '../samples.js';
import { createStandIn } from '../stand-in.js';

const load = async () => {
  vi.resetModules();
  return (await import('../../src/react/index.js')).getTelemetryClient;
};
beforeEach(() => {
  vi.stubGlobal('addEventListener', () => {});
});

it('share a client, so that an impression that both report is recorded once', async () => {
  const [one, other] = [await load(), await load()];
  expect(one).not.toBe(other);
  const ingest = createStandIn();
  const options = { sessionId: 'copies', fetch: ingest.fetch, storage: memoryStorage() };
  for (const getClient of [one, other]) getClient(options).recordImpressions([scored('a')], state());
  await other(options).flush();
  expect(ingest.stored.size).toBe(1);
});

it('work on a page whose global object is frozen, each with clients of its own', async () => {
  const registry = Symbol.for('prompt-telemetry clients 1');
  Reflect.deleteProperty(globalThis, registry);
  Object.defineProperty(globalThis, registry, { configurable: true, get: () => undefined });
  const getClient = await load();
  Reflect.deleteProperty(globalThis, registry);
  const ingest = createStandIn();
  const client = getClient({ sessionId: 'frozen', fetch: ingest.fetch, storage: null });
  client.recordSelection('a');
  await client.flush();
  expect(ingest.stored.size).toBe(1);
});
