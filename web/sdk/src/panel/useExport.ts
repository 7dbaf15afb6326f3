// Saves every row that the view matches as a file, and tells how that went.

import { useState } from 'react';
import type { PerformanceQuery } from '../core/index.js';
import { download, MAX_EXPORT_ROWS, readAll, toCsv } from './csv.js';
import { formatCount } from './format.js';
import type { PerformanceFetcher } from './usePromptPerformance.js';

/** What became of the last export, for people to read, and how to start one. */
export function useExport(
  fetcher: PerformanceFetcher,
  query: PerformanceQuery,
  token: string,
): [string, () => Promise<void>] {
  const [outcome, setOutcome] = useState('');
  const save = async () => {
    setOutcome('Reading all rows…');
    try {
      const rows = await readAll(fetcher, query, token);
      download(toCsv(rows), `prompt-performance-${new Date().toISOString().slice(0, 10)}.csv`);
      const cut = rows.length >= MAX_EXPORT_ROWS ? ', the most that one file takes' : '';
      setOutcome(`Saved ${formatCount(rows.length)} ${rows.length === 1 ? 'row' : 'rows'}${cut}.`);
    } catch (cause) {
      setOutcome(`Not saved: ${(cause as Error).message}`);
    }
  };
  return [outcome, save];
}
