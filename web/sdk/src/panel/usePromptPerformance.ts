// The panel without its looks: reads one page of the performance list, and reads it again at intervals while the page
// can be seen. What was read stays when a later reading fails. Knows nothing of tables, tokens' origin or the URL.

import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { systemClock, ticks } from '../core/clock.js';
import {
  listPromptPerformance,
  type PerformanceQuery,
  TelemetryError,
  type TelemetryPerformanceResponse,
  type TelemetryRequestOptions,
} from '../core/index.js';

/** Reads one page of the list. `token` is the read token, empty when none is known. */
export type PerformanceFetcher = (
  query: PerformanceQuery,
  options: { signal: AbortSignal; token: string },
) => Promise<TelemetryPerformanceResponse>;

/** What to read, and how often. */
export interface UsePromptPerformanceOptions {
  query?: PerformanceQuery | undefined;
  /** Used in place of {@link listPromptPerformance}; it may change between renders without another reading. */
  fetcher?: PerformanceFetcher | undefined;
  token?: string | undefined;
  /** Milliseconds from one answer to the next request; 0 (the default) reads once. */
  refreshMs?: number | undefined;
  /** Another value reads at once. */
  refreshKey?: string | number | undefined;
}

/** What is known now. */
export interface PromptPerformance {
  /** The newest answer, also while another is on its way or has failed; null before the first. */
  data: TelemetryPerformanceResponse | null;
  /** Whether `data` answers the query as it is now. */
  current: boolean;
  /** Why the newest reading failed; null when it did not. */
  error: TelemetryError | null;
  /** Whether the newest reading failed for want of a (valid) read token; it is not tried again by itself then. */
  unauthorised: boolean;
  loading: boolean;
  /** When `data` came, in Unix milliseconds. */
  updatedAt: number | null;
  /** Reads at once. */
  refresh: () => void;
}

const TIMEOUT_MS = 10_000;
const BEFORE_ANY = { asked: '', dataOf: '', data: null, error: null, updatedAt: null, settledAt: 0 };

interface Answer extends Pick<PromptPerformance, 'data' | 'error' | 'updatedAt'> {
  /** Which reading this settles. */
  asked: string;
  /** Which query `data` answers. */
  dataOf: string;
  /** By the monotonic clock, so that a clock that is set does not stop the refresh. */
  settledAt: number;
}

/** Reads through {@link listPromptPerformance}, with the read token when one is known. */
export const fromIngest =
  (options: TelemetryRequestOptions = {}): PerformanceFetcher =>
  (query, { signal, token }) =>
    listPromptPerformance(query, {
      ...options,
      signal,
      headers: { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) },
    });

/** Reads the performance list and keeps it fresh. */
export function usePromptPerformance(options: UsePromptPerformanceOptions = {}): PromptPerformance {
  const { query = {}, fetcher = fromIngest(), token = '', refreshMs = 0, refreshKey = '' } = options;
  const [round, setRound] = useState(0);
  const [answer, setAnswer] = useState<Answer>(BEFORE_ANY);
  const visible = useSyncExternalStore(watchVisibility, isVisible, () => true);
  const refresh = useCallback(() => setRound(count => count + 1), []);
  const newest = useRef(fetcher);
  useEffect(() => {
    newest.current = fetcher;
  });

  const dataOf = JSON.stringify(query);
  const asked = JSON.stringify([dataOf, token, round, refreshKey]);
  const loading = answer.asked !== asked;

  // biome-ignore lint/correctness/useExhaustiveDependencies: `asked` stands for the query and the token by content
  useEffect(() => {
    const abort = new AbortController();
    let wanted = true;
    const settle = (found: Partial<Answer>) => {
      const settledAt = ticks(systemClock);
      if (wanted) setAnswer(before => ({ ...before, error: null, ...found, asked, settledAt }));
    };
    const timer = setTimeout(() => {
      settle({ error: new TelemetryError('ingest gave no answer within 10 s', 0, null, true) });
      stop();
    }, TIMEOUT_MS);
    const stop = () => {
      wanted = false;
      clearTimeout(timer);
      abort.abort();
    };
    // A fetcher that throws instead of rejecting is caught as well.
    Promise.resolve()
      .then(() => newest.current(query, { signal: abort.signal, token }))
      .then(
        data => settle({ data, dataOf, updatedAt: Date.now() }),
        error => settle({ error: toTelemetryError(error) }),
      )
      .finally(() => clearTimeout(timer));
    return stop;
  }, [asked]);

  const { data, error, updatedAt, settledAt } = answer;
  const unauthorised = error?.status === 401 || error?.status === 403;
  useEffect(() => {
    if (!refreshMs || !visible || loading || unauthorised) return;
    const due = settledAt + Math.max(refreshMs, error?.retryAfter ?? 0);
    const timer = setTimeout(refresh, Math.max(0, due - ticks(systemClock)));
    return () => clearTimeout(timer);
  }, [refreshMs, visible, loading, unauthorised, settledAt, error, refresh]);

  return { data, current: answer.dataOf === dataOf, error, unauthorised, loading, updatedAt, refresh };
}

const toTelemetryError = (error: unknown) =>
  error instanceof TelemetryError ? error : new TelemetryError(String((error as Error)?.message ?? error), 0);

const isVisible = () => document.visibilityState !== 'hidden';

function watchVisibility(listener: () => void) {
  document.addEventListener('visibilitychange', listener);
  return () => document.removeEventListener('visibilitychange', listener);
}
