// One selection rate, told honestly: the rate, how far it can be trusted, and a flag where it cannot be right.

import type { PromptTelemetryStats } from '../core/index.js';
import { formatCount, formatShare, NONE } from './format.js';
import { wilsonInterval } from './wilson.js';

/** The cell for `row`; its bar runs from 0 to `scale`. */
export function RateCell({
  row,
  scale,
  minSample,
}: {
  row: PromptTelemetryStats;
  scale: number;
  minSample: number;
}) {
  const { impressions, selections } = row;
  if (selections > impressions) {
    const why = `${formatCount(selections)} selections of ${formatCount(impressions)} impressions: some impressions are missing`;
    return (
      <td title={why} className="ptp-flag">
        <b>{impressions ? `${formatShare(selections / impressions)} %` : NONE}</b>{' '}
        <span className="ptp-interval">
          <span aria-hidden>⚠ </span>over 100 %<span className="ptp-hidden">: {why}</span>
        </span>
      </td>
    );
  }
  const interval = wilsonInterval(selections, impressions);
  if (!interval) return <td>{NONE}</td>;
  const [low, high] = interval;
  const small = impressions < minSample;
  const place = (share: number) => `${Math.min(100, (share / scale) * 100)}%`;
  return (
    <td
      className={small ? 'ptp-small' : ''}
      title={small ? `Fewer than ${minSample} impressions: a small sample` : ''}
    >
      <b>{formatShare(selections / impressions)} %</b>{' '}
      <span className="ptp-interval">
        [{formatShare(low)}, {formatShare(high)}]{small && <span className="ptp-hidden"> small sample</span>}
      </span>
      <span aria-hidden className="ptp-range">
        <i style={{ left: place(low), right: `calc(100% - ${place(high)})` }} />
        <i style={{ left: place(selections / impressions) }} />
      </span>
    </td>
  );
}
