import { expect, it } from 'vitest';
import { parseRetryAfter, retryDelay } from '../../src/core/backoff.js';

it('waits a random part of a ceiling that doubles from 1 s to 60 s', () => {
  const ceilings = [1, 2, 3, 4, 5, 6, 7, 8, 50, 2_000].map(failures => retryDelay(failures, null, 1));
  expect(ceilings).toEqual([1e3, 2e3, 4e3, 8e3, 16e3, 32e3, 60e3, 60e3, 60e3, 60e3]);
  expect(retryDelay(3, null, 0)).toBe(0);
  expect(retryDelay(3, null, 0.25)).toBe(1_000);
});

it('never waits less than the server asked for, and spreads the clients behind it', () => {
  expect(retryDelay(1, 30_000, 0)).toBe(30_000);
  expect(retryDelay(1, 30_000, 0.5)).toBe(30_500);
});

it('reads seconds, dates and nonsense', () => {
  const now = Date.UTC(2026, 0, 1);
  expect(parseRetryAfter('0', now)).toBe(0);
  expect(parseRetryAfter(' 120 ', now)).toBe(120_000);
  expect(parseRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000);
  expect(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0);
  expect(parseRetryAfter('soon', now)).toBeNull();
  expect(parseRetryAfter('', now)).toBeNull();
  expect(parseRetryAfter(null, now)).toBeNull();
});

it('does not trust a date more than a day ahead, since then this clock is wrong', () => {
  expect(parseRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', Date.UTC(2001, 0, 1))).toBeNull();
});

it('caps the wait at a day, since a longer timer fires at once', () => {
  expect(parseRetryAfter('99999999999', 0)).toBe(86_400_000);
});
