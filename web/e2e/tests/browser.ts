// Debian's Chromium, driven by playwright-core, and axe inside it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, onTestFinished } from 'vitest';
import { INGEST_URL } from './stack.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  // Chromium's own sandbox does not start for root, as whom CI runs; the pages are our own.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let browser: Browser;
let contexts: BrowserContext[] = [];

/** Starts a browser for the file's tests; each gets pages of its own. */
export function useBrowser() {
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: FLAGS,
    });
  });
  afterEach(async () => {
    await Promise.all(contexts.map(context => context.close()));
    contexts = [];
  });
  afterAll(() => browser?.close());
}

/** A blank page of a new person. */
export async function newPage(colorScheme: 'light' | 'dark' = 'light'): Promise<Page> {
  const context = await browser.newContext({ colorScheme, reducedMotion: 'reduce' });
  contexts.push(context);
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  return page;
}

/** Opens a page in a browser that nothing drives: under DevTools, Chromium prerenders no page. */
export function openUndriven(url: string) {
  const profile = mkdtempSync(join(tmpdir(), 'undriven-'));
  const args = [...FLAGS, '--headless=new', `--user-data-dir=${profile}`, url];
  // In a process group of its own, so that the browser's children end with it.
  const started = spawn(CHROMIUM, args, { stdio: 'ignore', detached: true });
  onTestFinished(async () => {
    const ended = once(started, 'exit');
    process.kill(-(started.pid as number), 'SIGKILL');
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  });
}

/** Opens one of the two pages; fails with the remedy when ingest does not serve them. */
export async function open(page: Page, path: string) {
  const answer = await page.goto(INGEST_URL + path);
  expect(
    answer?.status(),
    'ingest serves the pages from --web-dir: build them with `npm run build` in web/',
  ).toBe(200);
}

/** Opens the chat and gives the session under which its events are recorded, as its first request says it. */
export async function openChat(page: Page): Promise<string> {
  const first = page.waitForRequest(request => request.url().includes('/prompt/batch'));
  await open(page, '/');
  return JSON.parse((await first).postData() ?? '').events[0].sessionId;
}

/** The ids of the prompts that are suggested now, once there are some. */
export async function suggested(page: Page): Promise<string[]> {
  await page.waitForSelector('[data-prompt]');
  return page.$$eval('[data-prompt]', cards => cards.map(card => card.getAttribute('data-prompt') ?? ''));
}

/** Clicks a suggestion and waits for the end of the answer. */
export async function choose(page: Page, promptId: string) {
  await page.click(`[data-prompt="${promptId}"]`);
  await page.waitForSelector('[role=log][aria-busy=true]', { state: 'attached' });
  await page.waitForSelector('[role=log][aria-busy=false]', { state: 'attached' });
}

/** What axe finds wrong with the page as it is now, in few words each. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import('axe-core') };
    const found = (await axe.run()).violations;
    return found.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} ${target} ${failureSummary}`),
    );
  });
}
