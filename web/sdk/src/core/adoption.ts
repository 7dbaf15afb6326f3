// Takes over what another tab, or this one before a reload, could not send. Two tabs may take over the same key at
// once: ingest counts an id once, so sending twice is harmless and no lock is needed.

import { type RecordedEvent, recordEvent } from './event.js';
import { type Queue, toEntry } from './queue.js';
import type { Shelf } from './storage.js';

/** Moves an orphan's events into an empty queue, saving it before the key is removed. True when other keys remain. */
export function adoptOrphans(
  shelf: Shelf,
  queue: Queue,
  now: number,
  random: () => number,
  save: () => void,
): boolean {
  let remaining = false;
  for (const { key, events } of shelf.others(now)) {
    // While our own events wait, others would crowd them out, and could be sent no sooner.
    if (!events || queue.entries.length) {
      remaining = true;
      continue;
    }
    for (const event of events) {
      const recorded = recordEvent(event as RecordedEvent, now, random);
      if (recorded) queue.push(toEntry(recorded));
    }
    save();
    shelf.remove(key);
  }
  return remaining;
}
