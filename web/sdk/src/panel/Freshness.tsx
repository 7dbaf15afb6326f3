// How old the numbers are, and whether they come by themselves. Ticks alone, so that the table does not render each second.

import { useEffect, useState } from 'react';
import { formatAgo } from './format.js';
import type { PromptPerformance } from './usePromptPerformance.js';
import { REFRESH_SECONDS } from './view.js';

/** "Updated 12 s ago", the steps of the refresh, and a button that refreshes now. */
export function Freshness({
  performance: { updatedAt, loading, refresh },
  seconds,
  onChange,
}: {
  performance: PromptPerformance;
  seconds: number;
  onChange: (seconds: number) => void;
}) {
  const now = useNow();
  const age = updatedAt === null ? null : now - updatedAt;
  const late = age !== null && seconds > 0 && age > 2_000 * seconds;
  return (
    <>
      <span className={late ? 'ptp-age ptp-flag' : 'ptp-age'}>
        {age === null ? '' : `Updated ${formatAgo(age)}`}
      </span>
      <label>
        Refresh
        <select value={seconds} onChange={({ target }) => onChange(Number(target.value))}>
          {REFRESH_SECONDS.map(each => (
            <option key={each} value={each}>
              {each === 0 ? 'Off' : each === 60 ? '1 m' : `${each} s`}
            </option>
          ))}
        </select>
      </label>
      <button type="button" aria-disabled={loading} onClick={() => loading || refresh()}>
        Refresh now
      </button>
    </>
  );
}

function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  // A new answer is not older than this render.
  return Math.max(now, Date.now());
}
