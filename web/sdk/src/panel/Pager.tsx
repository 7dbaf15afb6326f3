// Which of the rows are shown, and the way to the others.

import { formatCount } from './format.js';
import { PAGE_SIZES, type PerformanceView } from './view.js';

/** "26–50 of 98 prompts", back and forth, and the rows on a page. */
export function Pager({
  view,
  shown,
  total,
  onChange,
}: {
  view: PerformanceView;
  shown: number;
  total: number;
  onChange: (change: Partial<PerformanceView>) => void;
}) {
  const before = view.page * view.size;
  const turn = (label: string, page: number, possible: boolean) => (
    // Not `disabled`: that would throw the focus away at the last page.
    <button type="button" aria-disabled={!possible} onClick={() => possible && onChange({ page })}>
      {label}
    </button>
  );
  return (
    <nav aria-label="Pages of prompts" className="ptp-pager">
      <span>
        {shown ? `${formatCount(before + 1)}–${formatCount(before + shown)} of ` : ''}
        {formatCount(total)} {total === 1 ? 'prompt' : 'prompts'}
      </span>
      <label>
        Rows
        <select value={view.size} onChange={({ target }) => onChange({ size: Number(target.value) })}>
          {PAGE_SIZES.map(size => (
            <option key={size}>{size}</option>
          ))}
        </select>
      </label>
      {turn('Previous', view.page - 1, view.page > 0)}
      {turn('Next', view.page + 1, before + shown < total)}
    </nav>
  );
}
