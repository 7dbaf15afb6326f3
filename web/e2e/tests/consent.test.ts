import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { newPage, useBrowser } from './browser.ts';
import { openHost } from './served.ts';
import { eventually, INGEST_URL, storedEvents } from './stack.ts';

useBrowser();

const API = '**/api/telemetry/**';
// A host whose person may withdraw consent in each way that there is; ?way=… says which, ?session=… for whom.
const HOST = `
  import { getTelemetryClient, usePromptTelemetry } from '@prompt-telemetry/sdk/react';
  import { createElement, useEffect, useState } from 'react';
  import { createRoot } from 'react-dom/client';

  const given = new URLSearchParams(location.search);
  const sessionId = given.get('session');
  const way = given.get('way');
  const match = { stageMatch: true, lensWeight: 1, topicWeight: 0, momentBoosts: 0 };
  const prompts = ['a', 'b'].map(id => ({ prompt: { id }, score: 1, matchDetails: match }));
  const context = { stage: 'genesis', entropy: 0, activeLensId: null, activeMoments: [], interactionCount: 0, topicsExplored: [] };

  function Host() {
    const [agreed, agree] = useState(given.get('agreed') !== 'no');
    const { recordImpressions, recordSelection, beginCompletion } = usePromptTelemetry({
      sessionId,
      ...(way === 'enabled' ? { enabled: agreed } : way === 'consent' ? { consent: agreed ? 'granted' : 'denied' } : {}),
    });
    useEffect(() => recordImpressions(prompts, context), [recordImpressions]);
    const choose = () => {
      recordSelection('a');
      beginCompletion('a').responseDone({ entropy: 0.5 });
    };
    const turn = next => () => {
      agree(next);
      if (way === 'setConsent') getTelemetryClient({ sessionId }).setConsent(next ? 'granted' : 'denied');
    };
    const button = (text, onClick) => createElement('button', { onClick }, text);
    return [
      button('Choose', choose),
      button('Withdraw', turn(false)),
      button('Agree', turn(true)),
    ];
  }
  createRoot(document.querySelector('#root')).render(createElement(Host));`;
const HTML = '<!doctype html><title>host</title><div id="root"></div><script src="/sdk/host.js"></script>';

let script = '';
beforeAll(async () => {
  const { outputFiles } = await build({
    stdin: { contents: HOST, resolveDir: fileURLToPath(new URL('../../hosts', import.meta.url)) },
    bundle: true,
    write: false,
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  script = outputFiles[0]?.text ?? '';
});

const openPage = (page: Page, way: string, session: string, more = '') =>
  openHost(page, `?way=${way}&session=${session}${more}`, HTML, { 'host.js': script });
const kept = (page: Page) =>
  page.evaluate(() => Object.keys(localStorage).filter(key => key.startsWith('prompt-telemetry')).length);
const requestsOf = (page: Page) => {
  const seen: string[] = [];
  page.on('request', request => request.url().includes('/api/telemetry/') && seen.push(request.url()));
  return seen;
};

describe.each(['enabled', 'consent', 'setConsent'])('consent withdrawn by %s', way => {
  it('stops everything at once and clears what waits, in memory and in storage', async () => {
    const page = await newPage();
    const session = randomUUID();
    await page.route(API, route => route.abort());
    await openPage(page, way, session);
    await page.click('text=Choose');
    await eventually(
      () => kept(page),
      // The queue, and what was recorded once.
      count => count === 2,
    );
    const requests = requestsOf(page);
    await page.click('text=Withdraw');
    expect(await kept(page)).toBe(0);
    await page.unroute(API);
    const before = requests.length;
    await page.click('text=Choose');
    // Longer than the first retry would take, and then everything that a page can do when it is left.
    await page.waitForTimeout(2_500);
    await page.goto(`${INGEST_URL}/openapi.json`);
    expect(requests.length).toBe(before);
    expect(await kept(page)).toBe(0);
    expect(await storedEvents(session)).toEqual([]);
  });

  it('and given again records what is visible from then on', async () => {
    const page = await newPage();
    const session = randomUUID();
    await openPage(page, way, session);
    await page.click('text=Withdraw');
    await page.click('text=Agree');
    await page.click('text=Choose');
    const events = await eventually(
      () => storedEvents(session),
      found => found.some(({ event_type }) => event_type === 'selection'),
    );
    expect(events.filter(({ event_type }) => event_type === 'selection')).toHaveLength(1);
  });
});

it('without consent, or under Global Privacy Control, a page makes no request and keeps nothing', async () => {
  for (const [way, privacy] of [
    ['enabled', false],
    ['consent', false],
    ['none', true],
  ] as const) {
    const page = await newPage();
    const requests = requestsOf(page);
    if (privacy)
      await page.addInitScript(() =>
        Object.defineProperty(navigator, 'globalPrivacyControl', { value: true }),
      );
    await openPage(page, way, randomUUID(), '&agreed=no');
    await page.click('text=Choose');
    await page.waitForTimeout(500);
    expect(await kept(page)).toBe(0);
    await page.goto(`${INGEST_URL}/openapi.json`);
    expect(requests).toEqual([]);
  }
});
