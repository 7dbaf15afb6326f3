// The queue that delivers: events wait for company, go out in order one request at a time, and stay (in memory and in
// storage) until ingest has answered for them by id. Knows nothing of prompts, sessions or React.

import { adoptOrphans } from './adoption.js';
import { retryDelay } from './backoff.js';
import { batchUrl, type TelemetryRequestOptions } from './client.js';
import { steadyClock, systemClock, systemRandom } from './clock.js';
import { deliver } from './delivery.js';
import { type PromptTelemetryEvent, type RecordedEvent, recordEvent } from './event.js';
import {
  isHidden,
  isOptedOut,
  isPrerendered,
  keepalive,
  type PageChange,
  sendBeacons,
  watchPage,
} from './exit.js';
import { createQueue, type Entry, type TelemetryStats, toBody, toEntry } from './queue.js';
import { openShelf, type TelemetryStorage } from './storage.js';

/**
 * Whether the person has agreed. While `pending`, events are held in memory and nothing leaves it; `denied` stops
 * everything at once and clears what waits, in memory and in storage.
 */
export type TelemetryConsent = 'granted' | 'denied' | 'pending';

/** How a batcher works; every part can be replaced. */
export interface TelemetryBatcherOptions extends Omit<TelemetryRequestOptions, 'signal'> {
  /** Events in one request, and how many waiting ones cause it at once. 10 by default; ingest takes up to 1,000. */
  maxSize?: number | undefined;
  /** How long the first waiting event waits for company, in milliseconds; 100 by default. */
  flushDelayMs?: number | undefined;
  /** Hears of events given up because ingest or this client refused them. What it throws is swallowed. */
  onError?: ((error: Error, events: PromptTelemetryEvent[]) => void) | undefined;
  /** Bytes of waiting events past which the oldest impressions are dropped; 262,144 by default. */
  maxQueueBytes?: number | undefined;
  /** Age past which an unsent event is dropped, in milliseconds; seven days by default. */
  maxAgeMs?: number | undefined;
  /** `granted` by default. Global Privacy Control counts as `denied`, whatever this says. */
  consent?: TelemetryConsent | undefined;
  /** Used in place of localStorage; null keeps nothing beyond the page. */
  storage?: TelemetryStorage | null | undefined;
  /** Used in place of the cryptographic source, for ids and jitter: a number in [0, 1). */
  random?: (() => number) | undefined;
}

/** A queue of events on their way to ingest. No method throws, and no promise of it rejects. */
export interface TelemetryBatcher {
  /** Whether consent and privacy signals let events be recorded at all. */
  accepts(): boolean;
  /**
   * Takes an event, and sends it at once if it is a selection or a completion. Null when it was dropped, or when `once`
   * was given before, on this page or (as far as the storage remembers) on another of the same endpoint.
   */
  add(event: PromptTelemetryEvent, once?: string): RecordedEvent | null;
  /** Listens to the page and takes over what a former page or a lost tab could not send; `add` does it too. */
  open(): void;
  /** Sends what waits. Resolves when nothing waits any more, or when a failure or the server asks for patience. */
  flush(): Promise<void>;
  /** Sends what waits in a way that outlives the page, as happens by itself when the page is hidden or left. */
  leave(): void;
  /** Flushes, then lets go of timers and listeners. Adding to it again takes them up again. */
  close(): Promise<void>;
  /** Changes consent, with effect at once. */
  setConsent(consent: TelemetryConsent): void;
  stats(): TelemetryStats;
}

const WEEK_MS = 7 * 86_400_000;
// How often a queue that waits shows that it lives, well within the time after which its key is taken over.
const WAKE_MS = 10_000;
const AT_ONCE = ['selection', 'completion'];

