// The hook: hands what a component shows and what a person clicks to the shared client of its session. Holds no state
// of its own, so that however many components use it, and however often React mounts them, there is one account.

import { useEffect, useMemo } from 'react';
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
  /** False records nothing new; a click on a prompt whose impression was recorded still counts. True unless told. */
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

  // biome-ignore lint/correctness/useExhaustiveDependencies: the other options serve only to make the client
  useEffect(() => {
    if (!enabled || !sessionId) return;
    const client = getTelemetryClient(options);
    if (consent) client.setConsent(consent);
    return client.retain();
  }, [enabled, sessionId, baseUrl, consent]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the other options serve only to make the client
  return useMemo(() => {
    const client = () =>
      sessionId && typeof window !== 'undefined' ? getTelemetryClient(options) : undefined;
    // `enabled` often flips while the host loads; a prompt that was shown while it held may be clicked afterwards.
    const clientFor = (promptId: string) => {
      const shared = client();
      return enabled || shared?.knows(promptId) ? shared : undefined;
    };
    return {
      recordImpressions: (...given) => {
        if (enabled) client()?.recordImpressions(...given);
      },
      recordSelection: promptId => clientFor(promptId)?.recordSelection(promptId),
      recordCompletion: (promptId, outcome) => clientFor(promptId)?.recordCompletion(promptId, outcome),
      beginCompletion: (promptId, how) => clientFor(promptId)?.beginCompletion(promptId, how) ?? INERT,
    };
  }, [enabled, sessionId, baseUrl]);
}

const INERT: TelemetryCompletion = { responseDone() {}, close() {} };
