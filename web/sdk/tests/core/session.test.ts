// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  getTelemetryClient,
  type TelemetryClient,
  type TelemetryClientOptions,
} from '../../src/react/index.js';
import { memoryStorage, scored, state } from '../samples.js';
import { createStandIn } from '../stand-in.js';

let ingest = createStandIn();
let storage = memoryStorage();
let sessions = 0;
let client: TelemetryClient;
const open = (options: Partial<TelemetryClientOptions> = {}) =>
  getTelemetryClient({ sessionId: `session-${sessions++}`, fetch: ingest.fetch, storage, ...options });
const stored = (type: string) => [...ingest.stored.values()].filter(({ eventType }) => eventType === type);
const become = (visibility: 'visible' | 'hidden') => {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(visibility);
  document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
};

beforeEach(() => {
  vi.useFakeTimers();
  ingest = createStandIn();
  storage = memoryStorage();
  client = open();
});

afterEach(async () => {
  await client.close();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('impressions', () => {
  it('carry the host’s context and scoring in the wire’s terms, and nothing else of the host’s', async () => {
    const prompt = { id: 'p', label: 'not sent', embedding: [1, 2, 3] };
    const context = { ...state(), sproutsCaptured: 2, promptsSelected: ['secret'] };
    client.recordImpressions([{ ...scored('p'), prompt }], context);
    await client.flush();
    const [event] = stored('impression');
    expect(event).toMatchObject({ promptId: 'p', sessionId: `session-${sessions - 1}` });
    expect(event?.context).toEqual({
      stage: 'exploration',
      lensId: 'base',
      entropy: 0.4,
      interactionCount: 3,
      activeTopics: ['grove'],
      activeMoments: ['deep_dive'],
    });
    expect(event?.scoring).toEqual({
      finalScore: 5.5,
      rank: 0,
      matchDetails: { stageMatch: true, lensWeight: 0.7, topicWeight: 0.6, momentBoost: 3, baseWeight: null },
    });
    expect(ingest.requests[0]?.body).not.toMatch(/not sent|embedding|secret|entropyFit|sprouts/);
  });

  it('are recorded once for each opportunity, however often they are told', async () => {
    for (let count = 0; count < 5; count++) client.recordImpressions([scored('a'), scored('b')], state());
    await client.flush();
    expect(stored('impression')).toHaveLength(2);
  });

  it('are told apart by content, not by the objects that hold it', async () => {
    client.recordImpressions([scored('a')], state({ entropy: 0.4 }));
    client.recordImpressions([scored('a')], state({ entropy: 0.41 }));
    await client.flush();
    expect(stored('impression')).toHaveLength(1);
  });

  it.each([
    ['interaction', { interactionCount: 4 }],
    ['stage', { stage: 'synthesis' }],
    ['lens', { activeLensId: null }],
  ])('in another %s are another opportunity, and going back is none', async (_, change) => {
    for (const context of [state(), state(change), state(), state(change)]) {
      client.recordImpressions([scored('a')], context);
    }
    await client.flush();
    expect(stored('impression')).toHaveLength(2);
  });

  it('can be told apart by the host', async () => {
    client.recordImpressions([scored('a')], state(), { impressionKey: 'sidebar' });
    client.recordImpressions([scored('a')], state(), { impressionKey: 'chat' });
    client.recordImpressions([scored('a')], state({ interactionCount: 9 }), { impressionKey: 'chat' });
    await client.flush();
    expect(stored('impression')).toHaveLength(2);
  });

  it('of two sessions are two', async () => {
    const other = open();
    client.recordImpressions([scored('a')], state());
    other.recordImpressions([scored('a')], state());
    await Promise.all([client.flush(), other.flush()]);
    expect(stored('impression')).toHaveLength(2);
  });

  it('keep the rank of the list as displayed, or one that is given', async () => {
    client.recordImpressions([scored('a'), scored('b')], state());
    client.recordImpressions([scored('b'), scored('c')], state());
    client.recordImpressions([scored('d', { rank: 7 })], state());
    await client.flush();
    const ranks = stored('impression').map(({ promptId, scoring }) => [promptId, scoring?.rank]);
    expect(ranks).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 1],
      ['d', 7],
    ]);
  });

  it('with a number that is none are recorded without it', async () => {
    client.recordImpressions(
      [scored('a', { score: Number.NaN })],
      state({ entropy: Number.NaN, stage: 'conviction' }),
    );
    await client.flush();
    expect(stored('impression')).toMatchObject([
      { context: { entropy: null, stage: null, lensId: 'base' }, scoring: { finalScore: null, rank: 0 } },
    ]);
  });
});

describe('a selection', () => {
  it('carries the context and scoring of its own impression, not the newest', async () => {
    client.recordImpressions([scored('a'), scored('b', { score: 2 })], state({ interactionCount: 1 }));
    client.recordImpressions([scored('c')], state({ interactionCount: 2 }));
    client.recordSelection('b');
    await client.flush();
    expect(stored('selection')).toMatchObject([
      { promptId: 'b', context: { interactionCount: 1 }, scoring: { finalScore: 2, rank: 1 } },
    ]);
  });

  it('takes its pending impression along, in front of it', () => {
    client.recordImpressions([scored('a')], state());
    client.recordSelection('a');
    expect(ingest.batches()[0]?.map(({ eventType }) => eventType)).toEqual(['impression', 'selection']);
  });

  it('without a known impression sends no invented context', async () => {
    client.recordSelection('never-shown');
    await client.flush();
    const [event] = stored('selection');
    expect(event).not.toHaveProperty('context');
    expect(event).not.toHaveProperty('scoring');
  });
});

