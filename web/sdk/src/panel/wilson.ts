// How far a rate can be trusted. Pure arithmetic; knows nothing of prompts.

// The two-sided 95 % quantile of the normal distribution.
const Z = 1.959964;

/**
 * The 95 % Wilson score interval of `successes` in `trials`, both bounds 0..1. Null when there is none: without
 * trials, or with more successes than trials.
 */
export function wilsonInterval(successes: number, trials: number): [low: number, high: number] | null {
  if (!(trials > 0) || successes > trials) return null;
  const rate = successes / trials;
  const square = Z ** 2 / trials;
  const middle = rate + square / 2;
  const reach = Z * Math.sqrt((rate * (1 - rate) + square / 4) / trials);
  // At none and at all, the bound is exact, and rounding would miss it.
  const low = successes ? (middle - reach) / (1 + square) : 0;
  const high = successes < trials ? (middle + reach) / (1 + square) : 1;
  return [low, high];
}
