'use client';
// The panel's entry.

export { PromptPerformancePanel, type PromptPerformancePanelProps } from './PromptPerformancePanel.js';
export {
  type PerformanceFetcher,
  type PromptPerformance,
  type UsePromptPerformanceOptions,
  usePromptPerformance,
} from './usePromptPerformance.js';
export { wilsonInterval } from './wilson.js';
