// The script-tag bundle: everything that works without React, for pages without a bundler. It stands in the global
// `PromptTelemetry`, and is built to dist/prompt-telemetry.js.

export * from '../core/index.js';
export { getTelemetryClient } from '../session/session.js';
