import { expect, it } from 'vitest';
import { systemRandom } from '../../src/core/clock.js';
import { recordEvent } from '../../src/core/event.js';
import { createQueue, type Entry, overflow, toEntry } from '../../src/core/queue.js';
import { impression, selection } from '../samples.js';

const entry = (event = impression()): Entry => {
  const recorded = recordEvent(event, 0, systemRandom);
  if (!recorded) throw new Error('not an event');
  return toEntry(recorded, 0);
};

it('counts bytes, not characters', () => {
  expect(entry(impression('🌳')).bytes).toBe(entry(impression('a')).bytes + 3);
});

it('gives up the oldest impressions first, and no selection', () => {
  const queue = [
    entry(selection('a')),
    entry(impression('b')),
    entry(impression('c')),
    entry(impression('d')),
  ];
  const room = queue.reduce((sum, { bytes }) => sum + bytes, 0) - (queue[1]?.bytes ?? 0) - 1;
  expect(overflow(queue, room)).toEqual([queue[1], queue[2]]);
});

it('does not give up what is on its way', () => {
  const queue = [entry(impression('a')), entry(impression('b'))];
  if (queue[0]) queue[0].sending = 1;
  expect(overflow(queue, queue[1]?.bytes ?? 0)).toEqual([queue[1]]);
});

it('lets clicks exceed the room, but not without bound', () => {
  const queue = Array.from({ length: 5 }, () => entry(selection()));
  const one = queue[0]?.bytes ?? 0;
  expect(overflow(queue.slice(0, 4), one)).toEqual([]);
  expect(overflow(queue, one)).toEqual([queue[4]]);
});

it('counts an event once though two requests carried it', () => {
  const queue = createQueue(1e6);
  const twice = entry();
  queue.push(twice);
  queue.settle([twice]);
  queue.settle([twice]);
  queue.drop([twice], 'rejected');
  expect(queue.stats()).toMatchObject({ queued: 0, sent: 1, dropped: { rejected: 0 } });
});
