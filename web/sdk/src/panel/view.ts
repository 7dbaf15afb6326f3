// What the panel is asked to show, and its form as URL parameters. Anything can stand in a URL, so what makes no
// sense there counts as absent. Knows nothing of React or requests.

import type { PerformanceQuery, PromptTelemetryStats } from '../core/index.js';

/** A field that the list can be sorted by. */
export type SortField = keyof PromptTelemetryStats;

/** What is shown: the filters, the order, the page, and how often it is read anew. */
export interface PerformanceView {
  sort: SortField;
  order: 'asc' | 'desc';
  /** From 0. */
  page: number;
  /** Rows on a page. */
  size: number;
  lens: string;
  stage: string;
  search: string;
  minImpressions: number;
  /** 0 is off. */
  refreshSeconds: number;
}

/** The stages that ingest knows. */
export const STAGES = ['genesis', 'exploration', 'synthesis', 'advocacy'];
/** What a person can choose from. */
export const PAGE_SIZES = [25, 50, 100];
/** What a person can choose from; 0 is off. */
export const REFRESH_SECONDS = [0, 5, 30, 60];
const SORT_FIELDS: readonly SortField[] = [
  'promptId',
  'impressions',
  'selections',
  'completions',
  'selectionRate',
  'avgEntropyDelta',
  'avgDwellTimeMs',
  'lastSurfaced',
];
// The largest number that ingest takes for counts and offsets.
const MAX_COUNT = 2 ** 31 - 1;

/** The view of a URL without parameters. */
export const DEFAULT_VIEW: PerformanceView = {
  sort: 'impressions',
  order: 'desc',
  page: 0,
  size: 25,
  lens: '',
  stage: '',
  search: '',
  minImpressions: 0,
  refreshSeconds: 30,
};
const NO_FILTER = { lens: '', stage: '', search: '', minImpressions: 0 };

/** Reads the view out of URL parameters whose names start with `prefix`. */
export function parseView(parameters: string, prefix: string): PerformanceView {
  const given = new URLSearchParams(parameters);
  const text = (name: string) => given.get(prefix + name) ?? '';
  const whole = (name: string) => (/^\d{1,10}$/.test(text(name)) ? Number(text(name)) : undefined);
  const oneOf = <T>(allowed: readonly T[], value: unknown, otherwise: T) =>
    allowed.find(each => each === value) ?? otherwise;
  const size = oneOf(PAGE_SIZES, whole('size'), DEFAULT_VIEW.size);
  return {
    sort: oneOf(SORT_FIELDS, text('sort'), DEFAULT_VIEW.sort),
    order: text('order') === 'asc' ? 'asc' : 'desc',
    page: Math.min(Math.max(1, whole('page') ?? 1) - 1, Math.floor(MAX_COUNT / size)),
    size,
    lens: text('lens'),
    stage: oneOf(STAGES, text('stage'), ''),
    search: text('search'),
    minImpressions: Math.min(MAX_COUNT, whole('min') ?? 0),
    refreshSeconds: oneOf(REFRESH_SECONDS, whole('refresh'), DEFAULT_VIEW.refreshSeconds),
  };
}

/** Writes the view into URL parameters. What is as by default is left out; what is not the panel's stays. */
export function writeView(parameters: string, prefix: string, view: PerformanceView): string {
  const result = new URLSearchParams(parameters);
  const defaults = toParameters(DEFAULT_VIEW);
  for (const [name, value] of Object.entries(toParameters(view))) {
    if (value === defaults[name]) result.delete(prefix + name);
    else result.set(prefix + name, value);
  }
  return result.toString();
}

function toParameters({ page, minImpressions, refreshSeconds, ...rest }: PerformanceView) {
  const values = { ...rest, page: page + 1, min: minImpressions, refresh: refreshSeconds };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

/** The view with part of it changed. Another filter, order or size starts again at the first page. */
export const changeView = (view: PerformanceView, change: Partial<PerformanceView>): PerformanceView => ({
  ...view,
  page: 'refreshSeconds' in change ? view.page : 0,
  ...change,
});

/** The same view without filters. */
export const withoutFilters = (view: PerformanceView) => changeView(view, NO_FILTER);

/** Whether any filter leaves prompts out. */
export const isFiltered = ({ lens, stage, search, minImpressions }: PerformanceView): boolean =>
  !!(lens || stage || search || minImpressions);

/** What to ask ingest for. */
export const toQuery = (view: PerformanceView): PerformanceQuery => ({
  limit: view.size,
  offset: view.page * view.size,
  sort: view.sort,
  order: view.order,
  lens: view.lens || undefined,
  stage: view.stage || undefined,
  search: view.search || undefined,
  minImpressions: view.minImpressions || undefined,
});
