// Where unsent events survive a page: one localStorage key a queue, so that tabs never write over each other. A key
// is touched while its queue lives; one untouched for 30 s is anybody's. Knows nothing of sending.

import { attempt } from './guard.js';
import { type Entry, toBody } from './queue.js';

/** The part of the Storage interface that is used. */
export type TelemetryStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

/** How long a key may lie untouched before another tab takes it over, in milliseconds. */
export const ORPHAN_AFTER_MS = 30_000;

/** What another queue left. `events` is null while its owner may still live. */
export interface Leftover {
  key: string;
  events: unknown[] | null;
}

/** One queue's place in the storage. Nothing here throws: storage may be full, forbidden or absent. */
export interface Shelf {
  /** Writes the entries over what stood there; with none, removes the key. True when they are kept. */
  save(entries: readonly Entry[], now: number): boolean;
  /** What other queues for the same endpoint left. */
  others(now: number): Leftover[];
  /** Removes one key, or all of the endpoint's. */
  remove(key?: string): void;
}

/** Opens a shelf for one endpoint; `id` (0..1) tells it from other queues'. Without `storage`, the browser's localStorage is used. */
export function openShelf(baseUrl: string | undefined, id: number, storage?: TelemetryStorage | null): Shelf {
  // A space, since no address holds one: one endpoint's prefix is never the start of another's key.
  const prefix = `prompt-telemetry ${baseUrl ?? ''} `;
  const own = prefix + id;
  let written = false;

  // Reading `localStorage` itself throws where cookies are blocked, and so does using a storage that is null.
  const withStore = <T>(action: (store: TelemetryStorage) => T): T | undefined =>
    attempt(() => action((storage === undefined ? localStorage : storage) as TelemetryStorage));
  const keys = (store: TelemetryStorage) =>
    Array.from({ length: store.length }, (_, index) => store.key(index) ?? '').filter(key =>
      key.startsWith(prefix),
    );

  return {
    save: (entries, now) =>
      !!withStore(store => {
        if (entries.length) store.setItem(own, now + toBody(entries));
        else if (written) store.removeItem(own);
        written = entries.length > 0;
        return written;
      }),
    others: now =>
      withStore(store =>
        keys(store)
          .filter(key => key !== own)
          .map(key => read(key, store.getItem(key) ?? '', now)),
      ) ?? [],
    remove: key =>
      withStore(store => {
        for (const each of key ? [key] : keys(store)) store.removeItem(each);
      }),
  };
}

// A shelf holds the time it was last touched, then the queue as a request's body. What cannot be read is nobody's and
// holds nothing, so that it is cleared away.
function read(key: string, text: string, now: number): Leftover {
  const [at = ''] = text.split('{', 1);
  if (Math.abs(now - +at) < ORPHAN_AFTER_MS) return { key, events: null };
  return { key, events: attempt(() => [...JSON.parse(text.slice(at.length)).events]) ?? [] };
}
