// @vitest-environment jsdom
import { beforeEach, describe, expect, it } from 'vitest';
import { steadyClock } from '../../src/core/clock.js';
import { createTelemetryBatcher, type TelemetryBatcherOptions } from '../../src/core/index.js';
import { getTelemetryClient } from '../../src/react/index.js';
import { createMachine, type Machine, MONOTONIC } from '../machine.js';
import { impression, memoryStorage, selection } from '../samples.js';
import { createStandIn, NO_ANSWER, problem } from '../stand-in.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const YEARS = 24 * 365 * DAY;

let ingest = createStandIn();
let sessions = 0;

beforeEach(() => {
  ingest = createStandIn();
});

it('counts on from 0 when the wall clock is set, and at most a minute of a jump or a sleep', async () => {
  const machine = createMachine('none');
  const steady = steadyClock(machine);
  await machine.pass(5_000);
  expect(steady()).toBe(5_000);
  machine.set(-HOUR);
  expect(steady()).toBe(5_000);
  await machine.pass(1_000);
  expect(steady()).toBe(6_000);
  machine.set(YEARS);
  expect(steady()).toBe(66_000);
});

describe.each(MONOTONIC)('with a monotonic clock that %s', monotonic => {
  let machine: Machine;
  const storage = memoryStorage();
  const open = (options: TelemetryBatcherOptions = {}) =>
    createTelemetryBatcher({ fetch: ingest.fetch, storage, clock: machine, ...options });

  beforeEach(() => {
    machine = createMachine(monotonic);
    storage.map.clear();
  });

  it.each([-YEARS, -HOUR, -1_000, 1_000, HOUR, YEARS])(
    'sends a click and an impression in time after the clock was set by %i ms',
    async ms => {
      const batcher = open();
      batcher.add(impression('a'));
      await machine.pass(2_000);
      machine.set(ms);
      batcher.add(selection('a'));
      await machine.pass(0);
      batcher.add(impression('b'));
      await machine.pass(100);
      expect(batcher.stats()).toMatchObject({ queued: 0, sent: 3 });
    },
  );

  it.each([-HOUR, HOUR, YEARS])(
    'tries again within its minute though the clock is set by %i ms meanwhile',
    async ms => {
      const batcher = open();
      ingest.answer(() => (ingest.requests.length < 2 ? { status: NO_ANSWER } : undefined));
      batcher.add(selection());
      await machine.pass(0);
      machine.set(ms);
      await machine.pass(60_000);
      expect(batcher.stats()).toMatchObject({ queued: 0, sent: 1 });
    },
  );

  it('delivers what was recorded offline on a device whose clock was wrong, as of when ingest receives it', async () => {
    machine.set(Date.UTC(2001, 0, 1) - machine.now());
    ingest.answer(() => ({ status: NO_ANSWER }));
    const batcher = open();
    batcher.add(selection());
    await machine.pass(5_000);
    machine.set(Date.UTC(2026, 0, 1) - machine.now());
    ingest.answer(() => undefined);
    await machine.pass(120_000);
    expect(batcher.stats()).toMatchObject({ queued: 0, sent: 1, dropped: { expired: 0 } });
    expect([...ingest.stored.values()]).toMatchObject([{ timestamp: null }]);
  });

  it.each([-DAY, YEARS])('takes over what a page left before the clock was set by %i ms', async ms => {
    ingest.answer(() => ({ status: NO_ANSWER }));
    const lost = open();
    lost.add(selection());
    await machine.pass(0);
    await lost.close();
    ingest.answer(() => undefined);
    machine.set(ms);
    const next = open();
    next.open();
    await machine.pass(60_000);
    expect(next.stats()).toMatchObject({ queued: 0, sent: 1, dropped: { expired: 0 } });
  });

  it('drops what has waited for longer than maxAgeMs, by time awake', async () => {
    ingest.answer(() => problem(503));
    const batcher = open({ maxAgeMs: HOUR });
    batcher.add(selection());
    await machine.pass(HOUR - 60_000);
    expect(batcher.stats().queued).toBe(1);
    await machine.pass(180_000);
    expect(batcher.stats()).toMatchObject({ queued: 0, dropped: { expired: 1 } });
  });

  it('gives an unsent event no shorter life because the device slept', async () => {
    ingest.answer(() => ({ status: NO_ANSWER }));
    const batcher = open({ maxAgeMs: HOUR });
    batcher.add(selection());
    await machine.pass(1_000);
    machine.sleep(8 * HOUR);
    ingest.answer(() => undefined);
    await machine.pass(60_000);
    expect(batcher.stats()).toMatchObject({ queued: 0, sent: 1 });
  });

  describe('a dwell time', () => {
    const measure = async (meanwhile: () => unknown, timeoutMs?: number) => {
      const client = getTelemetryClient({
        sessionId: `clocks-${sessions++}`,
        fetch: ingest.fetch,
        storage: null,
        clock: machine,
      });
      client.recordSelection('a');
      const completion = client.beginCompletion('a', { timeoutMs });
      await machine.pass(30_000);
      completion?.responseDone();
      await meanwhile();
      await machine.pass(1_000);
      completion?.close();
      await machine.pass(1_000);
      const [found] = [...ingest.stored.values()].filter(({ eventType }) => eventType === 'completion');
      return found?.outcome?.dwellTimeMs;
    };

    it('is at most its timeout, however long the device slept', async () => {
      const dwell = await measure(() => machine.sleep(8 * HOUR));
      expect(dwell).toBe(monotonic === 'stops' ? 31_000 : 600_000);
    });

    it.each([-YEARS, -HOUR, HOUR, YEARS])('is in its bounds though the clock is set by %i ms', async ms => {
      const dwell = await measure(() => machine.set(ms), 60_000);
      if (monotonic === 'none') expect([0, 60_000]).toContain(dwell);
      else expect(dwell).toBe(31_000);
    });

    it('may have any bound', async () => {
      expect(await measure(() => {}, Number.POSITIVE_INFINITY)).toBe(31_000);
    });
  });
});
