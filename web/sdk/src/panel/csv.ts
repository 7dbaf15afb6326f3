// The rows as a CSV file that a spreadsheet opens without running any of it. Prompt ids are anybody's text, so a cell
// that a spreadsheet would take for a formula is marked as text; numbers stay numbers, negative ones too.

import type { PerformanceQuery, PromptTelemetryStats } from '../core/index.js';
import type { PerformanceFetcher } from './usePromptPerformance.js';
import { wilsonInterval } from './wilson.js';

const PAGE = 500;
/** Rows that one export holds at most. */
export const MAX_EXPORT_ROWS = 100_000;

const HEADER =
  'prompt_id,impressions,selections,completions,selection_rate,selection_rate_low,selection_rate_high,avg_entropy_delta,avg_dwell_time_ms,last_surfaced';

/** Reads every row that the query matches, whatever page it asks for, by id, up to {@link MAX_EXPORT_ROWS}. */
export async function readAll(
  fetcher: PerformanceFetcher,
  { offset: _, ...query }: PerformanceQuery,
  token: string,
) {
  const rows: PromptTelemetryStats[] = [];
  // Rows move between pages while they are read, but none moves past an id: each stands in the file once.
  for (let after: string | undefined; rows.length < MAX_EXPORT_ROWS; ) {
    const page = { ...query, limit: PAGE, sort: 'promptId', order: 'asc', after } as const;
    const { prompts } = await fetcher(page, { signal: AbortSignal.timeout(30_000), token });
    const last = prompts.at(-1)?.promptId;
    if (last !== undefined && last === after)
      throw new Error('the server does not page by `after`; update ingest');
    rows.push(...prompts);
    after = last;
    if (prompts.length < PAGE) break;
  }
  return rows;
}

/** The text of the file: RFC 4180, with the mark that has Excel read it as UTF-8. */
export function toCsv(rows: readonly PromptTelemetryStats[]): string {
  const lines = rows.map(row => {
    const [low, high] = wilsonInterval(row.selections, row.impressions) ?? [];
    return [
      row.promptId,
      row.impressions,
      row.selections,
      row.completions,
      row.selectionRate,
      rounded(low),
      rounded(high),
      row.avgEntropyDelta,
      row.avgDwellTimeMs,
      row.lastSurfaced,
    ]
      .map(cell)
      .join(',');
  });
  return `\ufeff${[HEADER, ...lines].join('\r\n')}\r\n`;
}

const rounded = (share: number | undefined) => (share === undefined ? null : Number(share.toFixed(4)));

function cell(value: unknown): string {
  if (typeof value !== 'string') return String(value ?? '');
  const inert = /^\s*[=+\-@|%＝＋－＠\t\r\n]/.test(value) ? `'${value}` : value;
  return `"${inert.replaceAll('"', '""')}"`;
}

/** Has the browser save the text as a file. */
export function download(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
  // The click has only asked for the download; the browser takes the blob a little later.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
