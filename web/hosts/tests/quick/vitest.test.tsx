// @vitest-environment jsdom
// A host's own test, in Vitest: the built SDK by its name, a component that uses it, and a fetch that answers.

import { usePromptTelemetry } from '@prompt-telemetry/sdk/react';
import { act, useEffect } from 'react';
import { createRoot } from 'react-dom/client';
import { expect, it, vi } from 'vitest';

const prompts = [
  {
    prompt: { id: 'why-trees' },
    score: 4.5,
    matchDetails: { stageMatch: true, lensWeight: 0.7, topicWeight: 0, momentBoosts: 0 },
  },
];
const context = {
  stage: 'genesis',
  entropy: 0,
  activeLensId: null,
  activeMoments: [],
  interactionCount: 0,
  topicsExplored: [],
};

it('a host’s component under Vitest records an impression and a click', async () => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  const events: { eventType: string; promptId: string }[] = [];
  const fetch = vi.fn(async (_url: unknown, init?: RequestInit) => {
    events.push(...JSON.parse(String(init?.body)).events);
    return Response.json({ count: 1, status: 'accepted', rejected: [] }, { status: 202 });
  }) as typeof globalThis.fetch;

  function Suggestions() {
    const { recordImpressions, recordSelection } = usePromptTelemetry({ sessionId: 'vitest', fetch });
    useEffect(() => recordImpressions(prompts, context), [recordImpressions]);
    return (
      <button type="button" onClick={() => recordSelection('why-trees')}>
        Why trees?
      </button>
    );
  }

  const root = createRoot(document.body.appendChild(document.createElement('div')));
  await act(async () => root.render(<Suggestions />));
  document.querySelector('button')?.click();
  await vi.waitFor(() => expect(events).toHaveLength(2));
  expect(events.map(({ eventType, promptId }) => [eventType, promptId])).toEqual([
    ['impression', 'why-trees'],
    ['selection', 'why-trees'],
  ]);
  await act(async () => root.unmount());
});
