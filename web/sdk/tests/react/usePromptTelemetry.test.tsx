import { act, cleanup, fireEvent, render, renderHook } from '@testing-library/react';
import { StrictMode, useCallback, useEffect, useRef, useState, version } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { getTelemetryClient, type ScoredPrompt, usePromptTelemetry } from '../../src/react/index.js';
import { memoryStorage, scored, state } from '../samples.js';
import { createStandIn, problem } from '../stand-in.js';

let ingest = createStandIn();
let storage = memoryStorage();
let sessions = 0;
let sessionId: string;
const options = () => ({ sessionId, fetch: ingest.fetch, storage });
const stored = (type: string) => [...ingest.stored.values()].filter(({ eventType }) => eventType === type);
const pass = (ms = 200) => act(() => vi.advanceTimersByTimeAsync(ms));

beforeEach(() => {
  vi.useFakeTimers();
  ingest = createStandIn();
  storage = memoryStorage();
  sessionId = `session-${sessions++}`;
});

afterEach(async () => {
  cleanup();
  await vi.advanceTimersByTimeAsync(60_000);
  vi.useRealTimers();
});

const prompts = ['a', 'b', 'c'].map(id => scored(id));

/** The example of the documentation. */
function Suggestions({
  visible = prompts,
  context = state(),
}: {
  visible?: ScoredPrompt[];
  context?: object;
}) {
  const telemetry = usePromptTelemetry(options());
  const { recordImpressions } = telemetry;
  useEffect(() => {
    if (visible.length > 0) recordImpressions(visible, context as ReturnType<typeof state>);
  }, [visible, context, recordImpressions]);
  return visible.map(({ prompt }) => (
    <button type="button" key={prompt.id} onClick={() => telemetry.recordSelection(prompt.id)}>
      {prompt.id}
    </button>
  ));
}

it('runs on the React it is meant to run on', ({ task }) => {
  expect(version.split('.')[0]).toBe(task.file.projectName?.replace('react-', ''));
});

it('stores 3 impressions when the documented example is mounted twice under StrictMode', async () => {
  render(
    <StrictMode>
      <Suggestions />
      <Suggestions />
    </StrictMode>,
  );
  await pass();
  expect(stored('impression')).toHaveLength(3);
  expect(ingest.batches().flat()).toHaveLength(3);
});

/** One message of a chat whose every message uses the hook and records what it has not yet recorded itself. */
function Message({ visible, context }: { visible: ScoredPrompt[]; context: ReturnType<typeof state> }) {
  const { recordImpressions } = usePromptTelemetry(options());
  const recorded = useRef(new Set<string>());
  useEffect(() => {
    const fresh = visible.filter(({ prompt }) => !recorded.current.has(prompt.id));
    if (fresh.length > 0) recordImpressions(fresh, context);
    for (const { prompt } of fresh) recorded.current.add(prompt.id);
  }, [visible, context, recordImpressions]);
  return null;
}

it.each([true, false])(
  'stores 5 impressions for five chat turns with one hook a message (StrictMode: %s)',
  async strict => {
    const chat = (turns: number) => (
      <>
        {['one', 'two', 'three', 'four', 'five'].slice(0, turns).map(message => (
          <Message
            key={message}
            visible={[scored(`prompt-${turns}`)]}
            context={state({ interactionCount: turns, entropy: turns / 10 })}
          />
        ))}
      </>
    );
    const { rerender } = render(chat(1), strict ? { wrapper: StrictMode } : {});
    for (const turns of [2, 3, 4, 5]) {
      await pass();
      rerender(chat(turns));
    }
    await pass();
    expect(stored('impression')).toHaveLength(5);
  },
);

it('is not misled by new objects with the same content, as while an answer streams in', async () => {
  const { rerender } = render(<Suggestions />);
  for (let count = 0; count < 20; count++) rerender(<Suggestions visible={[...prompts]} context={state()} />);
  await pass();
  expect(ingest.requests).toHaveLength(1);
  expect(stored('impression')).toHaveLength(3);
});

