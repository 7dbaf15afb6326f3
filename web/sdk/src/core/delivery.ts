// One request with a batch, and the sentence on each event in it: settled, dropped, or kept for another try. Knows
// nothing of when requests are made.

import {
  sendBatch,
  type TelemetryBatchResponse,
  TelemetryError,
  type TelemetryRequestOptions,
} from './client.js';
import { systemClock } from './clock.js';
import { keepalive } from './exit.js';
import { attempt, toJson } from './guard.js';
import { type Entry, type Queue, toBody, weigh } from './queue.js';

/** What the batcher has to do next: go on, send smaller batches, or wait because of the error. */
export type Verdict = 'halve' | TelemetryError | undefined;

// Twice ingest's own deadline: an answer that has not come by then will not come.
const REQUEST_TIMEOUT_MS = 10_000;

/** Sends the entries and settles them in the queue by what ingest says of each. Never rejects. */
export async function deliver(
  entries: readonly Entry[],
  queue: Queue,
  options: TelemetryRequestOptions,
  leaving: boolean,
): Promise<Verdict> {
  const { clock = systemClock } = options;
  // Neither is sure to end a request: AbortController may be missing, and a host's own fetch may ignore the signal.
  const abort = attempt(() => new AbortController());
  let timer: unknown;
  const timeout = new Promise<never>((_, reject) => {
    timer = clock.setTimeout(() => {
      reject(new TelemetryError('no answer in 10 s', 0, null, true));
      abort?.abort();
    }, REQUEST_TIMEOUT_MS);
  });
  const account = (requests: number) => {
    for (const entry of entries) entry.sending += requests;
    if (leaving) keepalive.room -= requests * weigh(entries);
  };
  account(1);
  try {
    const request = sendBatch(toBody(entries), { ...options, signal: abort?.signal }, leaving);
    const answer = await Promise.race([request, timeout]);
    dropRejected(entries, queue, answer.rejected);
    queue.settle(entries);
    return undefined;
  } catch (error) {
    return judge(entries, queue, error as TelemetryError);
  } finally {
    clock.clearTimeout(timer);
    account(-1);
  }
}

function judge(entries: readonly Entry[], queue: Queue, error: TelemetryError): Verdict {
  const { status, retryable, problem } = error;
  if (retryable) {
    queue.putBack(entries);
    return error;
  }
  // A body that ingest cannot read (400) is narrowed down like one too large, to the one event that spoils it.
  if ((status === 413 || status === 400) && entries.length > 1) return 'halve';
  if (!dropRejected(entries, queue, problem?.rejected)) {
    queue.drop(entries, status === 413 ? 'too_large' : 'rejected', error);
  }
  return undefined;
}

// Returns how many there were. Servers of an older kind send no list.
function dropRejected(
  entries: readonly Entry[],
  queue: Queue,
  rejected: TelemetryBatchResponse['rejected'] | null | undefined,
): number {
  for (const { index, errors } of rejected ?? []) {
    const error = new TelemetryError(`rejected: ${toJson(errors)}`, 422);
    queue.drop(entries.slice(index, index + 1), 'rejected', error);
  }
  return rejected?.length ?? 0;
}
