'use client';
// The React entry: the hook, and the shared client that it stands on.

export type { TelemetryCompletion } from '../session/completion.js';
export type { ContextState, ScoredPrompt } from '../session/host.js';
export {
  type CompletionOptions,
  getTelemetryClient,
  type ImpressionOptions,
  type TelemetryClient,
  type TelemetryClientOptions,
} from '../session/session.js';
export {
  type UsePromptTelemetryOptions,
  type UsePromptTelemetryReturn,
  usePromptTelemetry,
} from './usePromptTelemetry.js';
