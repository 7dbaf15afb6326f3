// Where unsent events survive a page: one localStorage key a queue, so that tabs never write over each other. A key
// is touched while its queue lives; one untouched for 30 s is anybody's. Knows nothing of sending.

import { attempt } from './guard.js';
import { type Entry, toBody } from './queue.js';

/** The part of the Storage interface that is used. */
export type TelemetryStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

// The newest marks are kept: in memory by number, in storage by characters (some 4,000 impressions).
const MARKS = 50_000;
const MARKS_CHARS = 262_144;

/** How long a key may lie untouched before another tab takes it over, in milliseconds. */
export const ORPHAN_AFTER_MS = 30_000;

/** What another queue left. `events` is null while its owner may still live. */
export interface Leftover {
  key: string;
  events: unknown[] | null;
}

/** One queue's place in the storage. Nothing here throws: storage may be full, forbidden or absent. */
export interface Shelf {
  /** Writes the entries over what stood there (with none, removes the key) and adds new marks. True when entries are kept. */
  save(entries: readonly Entry[], now: number): boolean;
  /** What other queues for the same endpoint left. */
  others(now: number): Leftover[];
  /** Removes one key, or all of the endpoint's, the marks included; those in memory too. */
  remove(key?: string): void;
  /** Remembers the mark, from the next `save` on for every queue of the endpoint. False when it was known. */
  mark(mark: string): boolean;
}

/** Opens a shelf for one endpoint; `id` (0..1) tells it from other queues'. Without `storage`, the browser's localStorage is used. */
export function openShelf(baseUrl: string | undefined, id: number, storage?: TelemetryStorage | null): Shelf {
  // A space, since no address holds one: one endpoint's prefix is never the start of another's key.
  const prefix = `prompt-telemetry ${baseUrl ?? ''} `;
  const own = prefix + id;
  let marks: Set<string> | undefined;
  let marked = false;
  let written = false;

  // Reading `localStorage` itself throws where cookies are blocked, and so does using a storage that is null.
  const withStore = <T>(action: (store: TelemetryStorage) => T): T | undefined =>
    attempt(() => action((storage === undefined ? localStorage : storage) as TelemetryStorage));
  const keys = (store: TelemetryStorage) =>
    Array.from({ length: store.length }, (_, index) => store.key(index) ?? '').filter(key =>
      key.startsWith(prefix),
    );

  // They lie under the prefix itself, so that removing all removes them too. A set keeps its order: oldest first.
  const recall = () => withStore(store => store.getItem(prefix))?.split('\0') ?? [];
  const saveMarks = (store: TelemetryStorage) => {
    marks = new Set([...recall(), ...(marks ?? [])].slice(-MARKS));
    marked = false;
    store.setItem(prefix, [...marks].join('\0').slice(-MARKS_CHARS));
  };

  return {
    save: (entries, now) => {
      if (marked) withStore(saveMarks);
      return !!withStore(store => {
        if (entries.length) store.setItem(own, now + toBody(entries));
        else if (written) store.removeItem(own);
        written = entries.length > 0;
        return written;
      });
    },
    others: now =>
      withStore(store =>
        keys(store)
          .filter(key => key !== own && key !== prefix)
          .map(key => read(key, store.getItem(key) ?? '', now)),
      ) ?? [],
    remove: key => {
      if (!key) marks = undefined;
      withStore(store => {
        for (const each of key ? [key] : keys(store)) store.removeItem(each);
      });
    },
    mark: mark => {
      marks ??= new Set(recall());
      if (marks.has(mark)) return false;
      marks.add(mark);
      marked = true;
      return true;
    },
  };
}

// A shelf holds the time it was last touched, then the queue as a request's body. What cannot be read is nobody's and
// holds nothing, so that it is cleared away.
function read(key: string, text: string, now: number): Leftover {
  const [at = ''] = text.split('{', 1);
  if (Math.abs(now - +at) < ORPHAN_AFTER_MS) return { key, events: null };
  return { key, events: attempt(() => [...JSON.parse(text.slice(at.length)).events]) ?? [] };
}
