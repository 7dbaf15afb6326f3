// A panel to look at, and time that stands still until a test lets it pass.

import { act, cleanup, configure, render } from '@testing-library/react';
import { afterEach, beforeEach, vi } from 'vitest';
import { PromptPerformancePanel, type PromptPerformancePanelProps } from '../../src/panel/index.js';

// Nothing in the panel is hidden by style, and to compute that for each role takes most of the time of a test.
configure({ defaultHidden: true });

/** Lets `ms` pass, and everything that becomes due in them happen. */
export const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

/** Shows the panel and waits for its first answer. */
export async function show(props: PromptPerformancePanelProps) {
  const view = render(<PromptPerformancePanel {...props} />);
  await pass(0);
  return view;
}

/** Says whether the page can be seen. */
export async function setVisibility(state: 'visible' | 'hidden') {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(state);
  await act(async () => document.dispatchEvent(new Event('visibilitychange')));
}

/** Fake time, and a clean page for each test of the file. */
export function isolate() {
  beforeEach(() => {
    vi.useFakeTimers({ now: new Date('2026-01-02T03:05:00Z') });
    history.replaceState(null, '', '/panel');
    sessionStorage.clear();
  });
  afterEach(() => {
    cleanup();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
}
