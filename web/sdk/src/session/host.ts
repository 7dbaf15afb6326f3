// What the host application already has, in the shape it has it, and how that becomes an event's context and scoring.
// The prompt's text and whatever else the host keeps there is never looked at.

import type { PromptTelemetryEvent, TelemetryContext } from '../core/event.js';

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
  /** The 0-based position as displayed; the position in the list unless told. */
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

/** The wire's form of the host's state. A stage of the host's own is left out when the event is recorded. */
export const toContext = (state: ContextState): NonNullable<PromptTelemetryEvent['context']> => ({
  stage: state.stage as NonNullable<TelemetryContext['stage']>,
  lensId: state.activeLensId,
  entropy: state.entropy,
  interactionCount: state.interactionCount,
  activeTopics: state.topicsExplored as string[],
  activeMoments: state.activeMoments as string[],
});

/** The wire's form of the scoring, for a prompt at 0-based position `index`. */
export const toScoring = ({ score, matchDetails: match, rank }: ScoredPrompt, index: number) => ({
  finalScore: score,
  rank: rank ?? index,
  matchDetails: match && {
    stageMatch: match.stageMatch,
    lensWeight: match.lensWeight,
    topicWeight: match.topicWeight,
    momentBoost: match.momentBoosts,
    baseWeight: match.baseWeight ?? null,
  },
});