describe('a completion', () => {
  it('carries the context of the selection, though the prompt was shown again since', async () => {
    client.recordImpressions([scored('a')], state({ interactionCount: 1 }));
    client.recordSelection('a');
    client.recordImpressions([scored('a')], state({ interactionCount: 2 }));
    client.recordCompletion('a', { dwellTimeMs: 1200.7, entropyDelta: 0.1 });
    await client.flush();
    expect(stored('completion')).toMatchObject([
      {
        context: { interactionCount: 1 },
        outcome: { dwellTimeMs: 1201, entropyDelta: 0.1, followUpPromptId: null },
      },
    ]);
  });

  const click = (promptId: string) => {
    client.recordSelection(promptId);
    return client.beginCompletion(promptId);
  };

  it('ends with the next selection, which it names', async () => {
    client.recordImpressions([scored('a'), scored('b')], state({ entropy: 0.1 }));
    const completion = click('a');
    await vi.advanceTimersByTimeAsync(1_500);
    completion?.responseDone({ entropy: 0.3 });
    await vi.advanceTimersByTimeAsync(2_500);
    expect(stored('completion')).toHaveLength(0);
    click('b');
    await client.flush();
    expect(stored('completion')).toMatchObject([
      { promptId: 'a', outcome: { dwellTimeMs: 4_000, entropyDelta: 0.2, followUpPromptId: 'b' } },
    ]);
  });

  it('may begin before the selection of the same click', async () => {
    client.beginCompletion('a')?.responseDone();
    const completion = client.beginCompletion('b');
    client.recordSelection('b');
    completion?.responseDone();
    completion?.close();
    await client.flush();
    expect(stored('completion').map(({ promptId }) => promptId)).toEqual(['a', 'b']);
  });

  it('counts only the time in which the page was visible', async () => {
    const completion = click('a');
    completion?.responseDone();
    await vi.advanceTimersByTimeAsync(1_000);
    become('hidden');
    await vi.advanceTimersByTimeAsync(60_000);
    become('visible');
    await vi.advanceTimersByTimeAsync(500);
    completion?.close();
    await client.flush();
    expect(stored('completion')).toMatchObject([{ outcome: { dwellTimeMs: 1_500, entropyDelta: null } }]);
  });

  it('ends as the page is left, and goes out with it', async () => {
    click('a')?.responseDone();
    await client.flush();
    await vi.advanceTimersByTimeAsync(700);
    const keepalive = vi.fn();
    client = open({
      fetch: (input, init) => {
        keepalive(init?.keepalive);
        return ingest.fetch(input, init);
      },
    });
    click('b')?.responseDone();
    window.dispatchEvent(new Event('pagehide'));
    expect(keepalive).toHaveBeenLastCalledWith(true);
    expect(stored('completion').map(({ promptId }) => promptId)).toContain('b');
    expect(stored('completion')[0]).toMatchObject({ promptId: 'a', outcome: { dwellTimeMs: 700 } });
  });

  it('ends by itself after ten minutes, or when the host says', async () => {
    click('a')?.responseDone();
    await vi.advanceTimersByTimeAsync(600_000);
    client.recordSelection('b');
    client.beginCompletion('b', { timeoutMs: 1_000 })?.responseDone();
    await vi.advanceTimersByTimeAsync(1_000);
    await client.flush();
    expect(stored('completion').map(({ outcome }) => outcome?.dwellTimeMs)).toEqual([600_000, 1_000]);
  });

  it('is not recorded when there never was an answer', async () => {
    click('a');
    click('b')?.close();
    await client.flush();
    expect(stored('completion')).toHaveLength(0);
  });

  it('is recorded once, whatever is told afterwards', async () => {
    const completion = click('a');
    completion?.responseDone();
    completion?.close();
    completion?.responseDone({ entropy: 1 });
    completion?.close();
    client.recordSelection('b');
    await client.flush();
    expect(stored('completion')).toHaveLength(1);
  });
});

it('is one client for each endpoint and session', () => {
  const options = { sessionId: 'same', fetch: ingest.fetch };
  expect(getTelemetryClient(options)).toBe(getTelemetryClient({ ...options }));
  expect(getTelemetryClient(options)).not.toBe(getTelemetryClient({ ...options, baseUrl: '/other' }));
});

it('lets go of idle clients when there are many, and of none in use', async () => {
  const options = { sessionId: 'held', fetch: ingest.fetch, storage };
  const held = getTelemetryClient(options);
  const release = held.retain();
  const idle = open();
  const idleSession = `session-${sessions - 1}`;
  for (let count = 0; count < 40; count++) open();
  expect(getTelemetryClient(options)).toBe(held);
  expect(getTelemetryClient({ ...options, sessionId: idleSession })).not.toBe(idle);
  release();
});

it('never throws at the host, whatever it is given', () => {
  const odd = null as never;
  expect(() => {
    client.recordImpressions(odd, odd);
    client.recordImpressions([odd], state());
    client.recordSelection(odd);
    client.recordCompletion('p', odd);
    client.beginCompletion(odd, odd);
  }).not.toThrow();
});
