import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { choose, newPage, open, openChat, suggested, useBrowser, violations } from './browser.ts';
import { eventually, stats } from './stack.ts';

useBrowser();

const LIST = '**/prompts/performance*';
const rows = (page: Page) => page.$$eval('tbody th', cells => cells.map(cell => cell.textContent ?? ''));
const settled = (page: Page) => page.waitForSelector('table[aria-busy=false]');
const shown = (page: Page) =>
  page.$$eval('tbody td:nth-child(2)', cells =>
    cells.map(cell => Number(cell.textContent?.replaceAll(',', ''))),
  );

// The list must hold something, whatever ran before.
async function withData(page: Page) {
  await openChat(page);
  const ids = await suggested(page);
  await eventually(
    () => stats(ids[0] ?? ''),
    ({ impressions }) => impressions > 0,
  );
  return ids;
}

describe('the panel on the real stack', () => {
  it('sorts by what the header says, both ways', async () => {
    const page = await newPage();
    await withData(page);
    await open(page, '/panel');
    await settled(page);
    const numbers = await shown(page);
    expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
    await page.click('th[aria-sort=descending] button');
    await page.waitForSelector('th[aria-sort=ascending]');
    await settled(page);
    const turned = await shown(page);
    expect(turned).toEqual([...turned].sort((a, b) => a - b));
    await page.click('th >> text=Prompt');
    await page.waitForURL(/sort=promptId/);
    await settled(page);
    const ids = await rows(page);
    expect(ids).toEqual([...ids].sort());
  });

  it('filters by search and lens, keeps the filters in its URL, and shows its empty state', async () => {
    const page = await newPage();
    const [id = ''] = await withData(page);
    await open(page, '/panel');
    await page.fill('[placeholder="Part of an id"]', id.toUpperCase());
    await eventually(
      () => rows(page),
      found => found.length === 1,
    );
    expect(await rows(page)).toEqual([id]);
    await page.reload();
    await settled(page);
    expect(await rows(page)).toEqual([id]);
    await page.fill('[placeholder="Any"]', 'no such lens');
    await page.waitForSelector('text=No prompt matches');
    await page.click('text=Clear filters');
    await settled(page);
    expect((await rows(page)).length).toBeGreaterThan(1);
    expect(new URL(page.url()).search).toBe('');
  });

  it('shows a click made in another tab', async () => {
    const page = await newPage();
    const [id = ''] = await withData(page);
    const panel = await page.context().newPage();
    await open(panel, `/panel?refresh=5&search=${id}`);
    await settled(panel);
    const selections = async () => Number(await panel.textContent('tbody td:nth-child(3)'));
    const before = await selections();
    await choose(page, id);
    await eventually(selections, now => now === before + 1);
  });
});

const ROW = {
  promptId: 'a-prompt',
  impressions: 150,
  selections: 45,
  completions: 40,
  selectionRate: 0.3,
  avgEntropyDelta: -0.02,
  avgDwellTimeMs: 1_200,
  lastSurfaced: '2026-01-02T03:04:05Z',
};
const ROWS = [
  ROW,
  { ...ROW, promptId: 'few', impressions: 2, selections: 1 },
  { ...ROW, promptId: 'ti\u200bde' },
  { ...ROW, promptId: 'over', impressions: 10, selections: 12, selectionRate: 1.2 },
  {
    ...ROW,
    promptId: 'nothing',
    selections: 0,
    completions: 0,
    selectionRate: 0,
    avgEntropyDelta: null,
    avgDwellTimeMs: null,
  },
];
const PROBLEM = {
  type: 'about:blank',
  title: 'Service Unavailable',
  status: 503,
  code: 'database_unavailable',
};

// States that a healthy stack does not show are answered in its place.
const STATES: Record<string, { status: number; body: unknown; path?: string; expected: string }> = {
  rows: { status: 200, body: { prompts: ROWS, total: 80 }, expected: 'tbody th' },
  'empty ever': { status: 200, body: { prompts: [], total: 0 }, expected: 'text=No prompts yet' },
  'empty by filter': {
    status: 200,
    body: { prompts: [], total: 0 },
    path: '?search=x',
    expected: 'text=No prompt matches',
  },
  error: { status: 503, body: PROBLEM, expected: 'text=could not be read' },
  unauthorised: { status: 401, body: { ...PROBLEM, status: 401 }, expected: 'text=need the read token' },
};

describe.each(['light', 'dark'] as const)('axe in %s finds nothing in the state', scheme => {
  it.each(Object.keys(STATES))('%s', async name => {
    const { status, body, path = '', expected } = STATES[name] as (typeof STATES)[string];
    const page = await newPage(scheme);
    await page.route(LIST, route => route.fulfill({ status, json: body }));
    await open(page, `/panel${path}`);
    await page.waitForSelector(expected);
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await violations(page)).toEqual([]);
  });

  it('first load', async () => {
    const page = await newPage(scheme);
    await page.route(LIST, () => new Promise(() => {}));
    await open(page, '/panel');
    await page.waitForSelector('table[aria-busy=true]');
    expect(await violations(page)).toEqual([]);
  });

  it('failed refresh, with the rows kept', async () => {
    const page = await newPage(scheme);
    await page.route(LIST, route => route.fulfill({ json: { prompts: ROWS, total: 4 } }));
    await open(page, '/panel');
    await settled(page);
    await page.unroute(LIST);
    await page.route(LIST, route => route.fulfill({ status: 503, json: PROBLEM }));
    await page.click('text=Refresh now');
    await page.waitForSelector('text=Refresh failed');
    expect(await rows(page)).toHaveLength(ROWS.length);
    expect(await violations(page)).toEqual([]);
  });

  it('wrong token', async () => {
    const page = await newPage(scheme);
    await page.route(LIST, route => route.fulfill({ status: 401, json: { ...PROBLEM, status: 401 } }));
    await open(page, '/panel');
    await page.fill('[name=token]', 'wrong');
    await page.click('text=Show the numbers');
    await page.waitForSelector('text=not accepted');
    expect(await violations(page)).toEqual([]);
  });
});
