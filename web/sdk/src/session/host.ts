// What the host application already has, in the shape it has it, and how that becomes an event's context and scoring.
// The prompt's text and whatever else the host keeps there is never looked at.

import type { PromptTelemetryEvent, TelemetryContext } from '../core/event.js';
import { attempt } from '../core/guard.js';

/** A scored prompt as the host has it; more fields are allowed and none of them is sent. */
export interface ScoredPrompt {
  prompt: { id: string };
  score: number;
  matchDetails: {
    stageMatch: boolean;
    lensWeight: number;
    topicWeight: number;
    momentBoosts: number;
    entropyFit?: boolean;
    baseWeight?: number;
  };
  /** The 0-based position as displayed; the position in the list by default. */
  rank?: number;
}

/** The conversation's state as the host has it; more fields are allowed and none of them is sent. */
export interface ContextState {
  stage: string;
  /** 0..1. */
  entropy: number;
  activeLensId: string | null;
  activeMoments: readonly string[];
  interactionCount: number;
  topicsExplored: readonly string[];
}

/** One field of what the host passes; undefined when it cannot be read. */
const read = <T, K extends keyof T>(from: T, field: K) => attempt(() => from[field]) as T[K];

/** The wire's form of the host's state. A stage of the host's own is left out when the event is recorded. */
export const toContext = (state: ContextState): NonNullable<PromptTelemetryEvent['context']> => ({
  stage: read(state, 'stage') as NonNullable<TelemetryContext['stage']>,
  lensId: read(state, 'activeLensId'),
  entropy: read(state, 'entropy'),
  interactionCount: read(state, 'interactionCount'),
  activeTopics: read(state, 'topicsExplored') as string[],
  activeMoments: read(state, 'activeMoments') as string[],
});

/** The wire's form of the scoring, for a prompt at 0-based position `index`. */
export const toScoring = (scored: ScoredPrompt, index: number) => {
  const match = read(scored, 'matchDetails');
  return {
    finalScore: read(scored, 'score'),
    rank: read(scored, 'rank') ?? index,
    matchDetails: match && {
      stageMatch: read(match, 'stageMatch'),
      lensWeight: read(match, 'lensWeight'),
      topicWeight: read(match, 'topicWeight'),
      momentBoost: read(match, 'momentBoosts'),
      baseWeight: read(match, 'baseWeight') ?? null,
    },
  };
};
