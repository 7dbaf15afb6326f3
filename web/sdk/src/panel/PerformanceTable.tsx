// The table itself: caption, sortable headers, a row for each prompt. Shows what it is given; the server has sorted it.

import type { PromptTelemetryStats } from '../core/index.js';
import { COLUMNS } from './columns.js';
import { formatAgo, formatCount, formatDelta, formatDuration, NONE } from './format.js';
import { legible } from './legible.js';
import { RateCell } from './RateCell.js';
import type { PerformanceView, SortField } from './view.js';
import { wilsonInterval } from './wilson.js';

/** What the table shows. */
export interface PerformanceTableProps {
  caption: string;
  /** Null while nothing has come yet. */
  rows: readonly PromptTelemetryStats[] | null;
  view: PerformanceView;
  /** Rates on fewer impressions than this are greyed. */
  minSample: number;
  /** The rows do not answer the view yet. */
  busy: boolean;
  onSort: (field: SortField) => void;
}

const SKELETON_ROWS = [...'0123456789'];

/** A semantic table whose headers are buttons. */
export function PerformanceTable({ caption, rows, view, minSample, busy, onSort }: PerformanceTableProps) {
  const most = Math.max(1, ...(rows ?? []).map(({ impressions }) => impressions));
  const scale = rateScale(rows ?? [], minSample);
  return (
    <table aria-busy={busy || !rows}>
      <caption className="ptp-hidden">{caption}</caption>
      <colgroup>
        {COLUMNS.map(({ field, width }) => (
          <col key={field} style={{ width }} />
        ))}
      </colgroup>
      <thead>
        <tr>
          {COLUMNS.map(({ field, title, hint }) => (
            <th key={field} scope="col" {...(field === view.sort && { 'aria-sort': DIRECTION[view.order] })}>
              <button type="button" title={hint} onClick={() => onSort(field)}>
                {title}
                <span aria-hidden className="ptp-arrow">
                  {field === view.sort ? ARROW[view.order] : '↕'}
                </span>
              </button>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows
          ? rows.map(row => <Row key={row.promptId} {...{ row, most, scale, minSample }} />)
          : SKELETON_ROWS.map(key => <SkeletonRow key={key} />)}
      </tbody>
    </table>
  );
}

const DIRECTION = { asc: 'ascending', desc: 'descending' } as const;
const ARROW = { asc: '↑', desc: '↓' };

function Row({
  row,
  most,
  scale,
  minSample,
}: {
  row: PromptTelemetryStats;
  most: number;
  scale: number;
  minSample: number;
}) {
  const { promptId, impressions, lastSurfaced } = row;
  const id = legible(promptId);
  const odd = id !== promptId;
  return (
    <tr>
      <th scope="row" title={odd ? `${id}: may look like another id` : id} className={odd ? 'ptp-flag' : ''}>
        {id}
      </th>
      <td>
        {formatCount(impressions)}
        <i className="ptp-bar" style={{ width: `calc((100% - 24px) * ${impressions / most})` }} />
      </td>
      <td>{formatCount(row.selections)}</td>
      <td>{formatCount(row.completions)}</td>
      <RateCell row={row} scale={scale} minSample={minSample} />
      <td>{formatDelta(row.avgEntropyDelta)}</td>
      <td>{formatDuration(row.avgDwellTimeMs)}</td>
      <td>
        {lastSurfaced ? (
          <time dateTime={lastSurfaced} title={new Date(lastSurfaced).toLocaleString()}>
            {formatAgo(Date.now() - Date.parse(lastSurfaced))}
          </time>
        ) : (
          NONE
        )}
      </td>
    </tr>
  );
}

const SkeletonRow = () => (
  <tr>
    {COLUMNS.map(({ field }) => (
      <td key={field}>
        <i className="ptp-skeleton" />
      </td>
    ))}
  </tr>
);

// The bars would all be dots if one prompt, shown once and clicked once, set their scale.
function rateScale(rows: readonly PromptTelemetryStats[], minSample: number): number {
  const highs = rows
    .filter(({ impressions }) => impressions >= minSample)
    .map(({ selections, impressions }) => wilsonInterval(selections, impressions)?.[1] ?? 0);
  return Math.max(...highs, 0) || 1;
}
