// The two things that a test must be able to hold still: time and chance. The defaults look the globals up at each
// call, so that fake timers and late polyfills are seen.

import { attempt } from './guard.js';

/** Time, as the SDK needs it. */
export interface Clock {
  /** The wall clock, in Unix milliseconds. It may be wrong, and it may jump. */
  now(): number;
  /** Milliseconds since any fixed moment, which no change of the wall clock touches. Without it, `now` is used. */
  monotonic?(): number;
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** The browser's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => attempt(() => performance.now()) ?? Date.now(),
  // A longer delay than this would end at once.
  setTimeout: (callback, delayMs) => setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1)),
  clearTimeout: handle => clearTimeout(handle as number),
};

/** Milliseconds for measuring a duration; only the difference of two values means anything. */
export const ticks = (clock: Clock): number => clock.monotonic?.() ?? clock.now();

// A waiting queue looks at the clock every 10 s, or every minute in a background tab.
const LONGEST_STEP_MS = 60_000;

/**
 * Counts milliseconds from 0 and never goes back. From one look to the next it adds at most a minute, so that neither a
 * jump of the wall clock nor a night asleep counts as waiting.
 */
export function steadyClock(clock: Clock): () => number {
  let last = ticks(clock);
  let passed = 0;
  return () => {
    const now = ticks(clock);
    passed += Math.min(LONGEST_STEP_MS, Math.max(0, now - last));
    last = now;
    return passed;
  };
}

/** A number in [0, 1) from the cryptographic source, or from `Math.random` where there is none (React Native). */
export const systemRandom = (): number =>
  attempt(() => (crypto.getRandomValues(new Uint32Array(1))[0] as number) / 2 ** 32) ?? Math.random();

/** A UUID of version 7: 48 bits of `now` (0 for a clock before 1970), then 74 random bits. */
export function uuidV7(now: number, random: () => number): string {
  const hex = (value: number) => Math.floor(value).toString(16);
  const time = hex(Math.max(0, now)).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7xxx-yxxx-xxxxxxxxxxxx`.replace(/[xy]/g, digit =>
    hex(digit === 'x' ? random() * 16 : 8 + random() * 4),
  );
}
