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

/** One queue's place in the storage. Nothing here throws: storage may be full, forbidden or absent. */
export interface Shelf {
  /** Writes the entries over what stood there (with none, removes the key) and adds new marks. True when entries are kept. */
  save(entries: readonly Entry[], now: number): boolean;
  /**
   * Offers the events of each queue of the endpoint whose owner is gone, and removes those that are taken. True when
   * other queues remain.
   */
  adopt(now: number, take: (events: unknown[]) => boolean): boolean;
  /** Removes all that is stored for the endpoint, and forgets the marks. */
  clear(): void;
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
        if (!entries.length) return store.removeItem(own);
        store.setItem(own, now + toBody(entries));
        return true;
      });
    },
    adopt: (now, take) => {
      let remaining = false;
      withStore(store => {
        for (const key of keys(store)) {
          if (key === own || key === prefix) continue;
          const events = orphaned(store.getItem(key) ?? '', now);
          if (events && take(events)) store.removeItem(key);
          else remaining = true;
        }
      });
      return remaining;
    },
    clear: () => {
      marks = undefined;
      withStore(store => {
        for (const key of keys(store)) store.removeItem(key);
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

// A key holds the time at which it was last touched, then the queue as a request's body. Returns the events, undefined
// while the owner may live. What cannot be read belongs to nobody and holds no events, so that it is removed.
function orphaned(text: string, now: number): unknown[] | undefined {
  const [touched = ''] = text.split('{', 1);
  return Math.abs(now - +touched) < ORPHAN_AFTER_MS
    ? undefined
    : (attempt(() => [...JSON.parse(text.slice(touched.length)).events]) ?? []);
}
