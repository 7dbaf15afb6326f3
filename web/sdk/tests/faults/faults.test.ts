// Everything that is recorded arrives once, through a network that loses two requests in three or answers in ingest's
// place, on a machine whose clock is set and that sleeps, from tabs that are reloaded and closed. By default against a
// stand-in that counts ids; with INGEST_URL against a real ingest, whose stats must then show each event once.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { getPromptStats } from '../../src/core/index.js';
import { memoryStorage } from '../samples.js';
import { createStandIn, type Listening, listen, reply } from '../stand-in.js';
import { type FaultServer, startFaultServer } from './fault-server.js';
import { createMachine, type Monotonic, openTab, type Tab, until } from './tab.js';

const EVENTS = 10_000;
const VISITS = 4;
const HOUR = 3_600_000;
const TWO_YEARS = 2 * 365 * 24 * HOUR;
const { INGEST_URL } = process.env;
// How much faster than ours the machine's clock runs: backoff goes up to a minute. A real ingest needs its real seconds.
const TIME_FACTOR = INGEST_URL ? 25 : 100;
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

it('stores each of 10,000 events once, through failures, strangers, clock jumps, sleep and reloads', async () => {
  const storage = memoryStorage();
  const machine = createMachine(TIME_FACTOR);
  const tabs: Tab[] = [];
  const open = (sessionId: string, monotonic: Monotonic) => {
    const tab = openTab({ baseUrl: `${network.url}/api/telemetry`, storage, machine, monotonic, sessionId });
    tabs.push(tab);
    return tab;
  };
  // Each visit shows the whole list so far and more; all but the last end with a reload.
  const browse = async (sessionId: string, monotonic: Monotonic, length: number): Promise<Tab> => {
    let tab = open(sessionId, monotonic);
    for (let visit = 1; visit <= VISITS; visit++) {
      await tab.show(PROMPT, Math.floor((length * visit) / VISITS));
      if (visit === VISITS) break;
      tab.shut();
      tab = open(sessionId, monotonic);
    }
    return tab;
  };

  let done = false;
  const weather = (async () => {
    // The sum of sleep stays below the week after which unsent events are given up.
    for (let round = 0; !done || round < 3; round++) {
      if (round < 12) await machine.sleep(8 * HOUR);
      const jumps = [-HOUR, HOUR, TWO_YEARS, -TWO_YEARS];
      machine.set(jumps[round % 4] ?? 0);
      await new Promise(resolve => setTimeout(resolve, 200));
    }
  })();

  const share = Math.floor(EVENTS / 4);
  const [first, second, third] = await Promise.all([
    browse('first', 'none', share),
    browse('second', 'stops', share),
    browse('third', 'goes on', share),
  ]);
  third.shut();
  const next = await browse('next', 'goes on', EVENTS - 3 * share);
  network.heal();
  const alive = [first, second, next];
  await until(() => alive.every(tab => tab.stats().queued === 0));
  // What is left in the storage is the list of what was recorded.
  await until(() => storage.map.size === 1);
  await until(async () => (await counted()) >= EVENTS);
  done = true;
  await weather;

  expect(await counted()).toBe(EVENTS);
  for (const tab of tabs) expect(Object.values(tab.stats().dropped)).toEqual([0, 0, 0, 0, 0, 0]);
  for (const [fault, count] of Object.entries({ ...network.met, ...machine.met })) {
    expect(count, fault).toBeGreaterThan(0);
  }
  if (!INGEST_URL) {
    const recorded = tabs.flatMap(tab => tab.recorded);
    expect(recorded).toHaveLength(EVENTS);
    expect(new Set(standIn.stored.keys())).toEqual(new Set(recorded));
    // Answers were lost, so some events came more than once, and were counted once.
    expect(standIn.requests.length).toBeGreaterThan(network.met.none);
  }
}, 300_000);
