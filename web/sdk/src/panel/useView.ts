// Keeps the view in the page's URL, so that a link shows what its sender saw, or in memory where the host wants its
// URL left alone. Either way the view lives as one text of parameters.

import { useCallback, useMemo, useState, useSyncExternalStore } from 'react';
import { type PerformanceView, parseView, writeView } from './view.js';

/** Changes the view as it is at that moment, which may be newer than the one last rendered. */
export type ChangeView = (update: (view: PerformanceView) => PerformanceView) => void;

const listeners = new Set<() => void>();

function subscribe(listener: () => void) {
  listeners.add(listener);
  window.addEventListener('popstate', listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener('popstate', listener);
  };
}

const fromUrl = () => location.search;
const onServer = () => '';

/** The view and how to change it. With a `prefix` it stands in the URL under names that start so; with null, in memory. */
export function useView(prefix: string | null): [PerformanceView, ChangeView] {
  const [kept, keep] = useState('');
  const search = useSyncExternalStore(subscribe, fromUrl, onServer);
  const parameters = prefix === null ? kept : search;
  const view = useMemo(() => parseView(parameters, prefix ?? ''), [parameters, prefix]);

  const setView = useCallback<ChangeView>(
    update => {
      if (prefix === null) return keep(before => writeView('', '', update(parseView(before, ''))));
      const { pathname, hash, search } = location;
      const text = writeView(search, prefix, update(parseView(search, prefix)));
      // Replaced, not pushed: "back" leaves the panel instead of undoing each letter of a search.
      history.replaceState(history.state, '', pathname + (text && `?${text}`) + hash);
      for (const listener of listeners) listener();
    },
    [prefix],
  );
  return [view, setView];
}
