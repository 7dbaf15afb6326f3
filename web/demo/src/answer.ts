// The stand-in that answers, so that the demo runs anywhere: a prompt's own answer, or one by topic for what a person
// typed, given out in small pieces as a model would.

import { TOPICS, type Topic } from './library.ts';

const WORDS: Record<Topic, string[]> = {
  shade: ['shade', 'heat', 'hot', 'cool', 'sun', 'canopy', 'summer'],
  water: ['water', 'rain', 'drought', 'dry', 'flood', 'river'],
  soil: ['soil', 'root', 'ground', 'earth', 'compost', 'paving'],
  wildlife: ['bird', 'insect', 'bee', 'animal', 'wildlife', 'oak', 'species'],
  people: ['neighbour', 'people', 'child', 'council', 'city', 'cost', 'money'],
};
const REPLIES: Record<Topic, string> = {
  shade:
    'Shade is the quickest gain a street can have. Look first at where people wait: stops, crossings, school gates.',
  water: 'Follow the water. Where it runs off today is usually where the next tree would thrive.',
  soil: 'Everything above ground is decided below it. A trowel and ten minutes tell more than any map.',
  wildlife:
    'Plant for what flies and crawls, and the rest follows. Berries late in the year are the scarcest gift.',
  people:
    'A tree needs one person who notices when it is thirsty. Find that person before you find the tree.',
};
const OTHERWISE =
  'I know city trees and little else, but I’m glad to try. Ask me about shade, water, soil, wildlife, or the people around them.';
const PIECE_MS = 28;

/** The topic that a text speaks of, null if of none. */
export function topicOf(text: string): Topic | null {
  const words = text.toLowerCase();
  return TOPICS.find(topic => WORDS[topic].some(word => words.includes(word))) ?? null;
}

/** What the guide says to a typed question about `topic`. */
export const replyTo = (topic: Topic | null): string => (topic ? REPLIES[topic] : OTHERWISE);

/** The text so far, again and again, a word longer each time; ends early when aborted. */
export async function* stream(text: string, signal: AbortSignal): AsyncGenerator<string> {
  const words = text.split(/(?<= )/);
  for (let count = 1; count <= words.length; count++) {
    await new Promise(resolve => setTimeout(resolve, PIECE_MS));
    if (signal.aborted) return;
    yield words.slice(0, count).join('');
  }
}