/** Makes a batcher. It does nothing, not even listen, until the first `add`, `open` or `flush`. */
export function createTelemetryBatcher(options: TelemetryBatcherOptions = {}): TelemetryBatcher {
  const { maxSize = 10, flushDelayMs = 100, maxQueueBytes = 262_144, maxAgeMs = WEEK_MS } = options;
  const { clock = systemClock, random = systemRandom } = options;
  const queue = createQueue(maxQueueBytes, options.onError);
  const shelf = openShelf(options.baseUrl, random(), options.storage);
  let { consent = 'granted' } = options;
  let limit = maxSize;
  let requests = 0;
  let failures = 0;
  const steady = steadyClock(clock);
  // Nothing goes before both of these, by the steady clock: when events are due, and when a pause ends.
  let dueAt = 0;
  let resumeAt = 0;
  let serverAsked = false;
  let othersWait = false;
  let timer: unknown;
  let unwatch: (() => void) | undefined;
  const idle: (() => void)[] = [];

  const accepts = () => consent !== 'denied' && !isOptedOut();
  // Nobody may ever see a prerendered page: until then, nothing of it leaves the memory.
  const mayRun = () => consent === 'granted' && accepts() && !isPrerendered();
  const save = () => mayRun() && shelf.save(queue.entries, clock.now());

  // The one place that decides what happens next: a request now, or a timer, or nothing.
  function run() {
    clock.clearTimeout(timer);
    if (!accepts()) clear();
    if (requests) return;
    if (mayRun()) {
      const now = steady();
      queue.drop(
        queue.entries.filter(({ at }) => now - at > maxAgeMs),
        'expired',
      );
      const waiting = queue.entries;
      const wait = Math.ceil(Math.max(dueAt, resumeAt) - now) || 0;
      if (waiting.length && wait <= 0) return void send(waiting.slice(0, Math.max(1, limit) || 1), false);
      if (unwatch && (waiting.length || othersWait)) {
        timer = clock.setTimeout(wake, waiting.length ? Math.min(WAKE_MS, wait) : WAKE_MS);
      }
    }
    for (const resolve of idle.splice(0)) resolve();
  }

  async function send(entries: readonly Entry[], leaving: boolean) {
    requests++;
    const delivery = deliver(entries, queue, options, leaving);
    save();
    const verdict = await delivery;
    requests--;
    for (const entry of entries) entry.leaving = false;
    // What came in meanwhile need not wait for company any more.
    dueAt = resumeAt = steady();
    if (verdict instanceof Error) {
      serverAsked = verdict.retryAfter !== null;
      resumeAt += retryDelay(++failures, verdict.retryAfter, random());
    } else {
      failures = 0;
      // What was too much may have been one event; once a smaller batch has passed, full ones are tried again.
      limit = verdict === 'halve' ? Math.min(limit, entries.length >> 1) : maxSize;
    }
    save();
    run();
  }

  function wake() {
    othersWait = mayRun() && adoptOrphans(shelf, queue, clock.now(), steady(), random, save);
    run();
    // A touch, so that nobody takes over what is still in hand.
    if (!requests) save();
  }

  function leave() {
    const waiting = queue.entries.filter(entry => !entry.leaving);
    const kept = save();
    if (!waiting.length || !mayRun() || (kept && serverAsked && steady() < resumeAt)) return;
    let { room } = keepalive;
    const fitting = waiting.filter(({ bytes }) => {
      room -= bytes;
      return room >= 0;
    });
    const beacons = sendBeacons(batchUrl(options), waiting.slice(fitting.length), toBody);
    const rest = waiting.slice(fitting.length + beacons);
    for (const entry of waiting) entry.leaving = !rest.includes(entry);
    if (fitting.length) void send(fitting, true);
    // Neither keepalive nor beacons: a page that is only hidden may still get it through.
    else if (rest.length) void send(rest, false);
  }

  function changed(change: PageChange) {
    if (change === 'pagehide' || isHidden()) return leave();
    // A page shown again has no answer for what it sent by beacon: sending it once more settles it.
    for (const entry of queue.entries) entry.leaving = false;
    hurry();
  }

  function open() {
    if (accepts()) unwatch ??= watchPage(changed);
    wake();
  }

  function hurry() {
    dueAt = 0;
    if (!serverAsked) resumeAt = 0;
    open();
  }

  function add(event: PromptTelemetryEvent, once?: string): RecordedEvent | null {
    const now = steady();
    if (!accepts()) {
      run();
      return queue.refuse(event, 'consent');
    }
    if (once && !shelf.mark(once)) return null;
    const recorded = recordEvent(event, clock.now(), random);
    if (!recorded) return queue.refuse(event, 'invalid', new TypeError('promptId or sessionId'));
    const first = !queue.entries.length;
    const entry = toEntry(recorded, now);
    queue.push(entry);
    const atOnce = AT_ONCE.includes(recorded.eventType);
    if (first) dueAt = now + flushDelayMs;
    if (atOnce || queue.entries.filter(({ sending }) => !sending).length >= maxSize) dueAt = now;
    if (unwatch) run();
    else open();
    if (atOnce && !entry.sending) save();
    return recorded;
  }

  function flush(): Promise<void> {
    return new Promise(resolve => {
      idle.push(resolve);
      hurry();
    });
  }

  function stop() {
    unwatch?.();
    unwatch = undefined;
    clock.clearTimeout(timer);
  }

  function clear() {
    queue.drop(queue.entries, 'consent');
    shelf.clear();
    stop();
  }

  return {
    accepts,
    add,
    open,
    flush,
    leave,
    close: () => flush().then(stop),
    setConsent: next => {
      consent = next;
      open();
    },
    stats: queue.stats,
  };
}
