// Everything that works without React.

export {
  createTelemetryBatcher,
  type TelemetryBatcher,
  type TelemetryBatcherOptions,
  type TelemetryConsent,
} from './batcher.js';
export {
  getPromptStats,
  listPromptPerformance,
  type PerformanceQuery,
  type Problem,
  type PromptStats,
  type PromptTelemetryStats,
  type StatsFilter,
  submitTelemetryBatch,
  submitTelemetryEvent,
  type TelemetryBatchResponse,
  TelemetryError,
  type TelemetryPerformanceResponse,
  type TelemetryRequestOptions,
  type TelemetrySubmitResponse,
} from './client.js';
export type { Clock } from './clock.js';
export type {
  PromptTelemetryEvent,
  PromptTelemetryEventType,
  RecordedEvent,
  TelemetryContext,
  TelemetryOutcome,
  TelemetryScoringDetails,
} from './event.js';
export type { DropReason, TelemetryStats } from './queue.js';
export { PROMPT_TELEMETRY_EVENT_TYPES } from './schema.js';
export type { TelemetryStorage } from './storage.js';
