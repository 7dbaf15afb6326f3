import { describe, expect, it } from 'vitest';
import { systemRandom, uuidV7 } from '../../src/core/clock.js';
import { recordEvent } from '../../src/core/event.js';
import type { PromptTelemetryEvent, TelemetryContext } from '../../src/core/index.js';
import { impression } from '../samples.js';

const NOW = 1_700_000_000_000;
const record = (event: PromptTelemetryEvent) => recordEvent(event, NOW, systemRandom);
const withContext = (context: object) =>
  record(impression('p', { context: context as TelemetryContext }))?.context;

it('mints a version 7 id of the moment, and keeps one that is given', () => {
  expect(record(impression())?.id).toMatch(/^018bcfe5-6800-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(record(impression('p', { id: 'mine' }))?.id).toBe('mine');
  const ids = Array.from({ length: 10_000 }, () => uuidV7(NOW, systemRandom));
  expect(new Set(ids).size).toBe(10_000);
});

it('makes valid ids at both ends of chance', () => {
  expect(uuidV7(NOW, () => 0)).toBe('018bcfe5-6800-7000-8000-000000000000');
  expect(uuidV7(NOW, () => 1 - 2 ** -32)).toBe('018bcfe5-6800-7fff-bfff-ffffffffffff');
});

it('stamps an event without a time, and reads milliseconds and dates', () => {
  expect(record(impression())?.timestamp).toBe(NOW);
  expect(record(impression('p', { timestamp: NOW + 0.9 }))?.timestamp).toBe(NOW);
  expect(record(impression('p', { timestamp: '2026-01-01T00:00:00Z' }))?.timestamp).toBe(
    Date.UTC(2026, 0, 1),
  );
  expect(record(impression('p', { timestamp: Number.NaN }))?.timestamp).toBe(NOW);
});

it.each([-1, 0, Date.UTC(1980, 0, 6), Date.UTC(2001, 0, 1), Date.UTC(2015, 0, 1)])(
  'leaves the time to ingest when this device’s clock (%i) was never set',
  now => {
    for (const event of [impression(), impression('p', { timestamp: now })]) {
      const recorded = recordEvent(event, now, systemRandom);
      expect(recorded?.timestamp).toBeNull();
      expect(recorded?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  },
);

describe('numbers', () => {
  it('are clamped to what ingest takes', () => {
    expect(withContext({ entropy: 1.2, interactionCount: -3 })).toMatchObject({
      entropy: 1,
      interactionCount: 0,
    });
    expect(withContext({ entropy: -0.1, interactionCount: 3e9 })).toMatchObject({
      entropy: 0,
      interactionCount: 2_147_483_647,
    });
  });

  it('that are none are left out, never sent as zeros', () => {
    const scoring = { finalScore: Number.POSITIVE_INFINITY, rank: Number.NaN };
    expect(record(impression('p', { scoring }))?.scoring).toMatchObject({ finalScore: null, rank: null });
    expect(withContext({ entropy: Number.NaN, interactionCount: '3' })).toMatchObject({
      entropy: null,
      interactionCount: null,
    });
  });

  it('of an outcome are whole milliseconds within an INTEGER, and a delta within ±1', () => {
    const outcome = (dwellTimeMs: number, entropyDelta: number) =>
      record(impression('p', { outcome: { dwellTimeMs, entropyDelta } }))?.outcome;
    expect(outcome(1234.5678, 0.25)).toMatchObject({ dwellTimeMs: 1235, entropyDelta: 0.25 });
    expect(outcome(2 ** 40, -7)).toMatchObject({ dwellTimeMs: 2_147_483_647, entropyDelta: -1 });
    expect(outcome(-5, 0)).toMatchObject({ dwellTimeMs: 0, entropyDelta: 0 });
  });
});

it('leaves out a stage that only the host knows, and keeps the rest of the event', () => {
  expect(withContext({ stage: 'conviction', entropy: 0.5 })).toMatchObject({ stage: null, entropy: 0.5 });
  expect(withContext({ stage: 'advocacy' })?.stage).toBe('advocacy');
});

it('caps lists and texts by code points', () => {
  const context = withContext({ activeTopics: Array(100).fill('🌳'.repeat(200)), activeMoments: 'none' });
  expect(context?.activeTopics).toHaveLength(64);
  expect(context?.activeTopics?.[0]).toBe('🌳'.repeat(128));
  expect(context?.activeMoments).toBeNull();
});

it('mends what would have ingest refuse the whole body', () => {
  const event = record(impression('a\ud800b\0c', { context: { lensId: '\udfff' } }));
  expect(event?.promptId).toBe('a\ufffdb\ufffdc');
  expect(event?.context?.lensId).toBe('\ufffd');
  expect(record(impression('🌳'))?.promptId).toBe('🌳');
});

it('refuses ids that it could only falsify', () => {
  for (const promptId of ['', '.', '..', 'x'.repeat(257), null, 7]) {
    expect(record(impression(promptId as string))).toBeNull();
  }
  expect(record(impression('🌳'.repeat(256)))).not.toBeNull();
  expect(record({ ...impression(), sessionId: '' })).toBeNull();
  expect(record({ ...impression(), sessionId: 'x'.repeat(129) })).toBeNull();
  expect(record(null as never)).toBeNull();
});

it('leaves behind what the contract does not name', () => {
  const event = record({
    ...impression('p', { context: { entropy: 1, secret: 'x' } as TelemetryContext }),
    label: 'y',
  } as never);
  expect(JSON.stringify(event)).not.toMatch(/secret|label/);
});

it('sends no context, scoring or outcome that is not there', () => {
  const sent = JSON.parse(JSON.stringify(record(impression('p', { context: null }))));
  expect(Object.keys(sent)).toEqual(['id', 'eventType', 'promptId', 'sessionId', 'timestamp']);
});
