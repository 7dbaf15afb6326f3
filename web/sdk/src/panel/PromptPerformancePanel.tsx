// The operator's panel: what each prompt brought, sorted, filtered and paged by the server. Puts the view, the reading
// and the parts together; holds no state of its own.

import { type CSSProperties, useEffect, useId } from 'react';
import type { TelemetryRequestOptions } from '../core/index.js';
import { COLUMNS } from './columns.js';
import { Filters } from './Filters.js';
import { Freshness } from './Freshness.js';
import { formatCount } from './format.js';
import { Empty, Failure, Unauthorised } from './Notice.js';
import { Pager } from './Pager.js';
import { PerformanceTable } from './PerformanceTable.js';
import { CSS } from './styles.js';
import { useExport } from './useExport.js';
import { fromIngest, type PerformanceFetcher, usePromptPerformance } from './usePromptPerformance.js';
import { useToken } from './useToken.js';
import { useView } from './useView.js';
import { changeView, isFiltered, type SortField, toQuery, withoutFilters } from './view.js';

/** How the panel reads, and how it looks. Everything is optional. */
export interface PromptPerformancePanelProps
  extends Pick<TelemetryRequestOptions, 'baseUrl' | 'headers' | 'fetch'> {
  /**
   * Reads in place of the built-in request, to put a query library of the host's under the panel. The read token is
   * kept beyond a reload only with a `baseUrl`, which says whose token it is.
   */
  fetcher?: PerformanceFetcher | undefined;
  /** The heading; "Prompt performance" by default. */
  title?: string | undefined;
  /** Lens ids that the filter proposes. */
  lenses?: readonly string[] | undefined;
  /** Rates on fewer impressions than this are greyed; 30 by default. */
  minSample?: number | undefined;
  /** What the names of the panel's URL parameters start with; nothing by default. Null leaves the URL alone. */
  urlPrefix?: string | null | undefined;
  /** `light`, `dark`, `inherit` to follow the host's own `color-scheme`, or by the person's system by default. */
  colorScheme?: CSSProperties['colorScheme'];
  /** Another value reads at once. */
  refreshKey?: string | number | undefined;
  /** For a content security policy that lets styles in by nonce. */
  nonce?: string | undefined;
}

/** A table of how each suggested prompt performs. */
export function PromptPerformancePanel(props: PromptPerformancePanelProps) {
  const { title = 'Prompt performance', lenses = [], minSample = 30, urlPrefix = '' } = props;
  const { colorScheme = 'light dark', refreshKey, nonce, baseUrl, headers, fetch } = props;
  const heading = useId();
  const [view, setView] = useView(urlPrefix);
  const [token, setToken] = useToken(props.fetcher && !baseUrl ? undefined : serverOf(baseUrl));
  const change = (part: Partial<typeof view>) => setView(before => changeView(before, part));

  const fetcher = props.fetcher ?? fromIngest({ baseUrl, headers, fetch });
  const query = toQuery(view);
  const refreshMs = view.refreshSeconds * 1_000;
  const performance = usePromptPerformance({ query, fetcher, token, refreshMs, refreshKey });
  const { data, error, current, loading, unauthorised, refresh } = performance;
  const [exported, save] = useExport(fetcher, query, token);

  // Rows that went away, or a link from another day, can leave the page behind the last one.
  const lastPage = data ? Math.max(0, Math.ceil(data.total / view.size) - 1) : view.page;
  useEffect(() => {
    if (current && view.page > lastPage) setView(before => ({ ...before, page: lastPage }));
  }, [current, view.page, lastPage, setView]);

  const sortBy = (sort: SortField) => {
    const first = sort === 'promptId' ? 'asc' : 'desc';
    const other = view.order === 'asc' ? 'desc' : 'asc';
    change({ sort, order: sort === view.sort ? other : first });
  };
  const sorted = COLUMNS.find(({ field }) => field === view.sort)?.title.toLowerCase();
  const direction = view.order === 'asc' ? 'ascending' : 'descending';
  const content = () => {
    if (unauthorised) return <Unauthorised refused={!!token && !loading} onToken={setToken} />;
    if (!data && error) return <Failure error={error} onRetry={refresh} />;
    if (data && !data.prompts.length && view.page <= lastPage)
      return <Empty filtered={isFiltered(view)} onClear={() => setView(withoutFilters)} />;
    return (
      <PerformanceTable
        caption={`${title}, sorted by ${sorted}, ${direction}`}
        rows={data?.prompts ?? null}
        busy={!current}
        {...{ view, minSample }}
        onSort={sortBy}
      />
    );
  };

  return (
    <section className="ptp" aria-labelledby={heading} style={{ colorScheme }}>
      <style nonce={nonce}>{CSS}</style>
      <header>
        <h2 id={heading}>{title}</h2>
        <Freshness
          performance={performance}
          seconds={view.refreshSeconds}
          onChange={refreshSeconds => change({ refreshSeconds })}
        />
        <button type="button" onClick={save}>
          Save as CSV
        </button>
      </header>
      <Filters view={view} lenses={lenses} onChange={change} />
      {/* Empty or not, it keeps its place: a message moves nothing. */}
      <p className="ptp-status">
        {data && error && !unauthorised ? (
          <span role="alert" className="ptp-flag">
            Refresh failed: {error.message}.{' '}
            {current ? 'The rows are from before.' : 'The rows answer the view before.'}
          </span>
        ) : (
          <span role="status">{exported}</span>
        )}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard too */}
      <section className="ptp-scroll" tabIndex={0} aria-label={`${title}: table`}>
        {content()}
      </section>
      <span role="status" className="ptp-hidden">
        {data && current ? `${formatCount(data.total)} prompts, sorted by ${sorted}, ${direction}` : ''}
      </span>
      <Pager
        view={view}
        shown={current ? (data?.prompts.length ?? 0) : 0}
        total={data?.total ?? 0}
        onChange={change}
      />
    </section>
  );
}

// The full address, so that the same relative one on two hosts, and two spellings of one server, are told apart or not.
function serverOf(baseUrl = '/api/telemetry'): string {
  return typeof location === 'undefined' ? baseUrl : new URL(baseUrl, location.href).href.replace(/\/$/, '');
}