it('sends a click at once', async () => {
  const { getByText } = render(<Suggestions />);
  await pass();
  fireEvent.click(getByText('b'));
  expect(ingest.requests).toHaveLength(2);
  await pass(0);
  expect(stored('selection')).toMatchObject([{ promptId: 'b', scoring: { rank: 1 } }]);
});

it('flushes at the last unmount, and works again after a remount', async () => {
  const first = render(<Suggestions />);
  const second = render(<Suggestions />);
  first.unmount();
  expect(ingest.requests).toHaveLength(0);
  second.unmount();
  expect(ingest.requests).toHaveLength(1);
  await pass(0);
  render(<Suggestions visible={[scored('d')]} />);
  await pass();
  expect(stored('impression').map(({ promptId }) => promptId)).toEqual(['a', 'b', 'c', 'd']);
});

it('gives functions that stay the same from render to render', () => {
  const { result, rerender } = renderHook(() => usePromptTelemetry(options()));
  const first = result.current;
  rerender();
  expect(result.current).toBe(first);
});

it('records a completion from the click to the next one', async () => {
  const { result } = renderHook(() => usePromptTelemetry(options()));
  result.current.recordImpressions(prompts, state({ entropy: 0.25 }));
  result.current.recordSelection('a');
  const completion = result.current.beginCompletion('a');
  await pass(1_200);
  completion.responseDone({ entropy: 0.5 });
  await pass(800);
  result.current.recordSelection('b');
  await pass();
  expect(stored('completion')).toMatchObject([
    { promptId: 'a', outcome: { dwellTimeMs: 2_000, entropyDelta: 0.25, followUpPromptId: 'b' } },
  ]);
});

it('takes a completion that the host has measured', async () => {
  const { result } = renderHook(() => usePromptTelemetry(options()));
  result.current.recordCompletion('a', { dwellTimeMs: 5_000, entropyDelta: -0.1 });
  await pass();
  expect(stored('completion')).toMatchObject([{ outcome: { dwellTimeMs: 5_000, entropyDelta: -0.1 } }]);
});

const nothingHappened = () => {
  expect([ingest.requests.length, storage.writes, vi.getTimerCount()]).toEqual([0, 0, 0]);
};

it.each([
  ['enabled is false', { enabled: false }],
  ['consent is denied', { consent: 'denied' as const }],
  ['there is no session', { sessionId: '' }],
])('makes no request, timer or storage write when %s', async (_, more) => {
  const { result, unmount } = renderHook(() => usePromptTelemetry({ ...options(), ...more }));
  result.current.recordImpressions(prompts, state());
  result.current.recordSelection('a');
  result.current.beginCompletion('a').responseDone({ entropy: 1 });
  result.current.recordCompletion('a', { dwellTimeMs: 1, entropyDelta: 0 });
  unmount();
  await pass(0);
  nothingHappened();
});

it('makes no request, timer or storage write under Global Privacy Control', async () => {
  Object.defineProperty(navigator, 'globalPrivacyControl', { value: true, configurable: true });
  const { unmount } = render(<Suggestions />);
  await pass();
  unmount();
  nothingHappened();
  Reflect.deleteProperty(navigator, 'globalPrivacyControl');
});

it('holds back until consent is granted, and records nothing when it is denied', async () => {
  const using = (consent: 'pending' | 'granted' | 'denied') =>
    renderHook(given => usePromptTelemetry({ ...options(), consent: given }), { initialProps: consent });
  const granted = using('pending');
  granted.result.current.recordSelection('a');
  await pass();
  expect(ingest.requests).toHaveLength(0);
  granted.rerender('granted');
  await pass();
  expect(stored('selection')).toHaveLength(1);
  granted.rerender('denied');
  granted.result.current.recordSelection('b');
  await pass();
  expect(stored('selection')).toHaveLength(1);
});

