// Takes over what another tab, or this one before a reload, could not send. Two tabs may take over the same key at
// once: ingest counts an id once, so sending twice is harmless and no lock is needed.

import { type RecordedEvent, recordEvent } from './event.js';
import { type Queue, toEntry } from './queue.js';
import type { Shelf } from './storage.js';

// Two pages have only the wall clock in common. If it shows more than a year between them, it was set meanwhile.
const LONGEST_AGE_MS = 366 * 86_400_000;

/**
 * Moves the events of orphaned keys into an empty queue, and saves it before a key is removed. True when other keys
 * remain. `now` is the wall clock, `steadyNow` the queue's own.
 */
export const adoptOrphans = (
  shelf: Shelf,
  queue: Queue,
  now: number,
  steadyNow: number,
  random: () => number,
  save: () => void,
): boolean =>
  shelf.adopt(now, events => {
    // While our own events wait, others would crowd them out, and could be sent no sooner.
    if (queue.entries.length) return false;
    for (const event of events) {
      const recorded = recordEvent(event as RecordedEvent, now, random);
      if (!recorded) continue;
      const age = now - (recorded.timestamp ?? now);
      queue.push(toEntry(recorded, steadyNow - (age < LONGEST_AGE_MS ? age : 0)));
    }
    save();
    return true;
  });
