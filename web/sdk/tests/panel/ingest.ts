// An ingest that answers from a function, and rows for it to answer with.

import { type PerformanceQuery, type PromptTelemetryStats, TelemetryError } from '../../src/core/index.js';
import type { PerformanceFetcher } from '../../src/panel/index.js';

/** One row, with what a test cares about set. */
export const row = (promptId: string, part: Partial<PromptTelemetryStats> = {}): PromptTelemetryStats => ({
  promptId,
  impressions: 150,
  selections: 45,
  completions: 40,
  selectionRate: 0.3,
  avgEntropyDelta: 0.032,
  avgDwellTimeMs: 12_400,
  lastSurfaced: '2026-01-02T03:04:05.000Z',
  ...part,
});

/** A failure as the client throws it. */
export const failure = (
  status: number,
  message = `it failed with ${status}`,
  retryAfter: number | null = null,
) => new TelemetryError(message, status, null, status >= 500, retryAfter);

/** Answers each query, and remembers all of them. */
export function fakeIngest(answer: (query: PerformanceQuery, token: string) => PromptTelemetryStats[]) {
  const queries: PerformanceQuery[] = [];
  const fetcher: PerformanceFetcher = async (query, { token }) => {
    queries.push(query);
    const found = answer(query, token);
    const { offset = 0, limit = 50, sort, after } = query;
    const sorted =
      sort === 'promptId' ? [...found].sort((a, b) => (a.promptId < b.promptId ? -1 : 1)) : found;
    const left = after === undefined ? sorted : sorted.filter(({ promptId }) => promptId > after);
    return { prompts: left.slice(offset, offset + limit), total: left.length };
  };
  return { queries, fetcher, last: () => queries.at(-1) };
}