describe.each([
  ['enabled: false', { enabled: false }],
  ["consent: 'denied'", { consent: 'denied' as const }],
])('%s after events were recorded', (_, withdrawn) => {
  const using = (more: object = {}) =>
    renderHook(given => usePromptTelemetry({ ...options(), ...given }), { initialProps: more });

  it('stops everything at once, and clears what waits in memory and in storage', async () => {
    ingest.answer(() => problem(503));
    const { result, rerender } = using();
    const { recordSelection } = result.current;
    result.current.recordImpressions(prompts, state());
    result.current.recordSelection('a');
    const completion = result.current.beginCompletion('a');
    await pass();
    // The queue, and which impressions were recorded.
    expect(storage.map.size).toBe(2);
    storage.map.set('prompt-telemetry  lost tab', '1{"events":[]}');
    const sent = ingest.requests.length;
    rerender(withdrawn);
    expect([storage.map.size, vi.getTimerCount()]).toEqual([0, 0]);
    completion.responseDone();
    completion.close();
    recordSelection('a');
    result.current.recordImpressions([scored('d')], state());
    result.current.recordSelection('b');
    result.current.recordCompletion('b', { dwellTimeMs: 1, entropyDelta: 0 });
    result.current.beginCompletion('b').responseDone();
    await pass(100_000);
    window.dispatchEvent(new Event('pagehide'));
    expect([ingest.requests.length, storage.map.size, vi.getTimerCount()]).toEqual([sent, 0, 0]);
    expect(getTelemetryClient(options()).stats().queued).toBe(0);
  });

  it('is a fresh start when it is taken back: what is visible is recorded anew', async () => {
    const { result, rerender } = using();
    result.current.recordImpressions(prompts, state());
    rerender(withdrawn);
    rerender({ enabled: true, consent: 'granted' });
    result.current.recordImpressions([scored('a')], state());
    await pass();
    expect(stored('impression').map(({ promptId }) => promptId)).toEqual(['a']);
  });

  it('clears what a former page left', async () => {
    storage.map.set('prompt-telemetry  former', '1{"events":[]}');
    storage.map.set('the host’s', 'kept');
    using(withdrawn);
    await pass();
    expect([...storage.map.keys()]).toEqual(['the host’s']);
    expect(ingest.requests).toHaveLength(0);
  });
});

it('does not take `enabled` for a consent that was denied elsewhere', async () => {
  getTelemetryClient(options()).setConsent('denied');
  const { result } = renderHook(() => usePromptTelemetry({ ...options(), enabled: true }));
  result.current.recordSelection('a');
  await pass();
  expect(ingest.requests).toHaveLength(0);
});

it('is under the new rule before the effects of a child', async () => {
  function Child({ record }: { record: () => void }) {
    useEffect(record, [record]);
    return null;
  }
  function Parent({ enabled }: { enabled: boolean }) {
    const { recordImpressions } = usePromptTelemetry({ ...options(), enabled });
    const record = useCallback(() => recordImpressions(prompts, state()), [recordImpressions]);
    return <Child record={record} />;
  }
  const { rerender } = render(<Parent enabled={false} />);
  rerender(<Parent enabled />);
  await pass();
  expect(stored('impression')).toHaveLength(3);
});

it('records what an effect tells again once it is enabled', async () => {
  function Late() {
    const [enabled, enable] = useState(false);
    const { recordImpressions } = usePromptTelemetry({ ...options(), enabled });
    useEffect(() => recordImpressions(prompts, state()), [recordImpressions]);
    return (
      <button type="button" onClick={() => enable(true)}>
        ready
      </button>
    );
  }
  const { getByText } = render(<Late />);
  await pass();
  expect(ingest.requests).toHaveLength(0);
  fireEvent.click(getByText('ready'));
  await pass();
  expect(stored('impression')).toHaveLength(3);
});

it('moves to another session without mixing the two', async () => {
  const { result, rerender } = renderHook(id => usePromptTelemetry({ ...options(), sessionId: id }), {
    initialProps: 'one',
  });
  result.current.recordImpressions(prompts, state());
  rerender('two');
  result.current.recordImpressions(prompts, state());
  await pass();
  expect(
    stored('impression')
      .map(event => event.sessionId)
      .sort(),
  ).toEqual(['one', 'one', 'one', 'two', 'two', 'two']);
});

it('shares its client with code outside React', async () => {
  render(<Suggestions />);
  const client = getTelemetryClient(options());
  expect(client.stats().queued).toBe(3);
  client.add({ eventType: 'skip', promptId: 'a', sessionId });
  await pass();
  expect(stored('skip')).toHaveLength(1);
});
