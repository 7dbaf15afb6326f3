// The columns, in order: the field each shows and sorts by, its title, and its explanation. Widths are fixed, so that
// no number that comes in moves the others.

import type { SortField } from './view.js';

/** One column. */
export interface Column {
  field: SortField;
  title: string;
  /** Shown when a person points at the title. */
  hint: string;
  /** Share of the table's width. */
  width: string;
}

export const COLUMNS: readonly Column[] = [
  { field: 'promptId', title: 'Prompt', hint: 'The prompt’s id', width: '25%' },
  { field: 'impressions', title: 'Shown', hint: 'Impressions', width: '10%' },
  { field: 'selections', title: 'Selected', hint: 'Selections', width: '10%' },
  { field: 'completions', title: 'Completed', hint: 'Completions', width: '11%' },
  {
    field: 'selectionRate',
    title: 'Selection rate',
    hint: 'Selections per impression, with its 95 % interval',
    width: '20%',
  },
  {
    field: 'avgEntropyDelta',
    title: 'Δ entropy',
    hint: 'Average change of entropy, over completions',
    width: '11%',
  },
  {
    field: 'avgDwellTimeMs',
    title: 'Dwell',
    hint: 'Average time to the person’s next action, over completions',
    width: '10%',
  },
  { field: 'lastSurfaced', title: 'Last event', hint: 'Newest event of any kind', width: '12%' },
];
