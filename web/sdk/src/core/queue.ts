// What waits to be sent, and the account of what became of it. Each event is kept as the JSON text it was recorded
// with, so that a retry, a beacon and a stored copy are the same bytes. Knows nothing of time, storage or requests.

import type { PromptTelemetryEvent, RecordedEvent } from './event.js';
import { toJson } from './guard.js';

/** One event in the queue. */
export interface Entry {
  readonly id: string;
  readonly impression: boolean;
  /** When it was recorded, by the queue's steady clock. */
  readonly at: number;
  readonly json: string;
  readonly bytes: number;
  /** How many requests carry it at this moment. */
  sending: number;
  /** Whether it has been handed to the browser to outlive the page. */
  leaving: boolean;
}

/** Why an event was given up. */
export type DropReason = 'queue_full' | 'expired' | 'rejected' | 'too_large' | 'invalid' | 'consent';

/** Counts of events since the batcher was made. */
export interface TelemetryStats {
  /** Waiting or on their way. */
  queued: number;
  /** Answered for by ingest. */
  sent: number;
  /** Put back for another try, counted at each failure. */
  retried: number;
  dropped: Record<DropReason, number>;
}

/** A bounded queue. An entry leaves it by id, when ingest has answered for it or when it is dropped; never by place. */
export interface Queue {
  entries: readonly Entry[];
  push(entry: Entry): void;
  /** Ingest has them. */
  settle(entries: readonly Entry[]): void;
  /** They stay, for another try. */
  putBack(entries: readonly Entry[]): void;
  /** Gives entries up; with an error, the host hears of it. */
  drop(entries: readonly Entry[], reason: DropReason, error?: Error): void;
  /** Counts an event that never got in. Returns null, for want of it. */
  refuse(event: PromptTelemetryEvent, reason: DropReason, error?: Error): null;
  stats(): TelemetryStats;
}

/** Freezes an event, recorded `at`, as it is now; what the host does to its objects later changes nothing. */
export function toEntry(event: RecordedEvent, at: number): Entry {
  const json = toJson(event);
  // Counted without TextEncoder, which jsdom and some web views lack.
  const bytes = encodeURIComponent(json).replace(/%../g, '.').length;
  const { id, eventType } = event;
  return {
    id,
    impression: eventType === 'impression',
    at,
    json,
    bytes,
    sending: 0,
    leaving: false,
  };
}

/** The request body that carries the entries. */
export const toBody = (entries: readonly Entry[]): string =>
  `{"events":[${entries.map(({ json }) => json)}]}`;

/** Bytes of all the entries. */
export const weigh = (entries: readonly Entry[]): number =>
  entries.reduce((sum, { bytes }) => sum + bytes, 0);

/** Makes an empty queue that holds `maxBytes` of events and tells `onError` of those given up for a fault. */
export function createQueue(
  maxBytes: number,
  onError?: (error: Error, events: PromptTelemetryEvent[]) => unknown,
): Queue {
  let sent = 0;
  let retried = 0;
  const dropped = { queue_full: 0, expired: 0, rejected: 0, too_large: 0, invalid: 0, consent: 0 };

  // Two requests may carry the same entry; only the first answer finds it here and is counted.
  const remove = (gone: readonly Entry[]) => {
    const before = queue.entries.length;
    queue.entries = queue.entries.filter(entry => !gone.includes(entry));
    return before - queue.entries.length;
  };
  // The host's callback may fail, now or in its promise: that is the host's affair and must not become ours.
  const account = (
    count: number,
    reason: DropReason,
    error: Error | undefined,
    events: () => PromptTelemetryEvent[],
  ) => {
    dropped[reason] += count;
    if (count && error) (async () => onError?.(error, events()))().catch(() => {});
  };

  const queue: Queue = {
    entries: [],
    push: entry => {
      queue.entries = [...queue.entries, entry];
      queue.drop(overflow(queue.entries, maxBytes), 'queue_full');
    },
    settle: entries => {
      sent += remove(entries);
    },
    putBack: entries => {
      retried += entries.length;
    },
    drop: (entries, reason, error) =>
      account(remove(entries), reason, error, () => entries.map(({ json }) => JSON.parse(json))),
    refuse: (event, reason, error) => {
      account(1, reason, error, () => [event]);
      return null;
    },
    stats: () => ({ queued: queue.entries.length, sent, retried, dropped: { ...dropped } }),
  };
  return queue;
}

/**
 * Which entries must go for the queue to fit `maxBytes`: the oldest impressions that are not on their way. What else
 * was recorded stays, until it alone is four times that size (thousands of clicks): then the newest goes.
 */
export function overflow(queue: readonly Entry[], maxBytes: number): Entry[] {
  const gone: Entry[] = [];
  let bytes = weigh(queue);
  for (const entry of queue) {
    if (bytes <= maxBytes) return gone;
    if (entry.impression && !entry.sending) {
      gone.push(entry);
      bytes -= entry.bytes;
    }
  }
  return bytes > 4 * maxBytes ? [...gone, ...queue.slice(-1)] : gone;
}
