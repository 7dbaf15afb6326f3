// What pages, browsers and networks do to events, in a real browser: the SDK as built on a page of its own, through a
// network that meddles, to the real ingest.

import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { newPage, openUndriven, useBrowser } from './browser.ts';
import { useHost } from './host.ts';
import { eventually, storedEvents } from './stack.ts';

declare global {
  interface Window {
    client: {
      recordSelection(promptId: string): void;
      flush(): Promise<void>;
      stats(): { queued: number; sent: number; retried: number };
    };
  }
}

useBrowser();
const host = useHost();

const click = (page: Page) => page.evaluate(() => window.client.recordSelection('prompt'));
const stats = (page: Page) => page.evaluate(() => window.client.stats());
const types = async (session: string) =>
  (await storedEvents(session)).map(({ event_type }) => event_type).sort();
const BOTH = ['impression', 'selection'];
const arrived = (session: string, expected: string[]) =>
  eventually(
    () => types(session),
    found => found.length >= expected.length,
  ).then(found => expect(found).toEqual(expected));

describe('an impression', () => {
  it('is counted once in a session, however often the page is reloaded', async () => {
    const session = randomUUID();
    const page = await newPage();
    await page.goto(host.page(session));
    for (let reload = 0; reload < 3; reload++) {
      await eventually(
        () => stats(page),
        ({ queued }) => queued === 0,
      );
      await page.reload();
    }
    await click(page);
    await arrived(session, BOTH);
  });

  it('of a prerendered page is counted when the person comes to see it, and not before', async () => {
    const session = randomUUID();
    const before = host.requests();
    const asked = (path: string) => eventually(async () => host.wasAsked(path), Boolean);
    openUndriven(host.pageAhead(session));
    await asked('/flushed');
    expect(host.requests()).toBe(before);
    host.letGo();
    await asked('/activated');
    await arrived(session, ['impression']);
  });
});

describe('a network that meddles', () => {
  const others: [string, number, Record<string, string>][] = [
    ['a captive portal', 200, { 'content-type': 'text/html' }],
    ['a firewall', 403, { 'content-type': 'text/html' }],
    ['an ingress without backends', 404, { 'content-type': 'text/plain' }],
    ['a redirect that loses the body', 301, { location: '/page?login' }],
    ['a redirect to the same route', 302, { location: '/moved/api/telemetry/prompt/batch' }],
  ];

  it.each(others)('costs no event when %s answers', async (_, status, headers) => {
    const session = randomUUID();
    let left = 2;
    host.meddle((_request, response) => {
      if (left-- <= 0) return false;
      response.writeHead(status, { ...headers, 'cache-control': 'no-store' }).end('<h1>Not ingest</h1>');
      return true;
    });
    const page = await newPage();
    await page.goto(host.page(session));
    await click(page);
    await arrived(session, BOTH);
    expect((await stats(page)).retried).toBeGreaterThan(0);
  });

  it('is followed where a redirect keeps the method', async () => {
    const session = randomUUID();
    host.meddle(({ url = '' }, response) => {
      if (url.startsWith('/moved')) return false;
      response.writeHead(308, { location: `/moved${url}` }).end();
      return true;
    });
    const page = await newPage();
    await page.goto(host.page(session));
    await click(page);
    await arrived(session, BOTH);
    expect((await stats(page)).retried).toBe(0);
  });
});

it('a click leaves at once though the clock was set back by an hour', async () => {
  const session = randomUUID();
  const page = await newPage();
  await page.goto(host.page(session));
  await arrived(session, ['impression']);
  await page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() - 3_600_000;
  });
  await click(page);
  await arrived(session, BOTH);
});

it('a browser without keepalive sends by beacon as the page goes', async () => {
  const session = randomUUID();
  const page = await newPage();
  await page.addInitScript(() => {
    Reflect.deleteProperty(Request.prototype, 'keepalive');
    const { fetch } = window;
    // Such a browser ignores the option, and cancels what is on its way as the page goes.
    window.fetch = (input, init) => fetch(input, { ...init, keepalive: false });
  });
  // The ordinary request hangs, so that only a beacon can bring the events.
  const held: (() => void)[] = [];
  let first = true;
  host.meddle((_request, response) => {
    if (!first) return false;
    first = false;
    held.push(() => response.destroy());
    return true;
  });
  await page.goto(host.page(session));
  await click(page);
  await page.goto('about:blank');
  await arrived(session, BOTH);
  for (const release of held) release();
});
