// The hook: hands what a component shows and what a person clicks to the shared client of its session. Holds no state
// of its own, so that however many components use it, and however often React mounts them, there is one account.

import { useEffect, useInsertionEffect, useMemo } from 'react';
import type { TelemetryOutcome } from '../core/event.js';
import type { TelemetryCompletion } from '../session/completion.js';
import type { ContextState, ScoredPrompt } from '../session/host.js';
import {
  type CompletionOptions,
  getTelemetryClient,
  type ImpressionOptions,
  type TelemetryClientOptions,
} from '../session/session.js';

/** The session, and what its client is made with when this is its first user. */
export interface UsePromptTelemetryOptions extends TelemetryClientOptions {
  /** False means the same as denied consent: nothing is recorded or sent, and what waits is cleared. True by default. */
  enabled?: boolean | undefined;
}

/** Functions that stay the same while session, endpoint and `enabled` do. None of them throws. */
export interface UsePromptTelemetryReturn {
  /** Records the prompts as displayed, batched; each once per context however often it is called. */
  recordImpressions: (
    prompts: readonly ScoredPrompt[],
    context: ContextState,
    options?: ImpressionOptions,
  ) => void;
  /** Records a click, at once. */
  recordSelection: (promptId: string) => void;
  /** Records an answer whose outcome the host has measured, at once. */
  recordCompletion: (promptId: string, outcome: TelemetryOutcome) => void;
  /** Measures an answer's outcome from the click on, and records it. */
  beginCompletion: (promptId: string, options?: CompletionOptions) => TelemetryCompletion;
}

/** Records impressions, selections and completions of suggested prompts. Does nothing where there is no window. */
export function usePromptTelemetry(options: UsePromptTelemetryOptions): UsePromptTelemetryReturn {
  const { sessionId, baseUrl, enabled = true, consent } = options;

  // Before any other effect of this rendering, so that what a child's effect records is already under the new rule.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the other options serve only to make the client
  useInsertionEffect(() => {
    if (sessionId) getTelemetryClient(options).setConsent(consent, enabled);
  }, [enabled, sessionId, baseUrl, consent]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the other options serve only to make the client
  useEffect(() => {
    if (sessionId) return getTelemetryClient(options).retain();
  }, [sessionId, baseUrl]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the other options serve only to make the client
  return useMemo(() => {
    const client = () =>
      enabled && sessionId && typeof window !== 'undefined' ? getTelemetryClient(options) : undefined;
    return {
      recordImpressions: (...given) => client()?.recordImpressions(...given),
      recordSelection: (...given) => client()?.recordSelection(...given),
      recordCompletion: (...given) => client()?.recordCompletion(...given),
      beginCompletion: (...given) => client()?.beginCompletion(...given) ?? INERT,
    };
  }, [enabled, sessionId, baseUrl]);
}

const INERT: TelemetryCompletion = { responseDone() {}, close() {} };
