// The two things that a test must be able to hold still: time and chance. The defaults look the globals up at each
// call, so that fake timers and late polyfills are seen.

import { attempt } from './guard.js';

/** Time, as the SDK needs it. `now` is in Unix milliseconds. */
export interface Clock {
  now(): number;
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** The browser's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: handle => clearTimeout(handle as number),
};

/** A number in [0, 1) from the cryptographic source, or from `Math.random` where there is none (React Native). */
export const systemRandom = (): number =>
  attempt(() => (crypto.getRandomValues(new Uint32Array(1))[0] as number) / 2 ** 32) ?? Math.random();

/** A UUID of version 7: 48 bits of `now`, then 74 random bits. */
export function uuidV7(now: number, random: () => number): string {
  const hex = (digits: number, value = random() * 16 ** digits) =>
    Math.floor(value).toString(16).padStart(digits, '0');
  const text = `${hex(12, now)}7${hex(3)}${hex(1, 8 + random() * 4)}${hex(3)}${hex(6)}${hex(6)}`;
  return text.replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
