// A machine and its browser tabs, as far as the SDK can tell. The machine's clock runs faster than ours and can be set;
// the machine can sleep. A tab is a batcher over a storage that it shares with other tabs; it can be reloaded and closed.

import {
  type Clock,
  createTelemetryBatcher,
  type TelemetryBatcher,
  type TelemetryStorage,
} from '../../src/core/index.js';
import { impression } from '../samples.js';

/** Which monotonic clock a browser has: none, one that stops in sleep, or one that goes on. */
export type Monotonic = 'none' | 'stops' | 'goes on';

export interface Machine {
  /** How often what has happened to it. */
  met: { set: number; sleep: number };
  /** Sets the wall clock, forward or back. */
  set(ms: number): void;
  /** Closes the lid: for 30 ms of ours no timer fires, and then `ms` of the machine's time have gone by. */
  sleep(ms: number): Promise<void>;
  clock(monotonic: Monotonic, isShut: () => boolean): Clock;
}

export function createMachine(timeFactor: number): Machine {
  const born = Date.now();
  const met = { set: 0, sleep: 0 };
  let set = 0;
  let slept = 0;
  let asleep = false;
  let missed: (() => void)[] = [];
  const awake = () => (Date.now() - born) * timeFactor;
  return {
    met,
    set: ms => {
      met.set++;
      set += ms;
    },
    sleep: async ms => {
      asleep = true;
      await new Promise(resolve => setTimeout(resolve, 30));
      met.sleep++;
      slept += ms;
      asleep = false;
      for (const callback of missed.splice(0)) callback();
    },
    clock: (monotonic, isShut) => ({
      now: () => born + awake() + slept + set,
      ...(monotonic !== 'none' && { monotonic: () => awake() + (monotonic === 'goes on' ? slept : 0) }),
      setTimeout: (callback, delayMs) => {
        const timer = { cleared: false };
        const fire = () => {
          if (asleep) missed = [...missed, fire];
          else if (!timer.cleared && !isShut()) callback();
        };
        setTimeout(fire, delayMs / timeFactor);
        return timer;
      },
      clearTimeout: handle => {
        if (handle) (handle as { cleared: boolean }).cleared = true;
      },
    }),
  };
}

export interface Tab extends TelemetryBatcher {
  /** Ids of what was recorded here. */
  recorded: string[];
  /** Shows a list of so many prompts, one in 25 clicked, no faster than it can be sent. What was shown before counts once. */
  show(promptId: string, length: number): Promise<void>;
  /** The person leaves the page: it gets its last chance to send, and then nothing of it runs any more. */
  shut(): void;
}

export interface TabOptions {
  baseUrl: string;
  storage: TelemetryStorage;
  machine: Machine;
  monotonic: Monotonic;
  sessionId: string;
}

/** Opens a tab; a second one with the same session is what a reload makes of the first. */
export function openTab({ baseUrl, storage, machine, monotonic, sessionId }: TabOptions): Tab {
  let shut = false;
  const batcher = createTelemetryBatcher({
    baseUrl,
    clock: machine.clock(monotonic, () => shut),
    maxSize: 50,
    storage: {
      get length() {
        return storage.length;
      },
      key: index => storage.key(index),
      getItem: key => storage.getItem(key),
      setItem: (key, value) => shut || storage.setItem(key, value),
      removeItem: key => shut || storage.removeItem(key),
    } as TelemetryStorage,
  });
  const recorded: string[] = [];
  return {
    ...batcher,
    recorded,
    show: async (promptId, length) => {
      for (let index = 0; index < length; index++) {
        // A queue has room for several hundred events; a person never fills it, a loop would.
        await until(() => batcher.stats().queued < 300);
        const eventType = index % 25 === 24 ? 'selection' : 'impression';
        const event = batcher.add(impression(promptId, { eventType, sessionId }), `${sessionId} ${index}`);
        if (event) recorded.push(event.id);
      }
    },
    shut: () => {
      batcher.leave();
      shut = true;
    },
  };
}

/** Waits until the condition holds; fails after `seconds`. */
export async function until(condition: () => boolean | Promise<boolean>, seconds = 120): Promise<void> {
  const deadline = Date.now() + seconds * 1_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`still not so after ${seconds} s: ${condition}`);
    await new Promise(resolve => setTimeout(resolve, 2));
  }
}
