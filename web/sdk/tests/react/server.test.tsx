// @vitest-environment node
import { renderToString } from 'react-dom/server';
import { expect, it, vi } from 'vitest';
import { scored, state } from '../samples.js';

it('imports and renders on a server without doing anything', async () => {
  vi.useFakeTimers();
  const fetch = vi.fn();
  vi.stubGlobal('fetch', fetch);
  expect(typeof window).toBe('undefined');
  const { usePromptTelemetry } = await import('../../src/react/index.js');
  function Suggestions() {
    const { recordImpressions, recordSelection, beginCompletion } = usePromptTelemetry({
      sessionId: 'server',
    });
    // A host that calls these while rendering is mistaken, but not harmed.
    recordImpressions([scored('a')], state());
    recordSelection('a');
    beginCompletion('a').responseDone();
    return <p>suggestions</p>;
  }
  expect(renderToString(<Suggestions />)).toBe('<p>suggestions</p>');
  expect(fetch).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
