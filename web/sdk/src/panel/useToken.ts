// Keeps the read token that a person typed in for as long as the tab lives: in sessionStorage, so that a reload does
// not ask again, or only in memory where that is forbidden.

import { useCallback, useState } from 'react';

const KEY = 'prompt-telemetry:read-token';

/** The token, empty until one is known, and how to set it. */
export function useToken(): [string, (token: string) => void] {
  const [token, setToken] = useState(() => attempt(store => store.getItem(KEY)) ?? '');
  const keep = useCallback((next: string) => {
    setToken(next);
    attempt(store => store.setItem(KEY, next));
  }, []);
  return [token, keep];
}

function attempt<T>(action: (store: Storage) => T): T | null {
  try {
    return action(sessionStorage);
  } catch {
    return null;
  }
}
