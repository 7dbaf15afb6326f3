import { describe, expect, it } from 'vitest';
import { formatAgo, formatDelta, formatDuration, formatShare } from '../../src/panel/format.js';
import { wilsonInterval } from '../../src/panel/wilson.js';

const percents = (successes: number, trials: number) => wilsonInterval(successes, trials)?.map(formatShare);

describe('the Wilson interval', () => {
  it('is 23.2 to 37.8 % for 45 of 150', () => {
    expect(percents(45, 150)).toEqual(['23.2', '37.8']);
  });

  it('does not claim certainty for 1 of 1', () => {
    expect(percents(1, 1)).toEqual(['20.7', '100']);
  });

  it('starts at exactly 0 for none of 10', () => {
    expect(percents(0, 10)).toEqual(['0', '27.8']);
  });

  it('does not exist without trials, or with more successes than trials', () => {
    expect(wilsonInterval(0, 0)).toBeNull();
    expect(wilsonInterval(3, 2)).toBeNull();
  });

  it('holds the rate and stays within 0 and 1 for every count up to 40', () => {
    for (let trials = 1; trials <= 40; trials++) {
      for (let successes = 0; successes <= trials; successes++) {
        const [low, high] = wilsonInterval(successes, trials) ?? [Number.NaN, Number.NaN];
        expect(low).toBeGreaterThanOrEqual(0);
        expect(low).toBeLessThanOrEqual(successes / trials);
        expect(high).toBeGreaterThanOrEqual(successes / trials);
        expect(high).toBeLessThanOrEqual(1);
      }
    }
  });
});

describe('numbers for people', () => {
  it('tell a true zero from no value', () => {
    expect([formatDelta(0), formatDelta(null)]).toEqual(['0.000', '–']);
    expect([formatDuration(0), formatDuration(null)]).toEqual(['0 ms', '–']);
  });

  it('carry the unit that fits', () => {
    expect([850, 12_400, 200_000].map(formatDuration)).toEqual(['850 ms', '12.4 s', '3.3 min']);
    expect([500, 40_000, 120_000, 7_200_000, 864_000_000].map(formatAgo)).toEqual([
      'just now',
      '40 s ago',
      '2 min ago',
      '2 h ago',
      '10 d ago',
    ]);
  });

  it('keep two decimals of a small share', () => {
    expect([0.00575, 0.3, 1.1333].map(formatShare)).toEqual(['0.58', '30.0', '113.3']);
  });
});
