// The life of one completion: from the click on a prompt to the person's next action. Measures how long the page was
// in view and how the entropy changed. Knows nothing of events or requests.

import { type Clock, ticks } from '../core/clock.js';
import type { TelemetryOutcome } from '../core/event.js';
import { isHidden, watchPage } from '../core/exit.js';

/** A completion that is under way. */
export interface TelemetryCompletion {
  /** The answer is complete; `entropy` (0..1) is the conversation's entropy after it. Without this call nothing is recorded. */
  responseDone(result?: { entropy?: number | undefined }): void;
  /** The person did something else, such as typing a message; ends the dwell time. */
  close(): void;
}

/** What the session keeps of a completion. */
export interface OpenCompletion extends TelemetryCompletion {
  readonly promptId: string;
  answered(): boolean;
  /** Ends it; with the id of the prompt that was selected next, if that is what ended it. */
  end(followUpPromptId?: string): void;
}

/** Starts one. `finish` is called at most once, and only when the answer was complete; `leave` when the page goes. */
export function openCompletion(
  promptId: string,
  entropyBefore: number | null | undefined,
  timeoutMs: number,
  clock: Clock,
  finish: (outcome: TelemetryOutcome) => void,
  leave: () => void,
): OpenCompletion {
  let visibleMs = 0;
  let visibleSince = isHidden() ? null : ticks(clock);
  let answered = false;
  let open = true;
  let entropyDelta: number | null = null;

  const pause = () => {
    if (visibleSince !== null) visibleMs += Math.max(0, ticks(clock) - visibleSince);
    visibleSince = null;
  };
  const end = (followUpPromptId: string | null = null) => {
    if (!open) return;
    open = false;
    unwatch();
    clock.clearTimeout(timer);
    pause();
    // Timers stop while the device sleeps; the clock may go on.
    if (answered) finish({ dwellTimeMs: Math.min(visibleMs, timeoutMs), entropyDelta, followUpPromptId });
  };
  const unwatch = watchPage(change => {
    if (change === 'pagehide') {
      end();
      // The queue's own listener may have run before this one.
      leave();
    } else if (isHidden()) pause();
    else visibleSince ??= ticks(clock);
  });
  const timer = clock.setTimeout(() => end(), timeoutMs);

  return {
    promptId,
    answered: () => answered,
    responseDone: ({ entropy } = {}) => {
      // To the millionth, as it is summed: 0.3 - 0.1 is 0.2. Without both it is not a number, and goes as null.
      if (!answered) entropyDelta = Math.round(((entropy ?? NaN) - (entropyBefore ?? NaN)) * 1e6) / 1e6;
      answered = true;
    },
    close: () => end(),
    end,
  };
}
