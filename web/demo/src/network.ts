// A fetch that fails while a switch is on, so that one can see the queue hold and recover. The SDK gets it in place of
// the browser's own.

import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
let failing = false;

/** Whether requests fail now. */
export const isFailing = () => failing;

/** Turns the switch. */
export function setFailing(next: boolean) {
  failing = next;
  for (const listener of listeners) listener();
}

/** Whether requests fail now, for a component. */
export const useFailing = () =>
  useSyncExternalStore(listener => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, isFailing);

/** The browser's fetch, or a failure as of a cut cable. */
export const switchableFetch: typeof fetch = (...request) =>
  failing ? Promise.reject(new TypeError('the network switch is off')) : fetch(...request);
