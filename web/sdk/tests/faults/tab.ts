// A browser tab as far as the SDK can tell: a batcher on a clock that runs faster than ours, over a storage that it
// shares with other tabs, and that can be closed for good.

import {
  type Clock,
  createTelemetryBatcher,
  type TelemetryBatcher,
  type TelemetryStorage,
} from '../../src/core/index.js';
import { impression } from '../samples.js';

export interface Tab extends TelemetryBatcher {
  /** Ids of what was recorded here. */
  recorded: string[];
  /** Records events of one prompt, one in 25 a selection, no faster than they can be sent. */
  record(promptId: string, count: number): Promise<void>;
  /** The person closes the tab: it gets its last chance to send, and then nothing of it runs any more. */
  shut(): void;
}

// One clock for all tabs, as on one machine: by it they tell whether another tab still lives.
const born = Date.now();

export function openTab(baseUrl: string, storage: TelemetryStorage, timeFactor: number): Tab {
  let shut = false;
  const clock: Clock = {
    now: () => born + (Date.now() - born) * timeFactor,
    setTimeout: (callback, delayMs) => setTimeout(() => shut || callback(), delayMs / timeFactor),
    clearTimeout: handle => clearTimeout(handle as NodeJS.Timeout),
  };
  const batcher = createTelemetryBatcher({
    baseUrl,
    clock,
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
    record: async (promptId, count) => {
      for (let index = 0; index < count; index++) {
        // A queue has room for several hundred events; a person never fills it, a loop would.
        await until(() => batcher.stats().queued < 300);
        const eventType = index % 25 === 24 ? 'selection' : 'impression';
        const event = batcher.add(impression(promptId, { eventType, sessionId: `${promptId}-session` }));
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
