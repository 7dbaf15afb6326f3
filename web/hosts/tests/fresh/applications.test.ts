// The packed SDK in fresh applications: installed, built and run, in Chromium where there is something to see.

import { type ChildProcess, spawn } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { install, npm, openWorkshop, type Workshop } from './packed.ts';
import { type Site, serve } from './site.ts';

let workshop: Workshop;
let browser: Browser;

beforeAll(async () => {
  workshop = await openWorkshop();
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  // Chromium's own sandbox does not start for root, as whom CI runs; the pages are our own.
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
});

afterAll(async () => {
  await browser?.close();
  await workshop?.close();
});

/** Opens the page, clicks its one suggestion, and waits for both events; no error may reach the page. */
async function clickSuggestion(url: string, { ingest }: Site, sessionId: string) {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', error => errors.push(String(error)));
  page.on('console', message => message.type() === 'error' && errors.push(message.text()));
  await page.goto(url);
  await page.click('text=Why trees?');
  const arrived = () =>
    [...ingest.stored.values()]
      .filter(event => event.sessionId === sessionId && event.promptId === 'why-trees')
      .map(({ eventType }) => eventType)
      .sort();
  await vi.waitFor(() => expect(arrived()).toEqual(['impression', 'selection']), { timeout: 20_000 });
  return { page, errors };
}

it('a Vite application builds and delivers', async () => {
  const folder = await install(workshop, 'vite');
  const output = await npm(folder, 'run', 'build');
  expect(output).not.toMatch(/warn/i);
  const site = await serve({ '/': join(folder, 'dist') });
  const { page, errors } = await clickSuggestion(site.url, site, 'vite');
  await page.waitForSelector('text=No prompts yet');
  expect(errors.filter(text => !text.includes('favicon') && !text.includes('404'))).toEqual([]);
  await page.close();
  await site.close();
});

it('a Next application with server components builds, renders on the server, and delivers', async () => {
  const folder = await install(workshop, 'next');
  const ingest = await serve();
  const port = await freePort();
  const env = {
    ...process.env,
    INGEST_URL: ingest.url,
    NODE_ENV: 'production',
    NEXT_TELEMETRY_DISABLED: '1',
  };
  vi.stubEnv('INGEST_URL', ingest.url);
  await npm(folder, 'run', 'build');
  vi.unstubAllEnvs();
  const next = join(folder, 'node_modules/next/dist/bin/next');
  const server = spawn(process.execPath, [next, 'start', '-p', String(port), '-H', '127.0.0.1'], {
    cwd: folder,
    env,
    stdio: 'ignore',
  });
  try {
    const url = `http://127.0.0.1:${port}/`;
    const html = await vi.waitFor(async () => (await fetch(url)).text(), { timeout: 30_000, interval: 100 });
    expect(html).toContain('impression selection completion');
    expect(html).toContain('Prompt performance');
    const { page, errors } = await clickSuggestion(url, ingest, 'next');
    await page.waitForSelector('text=No prompts yet');
    expect(errors.filter(text => !text.includes('404'))).toEqual([]);
    await page.close();
  } finally {
    await stop(server);
    await ingest.close();
  }
});

it('a Jest test with its default configuration and jsdom passes', async () => {
  const folder = await install(workshop, 'jest');
  expect(await npm(folder, 'test')).toContain('2 passed');
});

it('a Vitest test with jsdom passes', async () => {
  const folder = await install(workshop, 'vitest');
  const test = new URL('../quick/vitest.test.tsx', import.meta.url);
  await cp(test, join(folder, 'vitest.test.tsx'));
  expect(await npm(folder, 'test')).toContain('1 passed');
});

it.each([
  ['module', 'module page'],
  ['script', 'script page'],
])('a plain page with a %s delivers', async (name, sessionId) => {
  const folder = join(workshop.folder, `unpacked-${name}`);
  await npm(workshop.folder, 'install', '--no-save', '--prefix', folder, '--omit=peer', workshop.tarball);
  const site = await serve({
    '/': new URL('../../applications/pages', import.meta.url).pathname,
    '/sdk/': join(folder, 'node_modules/@prompt-telemetry/sdk/dist'),
  });
  const { page, errors } = await clickSuggestion(`${site.url}/${name}.html`, site, sessionId);
  expect(errors.filter(text => !text.includes('404'))).toEqual([]);
  await page.close();
  await site.close();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}

async function stop(child: ChildProcess) {
  const ended = new Promise(resolve => child.once('exit', resolve));
  child.kill();
  await ended;
}
