// Which prompts suit the conversation as it stands, and why. Pure; knows nothing of telemetry, whose shapes it returns.

import type { ContextState, ScoredPrompt } from '@prompt-telemetry/sdk/react';
import { LIBRARY, type LibraryPrompt, type Stage, type Topic } from './library.ts';

/** A prompt of the library with its score. */
export interface Suggestion extends ScoredPrompt {
  prompt: LibraryPrompt;
}

const WEIGHTS = { stage: 2, entropy: 1.5, lens: 3, topic: 2, moment: 3, base: 0.5 };

/** Scores one prompt. The weights of lens and topic are 0..1; the boost of moments is already weighted. */
export function scorePrompt(prompt: LibraryPrompt, context: ContextState): Suggestion {
  const stageMatch = prompt.stages.includes(context.stage as Stage);
  const entropyFit = prompt.entropy[0] <= context.entropy && context.entropy <= prompt.entropy[1];
  const lensWeight = context.activeLensId === null ? 0 : (prompt.lenses[context.activeLensId] ?? 0);
  const topicWeight = Math.max(0, ...context.topicsExplored.map(topic => prompt.topics[topic as Topic] ?? 0));
  const moments = (prompt.moments ?? []).filter(moment => context.activeMoments.includes(moment));
  const momentBoosts = WEIGHTS.moment * moments.length;
  const score =
    WEIGHTS.stage * Number(stageMatch) +
    WEIGHTS.entropy * Number(entropyFit) +
    WEIGHTS.lens * lensWeight +
    WEIGHTS.topic * topicWeight +
    momentBoosts +
    (WEIGHTS.base * prompt.baseWeight) / 100;
  const { baseWeight } = prompt;
  return {
    prompt,
    score: Math.round(score * 1_000) / 1_000,
    matchDetails: { stageMatch, entropyFit, lensWeight, topicWeight, momentBoosts, baseWeight },
  };
}

/** The `count` best prompts that were not yet `used`, best first. */
export const suggest = (context: ContextState, used: readonly string[], count: number): Suggestion[] =>
  LIBRARY.filter(({ id }) => !used.includes(id))
    .map(prompt => scorePrompt(prompt, context))
    .sort((a, b) => b.score - a.score || (a.prompt.id < b.prompt.id ? -1 : 1))
    .slice(0, count);
