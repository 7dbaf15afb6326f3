import { describe, expect, it } from 'vitest';
import { replyTo, stream, topicOf } from '../src/answer.ts';
import { contextOf, happen, mainTopic, START, spread } from '../src/conversation.ts';
import { LENSES, LIBRARY, type Topic } from '../src/library.ts';
import { scorePrompt, suggest } from '../src/scoring.ts';

const asked = (topics: (Topic | null)[]) =>
  topics.reduce((before, topic) => happen(before, { what: 'asked', text: 'Why?', topic }), START);

describe('the context', () => {
  it('starts with a first visit, no entropy and no topic', () => {
    expect(contextOf(START)).toEqual({
      stage: 'genesis',
      entropy: 0,
      activeLensId: 'resident',
      activeMoments: ['first_visit'],
      interactionCount: 0,
      topicsExplored: [],
    });
  });

  it('moves on by two questions a stage, and no further than advocacy', () => {
    const stages = [0, 1, 2, 4, 6, 20].map(count => contextOf(asked(Array(count).fill('shade'))).stage);
    expect(stages).toEqual(['genesis', 'genesis', 'exploration', 'synthesis', 'advocacy', 'advocacy']);
  });

  it('has an entropy of 0 for one topic and 1 for all alike', () => {
    expect(spread(['shade', 'shade'])).toBe(0);
    expect(spread(['shade', 'water', 'soil', 'wildlife', 'people'])).toBe(1);
    expect(spread(['shade', 'wildlife'])).toBe(0.4307);
  });

  it('knows the moments', () => {
    expect(contextOf(asked(['shade', 'shade', 'shade', 'shade'])).activeMoments).toEqual([
      'low_entropy',
      'deep_dive',
    ]);
    expect(contextOf(asked(['shade', 'water', 'soil', 'people'])).activeMoments).toEqual(['high_entropy']);
  });

  it('takes the stage that the person sets', () => {
    expect(contextOf(happen(START, { what: 'stage', stage: 'advocacy' })).stage).toBe('advocacy');
  });
});

describe('the score', () => {
  it('adds stage 2, entropy 1.5, lens 3, topic 2, moments 3 each, and half the base weight', () => {
    const prompt = {
      ...LIBRARY[0],
      id: 'p',
      label: '',
      answer: '',
      stages: ['genesis' as const],
      topics: { water: 0.5 },
      lenses: { planner: 0.4 },
      entropy: [0.2, 0.4] as [number, number],
      moments: ['a', 'b', 'c'],
      baseWeight: 60,
    };
    const context = {
      stage: 'genesis',
      entropy: 0.3,
      activeLensId: 'planner',
      activeMoments: ['a', 'c'],
      interactionCount: 1,
      topicsExplored: ['water', 'soil'],
    };
    const { score, matchDetails } = scorePrompt(prompt, context);
    expect(score).toBe(2 + 1.5 + 3 * 0.4 + 2 * 0.5 + 6 + 0.3);
    expect(matchDetails).toEqual({
      stageMatch: true,
      entropyFit: true,
      lensWeight: 0.4,
      topicWeight: 0.5,
      momentBoosts: 6,
      baseWeight: 60,
    });
    expect(
      scorePrompt(prompt, {
        ...context,
        stage: 'late',
        entropy: 0.9,
        activeLensId: null,
        activeMoments: [],
        topicsExplored: [],
      }).score,
    ).toBe(0.3);
  });

  it('suggests the best first and nothing twice', () => {
    const context = contextOf(START);
    const all = suggest(context, [], 100);
    expect(all).toHaveLength(LIBRARY.length);
    expect(all.map(({ score }) => score)).toEqual(all.map(({ score }) => score).sort((a, b) => b - a));
    const [first, second] = all.map(({ prompt }) => prompt.id);
    expect(suggest(context, [first ?? ''], 1)[0]?.prompt.id).toBe(second);
  });
});

describe('the library', () => {
  it('has ids of their own, known lenses and a main topic for each prompt', () => {
    expect(new Set(LIBRARY.map(({ id }) => id)).size).toBe(LIBRARY.length);
    const known = LENSES.map(({ id }) => id);
    for (const prompt of LIBRARY) {
      expect(Object.keys(prompt.lenses).filter(lens => !known.includes(lens))).toEqual([]);
      expect(mainTopic(prompt)).not.toBeNull();
    }
  });
});

describe('the stand-in', () => {
  it('answers by what was asked', () => {
    expect(topicOf('Will the RAIN reach the roots?')).toBe('water');
    expect(topicOf('Hello')).toBeNull();
    expect(replyTo('soil')).not.toBe(replyTo(null));
  });

  it('gives its answer word by word, and stops when told to', async () => {
    const abort = new AbortController();
    const said: string[] = [];
    for await (const text of stream('one two three', abort.signal)) {
      said.push(text);
      if (said.length === 2) abort.abort();
    }
    expect(said).toEqual(['one ', 'one two ']);
  });
});
