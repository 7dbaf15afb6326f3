// When to try again: full jitter under a ceiling that doubles from 1 s to 60 s, on top of what the server asked
// for. Pure arithmetic; knows nothing of requests or timers.

const FIRST_CEILING_MS = 1_000;
const LAST_CEILING_MS = 60_000;
// A timer holds 2^31 - 1 ms at most and fires at once beyond it; a day is also longer than any sane Retry-After.
const LONGEST_WAIT_MS = 86_400_000;

/**
 * Milliseconds to wait before the next try. `failures` counts them so far, from 1; `random` is in [0, 1).
 * What the server asked for is never shortened; the jitter comes on top, so that clients do not return together.
 */
export function retryDelay(failures: number, retryAfter: number | null, random: number): number {
  const ceiling = Math.min(LAST_CEILING_MS, FIRST_CEILING_MS * 2 ** (failures - 1));
  return (retryAfter ?? 0) + random * ceiling;
}

/**
 * Reads a `Retry-After` header (seconds or an HTTP date) as milliseconds from `now`, 0 to one day. Null if it cannot be
 * read, or is a date more than a day ahead: then this clock is wrong.
 */
export function parseRetryAfter(header: string | null, now: number): number | null {
  const seconds = Number(header || NaN);
  if (seconds >= 0) return Math.min(LONGEST_WAIT_MS, seconds * 1_000);
  const wait = Date.parse(header ?? '') - now;
  return wait <= LONGEST_WAIT_MS ? Math.max(0, wait) : null;
}
