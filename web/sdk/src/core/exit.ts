// The page's comings and goings, and the two ways of sending that outlive it: fetch with keepalive and beacons.
// Browsers give both one quota of 64 KiB in flight, shared with the host, so the SDK keeps to a part of it.

import { attempt } from './guard.js';

/**
 * How many bytes all queues of the page together may still send with keepalive; what is in flight is subtracted. None
 * in Firefox before 133 and old web views, which cancel a request when the page goes.
 */
export const keepalive = { room: attempt(() => 'keepalive' in Request.prototype) ? 48 * 1024 : 0 };

/** Shown or hidden (see `isHidden`), left (unless it returns from the cache), online again, or no longer prerendered. */
const CHANGES = ['visibilitychange', 'pagehide', 'online', 'prerenderingchange'] as const;
export type PageChange = (typeof CHANGES)[number];

/** Calls `listener` on each change until the returned function is called. Without a window it does nothing. */
export function watchPage(listener: (change: PageChange) => void): () => void {
  const hear = ({ type }: Event) => listener(type as PageChange);
  // In the capturing phase, since some events of the document do not bubble up to the window.
  for (const change of CHANGES) attempt(() => globalThis.addEventListener(change, hear, true));
  return () => {
    for (const change of CHANGES) attempt(() => globalThis.removeEventListener(change, hear, true));
  };
}

/** Whether nobody can see the page. */
export const isHidden = (): boolean => !!attempt(() => document.visibilityState === 'hidden');

/** Whether the browser renders the page ahead of a visit that may never come. */
export const isPrerendered = (): boolean | undefined =>
  attempt(() => (document as { prerendering?: boolean }).prerendering);

/** Whether the browser tells sites not to gather data on this person. */
export const isOptedOut = (): boolean | undefined =>
  attempt(() => (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl);

/** Sends items as text/plain beacons, halved when refused; returns how many of them the browser took. */
export function sendBeacons<T>(
  url: string,
  items: readonly T[],
  body: (items: readonly T[]) => string,
): number {
  let taken = 0;
  let size = items.length;
  while (size && taken < items.length) {
    const chunk = items.slice(taken, taken + size);
    if (attempt(() => navigator.sendBeacon(url, body(chunk)))) taken += chunk.length;
    else size >>= 1;
  }
  return taken;
}
