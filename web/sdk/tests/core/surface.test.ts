import { expect, expectTypeOf, it } from 'vitest';
import * as core from '../../src/core/index.js';
import * as react from '../../src/react/index.js';

// What a host with a telemetry module of its own has, written down as its types are.
type HostStage = 'genesis' | 'exploration' | 'synthesis' | 'advocacy';
interface HostContextState {
  stage: HostStage;
  entropy: number;
  activeLensId: string | null;
  activeMoments: string[];
  interactionCount: number;
  topicsExplored: string[];
  sproutsCaptured: number;
  offTopicCount: number;
  promptsSelected: string[];
}
interface HostScoredPrompt {
  prompt: { id: string; label: string; executionPrompt: string; embedding?: number[] };
  score: number;
  matchDetails: {
    stageMatch: boolean;
    entropyFit: boolean;
    lensWeight: number;
    topicWeight: number;
    momentBoosts: number;
  };
}
interface HostContext {
  stage: HostStage;
  lensId: string | null;
  entropy: number;
  interactionCount: number;
  activeTopics: string[];
  activeMoments: string[];
}
interface HostEvent {
  eventType: core.PromptTelemetryEventType;
  promptId: string;
  sessionId: string;
  timestamp: number;
  context: HostContext;
  outcome?: { dwellTimeMs: number; entropyDelta: number; followUpPromptId?: string };
}

it('offers every name that a host imports today', () => {
  expect(Object.keys(core).sort()).toEqual([
    'PROMPT_TELEMETRY_EVENT_TYPES',
    'TelemetryError',
    'createTelemetryBatcher',
    'getPromptStats',
    'listPromptPerformance',
    'submitTelemetryBatch',
    'submitTelemetryEvent',
  ]);
  expect(Object.keys(react).sort()).toEqual(['getTelemetryClient', 'usePromptTelemetry']);
  expect(core.PROMPT_TELEMETRY_EVENT_TYPES).toEqual([
    'impression',
    'selection',
    'completion',
    'feedback',
    'skip',
  ]);
});

it('takes a host’s own values as they are', () => {
  expectTypeOf<HostEvent>().toExtend<core.PromptTelemetryEvent>();
  expectTypeOf<HostContext>().toExtend<core.TelemetryContext>();
  expectTypeOf<HostScoredPrompt>().toExtend<react.ScoredPrompt>();
  expectTypeOf<HostContextState>().toExtend<react.ContextState>();
  expectTypeOf<{ sessionId: string; enabled?: boolean }>().toExtend<react.UsePromptTelemetryOptions>();
  expectTypeOf<{
    maxSize?: number;
    flushDelayMs?: number;
    onError?: (error: Error, events: core.PromptTelemetryEvent[]) => void;
  }>().toExtend<core.TelemetryBatcherOptions>();
});

it('gives back what a host expects', () => {
  expectTypeOf<react.UsePromptTelemetryReturn>().toExtend<{
    recordImpressions: (prompts: HostScoredPrompt[], context: HostContextState) => void;
    recordSelection: (promptId: string) => void;
    recordCompletion: (promptId: string, outcome: { dwellTimeMs: number; entropyDelta: number }) => void;
  }>();
  expectTypeOf<core.PromptStats>().toEqualTypeOf<{
    promptId: string;
    impressions: number;
    selections: number;
    completions: number;
    selectionRate: number;
    avgEntropyDelta: number | null;
    avgDwellTimeMs: number | null;
    lastSurfaced: string | null;
  }>();
  expectTypeOf<core.TelemetryPerformanceResponse['prompts']>().toEqualTypeOf<core.PromptTelemetryStats[]>();
  expectTypeOf<core.TelemetrySubmitResponse>().toExtend<{ id: string; status: string }>();
  expectTypeOf<core.TelemetryBatchResponse>().toExtend<{ count: number; status: string }>();
});
