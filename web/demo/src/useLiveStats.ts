// What the side view shows: the queue's own account, and ingest's statistics of some prompts, read every second while
// the page can be seen.

import { getPromptStats, type PromptStats } from '@prompt-telemetry/sdk';
import { getTelemetryClient, type TelemetryClientOptions } from '@prompt-telemetry/sdk/react';
import { useEffect, useState } from 'react';

const QUEUE_MS = 200;
const STATS_MS = 1_000;

/** The account of the session's queue. */
export function useQueue(options: TelemetryClientOptions) {
  const [queue, setQueue] = useState(() => getTelemetryClient(options).stats());
  useEffect(() => {
    const timer = setInterval(() => {
      const next = getTelemetryClient(options).stats();
      setQueue(before => (JSON.stringify(before) === JSON.stringify(next) ? before : next));
    }, QUEUE_MS);
    return () => clearInterval(timer);
  }, [options]);
  return queue;
}

/** The newest known statistics by prompt id, and whether the newest reading failed. */
export function useLiveStats(ids: readonly string[], options: TelemetryClientOptions) {
  const [stats, setStats] = useState<Record<string, PromptStats>>({});
  const [failed, setFailed] = useState(false);
  const wanted = ids.join('\n');
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const read = async () => {
      if (document.visibilityState === 'visible') {
        const request = { fetch: options.fetch, signal: abort.signal };
        const found = await Promise.all(wanted.split('\n').map(id => getPromptStats(id, {}, request))).catch(
          () => null,
        );
        if (abort.signal.aborted) return;
        setFailed(!found);
        if (found)
          setStats(before => ({
            ...before,
            ...Object.fromEntries(found.map(each => [each.promptId, each])),
          }));
      }
      timer = setTimeout(read, STATS_MS);
    };
    void read();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [wanted, options]);
  return { stats, failed };
}
