// Events, prompts and a storage for the tests.

import type { PromptTelemetryEvent, TelemetryStorage } from '../src/core/index.js';
import type { ContextState, ScoredPrompt } from '../src/react/index.js';

export const impression = (
  promptId = 'p',
  more: Partial<PromptTelemetryEvent> = {},
): PromptTelemetryEvent => ({
  eventType: 'impression',
  promptId,
  sessionId: 's',
  ...more,
});

export const selection = (promptId = 'p'): PromptTelemetryEvent =>
  impression(promptId, { eventType: 'selection' });

export const scored = (id: string, more: Partial<ScoredPrompt> = {}): ScoredPrompt => ({
  prompt: { id },
  score: 5.5,
  matchDetails: { stageMatch: true, entropyFit: true, lensWeight: 0.7, topicWeight: 0.6, momentBoosts: 3 },
  ...more,
});

export const state = (more: Partial<ContextState> = {}): ContextState => ({
  stage: 'exploration',
  entropy: 0.4,
  activeLensId: 'base',
  activeMoments: ['deep_dive'],
  interactionCount: 3,
  topicsExplored: ['grove'],
  ...more,
});

export interface MemoryStorage extends TelemetryStorage {
  map: Map<string, string>;
  writes: number;
}

export function memoryStorage(map = new Map<string, string>()): MemoryStorage {
  return {
    map,
    writes: 0,
    get length() {
      return map.size;
    },
    key: index => [...map.keys()][index] ?? null,
    getItem: key => map.get(key) ?? null,
    setItem(key, value) {
      this.writes++;
      map.set(key, value);
    },
    removeItem: key => void map.delete(key),
  };
}
