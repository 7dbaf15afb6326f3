// Everything that is recorded arrives once, through a network that loses two requests in three. By default against a
// stand-in that counts ids; with INGEST_URL against a real ingest, whose stats must then show each event once.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { getPromptStats } from '../../src/core/index.js';
import { memoryStorage } from '../samples.js';
import { createStandIn, type Listening, listen, reply } from '../stand-in.js';
import { type FaultServer, startFaultServer } from './fault-server.js';
import { openTab, until } from './tab.js';

const EVENTS = 10_000;
const { INGEST_URL } = process.env;
// How much faster than ours the tabs' clock runs: backoff goes up to a minute. A real ingest needs its real seconds.
const TIME_FACTOR = INGEST_URL ? 10 : 100;
const PROMPT = `fault-run-${Date.now()}`;

const standIn = createStandIn();
let ingest: Listening | undefined;
let network: FaultServer;
let target: string;

beforeAll(async () => {
  ingest = INGEST_URL
    ? undefined
    : await listen((request, response) => reply(response, standIn.handle(request)));
  target = INGEST_URL ?? ingest?.url ?? '';
  network = await startFaultServer(target, 7);
});

afterAll(async () => {
  await network.close();
  await ingest?.close();
});

/** Events that ingest counts for the prompt. */
async function counted(): Promise<number> {
  const { impressions, selections } = await getPromptStats(
    PROMPT,
    {},
    { baseUrl: `${target}/api/telemetry` },
  );
  return impressions + selections;
}

it('stores each of 10,000 events from 3 tabs once, though the network fails and one tab is closed', async () => {
  const storage = memoryStorage();
  const open = () => openTab(`${network.url}/api/telemetry`, storage, TIME_FACTOR);
  const [first, second, third] = [open(), open(), open()];
  const share = Math.floor(EVENTS / 3);
  await Promise.all([
    first.record(PROMPT, share),
    second.record(PROMPT, share),
    third.record(PROMPT, share / 2).then(third.shut),
  ]);

  const next = open();
  await next.record(PROMPT, EVENTS - first.recorded.length - second.recorded.length - third.recorded.length);
  network.heal();
  const alive = [first, second, next];
  await until(() => alive.every(tab => tab.stats().queued === 0) && storage.map.size === 0);
  await until(async () => (await counted()) >= EVENTS);

  expect(await counted()).toBe(EVENTS);
  for (const tab of alive) expect(Object.values(tab.stats().dropped)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(Object.values(network.met).every(count => count > 0)).toBe(true);
  if (!INGEST_URL) {
    const recorded = [first, second, third, next].flatMap(tab => tab.recorded);
    expect(new Set(standIn.stored.keys())).toEqual(new Set(recorded));
    // Answers were lost, so some events came more than once, and were counted once.
    expect(standIn.requests.length).toBeGreaterThan(network.met.none);
  }
}, 300_000);
