// A machine for the tests: its clock can be set, and it can sleep. Timers run on time that passes awake.

import type { Clock } from '../src/core/index.js';

export interface Machine extends Clock {
  /** Sets the wall clock, forward or back. */
  set(ms: number): void;
  /** The lid is closed: the wall clock goes on, timers stand still, and so does the monotonic clock of some browsers. */
  sleep(ms: number): void;
  /** Time passes, awake. */
  pass(ms: number): Promise<void>;
}

/** Which monotonic clock a browser has: none, one that stops in sleep, or one that goes on. */
export type Monotonic = 'none' | 'stops' | 'goes on';

export const MONOTONIC: Monotonic[] = ['none', 'stops', 'goes on'];

export function createMachine(monotonic: Monotonic, start = Date.UTC(2026, 5, 1)): Machine {
  const timers = new Map<number, { callback: () => void; left: number }>();
  let wall = start;
  let ticks = 0;
  let last = 0;
  const elapse = (ms: number) => {
    wall += ms;
    ticks += ms;
    for (const timer of timers.values()) timer.left -= ms;
  };
  return {
    now: () => wall,
    ...(monotonic !== 'none' && { monotonic: () => ticks }),
    setTimeout: (callback, delayMs) => {
      timers.set(++last, { callback, left: Math.max(0, delayMs) });
      return last;
    },
    clearTimeout: handle => void timers.delete(handle as number),
    set: ms => {
      wall += ms;
    },
    sleep: ms => {
      wall += ms;
      if (monotonic === 'goes on') ticks += ms;
    },
    pass: async ms => {
      await settle();
      for (let left = ms; ; ) {
        const [next] = [...timers].sort(([, a], [, b]) => a.left - b.left);
        if (!next || next[1].left > left) return elapse(left);
        left -= next[1].left;
        elapse(next[1].left);
        timers.delete(next[0]);
        next[1].callback();
        await settle();
      }
    },
  };
}

/** Lets every promise that is ready go on. */
async function settle() {
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve));
}
