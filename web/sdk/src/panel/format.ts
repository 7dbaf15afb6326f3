// Numbers as people read them. One locale, since the panel's words are of one language too.

const number = (options?: Intl.NumberFormatOptions) => new Intl.NumberFormat('en', options);
const whole = number();
const fixed = (digits: number) => number({ minimumFractionDigits: digits, maximumFractionDigits: digits });
const oneDigit = fixed(1);
const twoDigits = fixed(2);
const signed = number({ minimumFractionDigits: 3, maximumFractionDigits: 3, signDisplay: 'exceptZero' });

/** What stands where there is no value. */
export const NONE = '–';

/** A count with its thousands apart. */
export const formatCount = (count: number): string => whole.format(count);

/** A share (0..1, or more) in percent, without the sign; two decimals below 10 %, one above; all and none have none. */
export const formatShare = (share: number): string =>
  (share === 0 || share === 1 ? whole : share < 0.1 ? twoDigits : oneDigit).format(share * 100);

/** A change of entropy with its sign; a dash for none. */
export const formatDelta = (delta: number | null): string => (delta === null ? NONE : signed.format(delta));

/** A duration given in milliseconds; a dash for none. */
export function formatDuration(ms: number | null): string {
  if (ms === null) return NONE;
  if (ms < 1_000) return `${whole.format(ms)} ms`;
  if (ms < 60_000) return `${oneDigit.format(ms / 1_000)} s`;
  return `${oneDigit.format(ms / 60_000)} min`;
}

/** How long ago `ms` milliseconds are, in the largest unit that fits. */
export function formatAgo(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 2) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3_600)} h ago`
    : `${whole.format(Math.round(seconds / 86_400))} d ago`;
}
