// The conversation and what can be said of it: stage, entropy, topics and moments. Pure; knows nothing of React,
// suggestions or telemetry.

import type { ContextState } from '@prompt-telemetry/sdk/react';
import { type LibraryPrompt, STAGES, type Stage, TOPICS, type Topic } from './library.ts';

/** One thing said. */
export interface Message {
  from: 'person' | 'guide';
  text: string;
}

/** Everything that has happened. */
export interface Conversation {
  messages: Message[];
  /** Ids of the prompts that were chosen. */
  used: string[];
  /** The main topic of each question, in order. */
  trail: Topic[];
  /** Whether an answer is being given. */
  answering: boolean;
  lens: string | null;
  /** A stage that the person has set, in place of the one that follows from the number of questions. */
  stage: Stage | null;
}

/** What can happen. */
export type Happening =
  | { what: 'asked'; text: string; promptId?: string; topic: Topic | null }
  | { what: 'said'; text: string }
  | { what: 'answered' }
  | { what: 'lens'; lens: string | null }
  | { what: 'stage'; stage: Stage | null };

/** How every conversation starts. */
export const START: Conversation = {
  messages: [],
  used: [],
  trail: [],
  answering: false,
  lens: 'resident',
  stage: null,
};

/** The conversation after something happened. */
export function happen(before: Conversation, event: Happening): Conversation {
  switch (event.what) {
    case 'asked':
      return {
        ...before,
        messages: [...before.messages, { from: 'person', text: event.text }, { from: 'guide', text: '' }],
        used: event.promptId ? [...before.used, event.promptId] : before.used,
        trail: event.topic ? [...before.trail, event.topic] : before.trail,
        answering: true,
      };
    case 'said':
      return {
        ...before,
        messages: [...before.messages.slice(0, -1), { from: 'guide', text: event.text }],
      };
    case 'answered':
      return { ...before, answering: false };
    case 'lens':
      return { ...before, lens: event.lens };
    case 'stage':
      return { ...before, stage: event.stage };
  }
}

/** What the suggestions are chosen by, and what telemetry reports of them. */
export function contextOf({ messages, trail, lens, stage }: Conversation): ContextState {
  const questions = messages.filter(({ from }) => from === 'person').length;
  const entropy = spread(trail);
  return {
    stage: stage ?? STAGES[Math.min(3, Math.floor(questions / 2))] ?? 'genesis',
    entropy,
    activeLensId: lens,
    activeMoments: momentsOf(trail, entropy, questions),
    interactionCount: questions,
    topicsExplored: [...new Set(trail)],
  };
}

/** How spread out the topics are: 0 for one topic, 1 when all came up alike (Shannon's measure, to four decimals). */
export function spread(trail: readonly Topic[]): number {
  const shares = TOPICS.map(topic => trail.filter(each => each === topic).length / (trail.length || 1));
  const bits = shares.reduce((sum, share) => (share ? sum - share * Math.log(share) : sum), 0);
  return Math.round((bits / Math.log(TOPICS.length)) * 1e4) / 1e4;
}

function momentsOf(trail: readonly Topic[], entropy: number, questions: number): string[] {
  const [first, ...others] = trail.slice(-2);
  const deep = others.length > 0 && others.every(topic => topic === first);
  return [
    ...(questions === 0 ? ['first_visit'] : []),
    ...(entropy > 0.7 ? ['high_entropy'] : []),
    ...(entropy < 0.2 && questions > 3 ? ['low_entropy'] : []),
    ...(deep ? ['deep_dive'] : []),
  ];
}

/** The topic that a prompt is most about. */
export const mainTopic = ({ topics }: LibraryPrompt): Topic | null =>
  TOPICS.reduce<Topic | null>(
    (best, topic) => ((topics[topic] ?? 0) > (best ? (topics[best] ?? 0) : 0) ? topic : best),
    null,
  );
