import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { choose, newPage, open, openChat, suggested, useBrowser } from './browser.ts';

useBrowser();

declare global {
  interface Window {
    refused: string[];
    ran?: boolean;
  }
}

// A page that remembers what its content security policy has refused, from its first element on.
async function watchedPage(): Promise<Page> {
  const page = await newPage();
  await page.addInitScript(() => {
    window.refused = [];
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => {
      window.refused.push(`${effectiveDirective} ${blockedURI}`);
    });
  });
  return page;
}

const refused = (page: Page) => page.evaluate(() => window.refused);

describe('the content security policy', () => {
  it('lets the chat do all that it does', async () => {
    const page = await watchedPage();
    await openChat(page);
    const [first = ''] = await suggested(page);
    await choose(page, first);
    await suggested(page);
    expect(await refused(page)).toEqual([]);
  });

  it('lets the panel do all that it does, its own style sheet included', async () => {
    const page = await watchedPage();
    await open(page, '/panel');
    await page.waitForSelector('table[aria-busy=false], .ptp-notice');
    const file = page.waitForEvent('download');
    await page.click('text=Save as CSV');
    await file;
    expect(await page.$eval('.ptp', panel => getComputedStyle(panel).borderRadius)).toBe('16px');
    expect(await refused(page)).toEqual([]);
  });

  it('runs no script, applies no style and reaches no server that is not ours', async () => {
    for (const path of ['/', '/panel']) {
      const page = await watchedPage();
      await open(page, path);
      await page.evaluate(async () => {
        const script = document.createElement('script');
        script.textContent = 'window.ran = true';
        const style = document.createElement('style');
        style.textContent = 'body { outline: 7px solid red }';
        document.head.append(script, style);
        await fetch('http://127.0.0.1:1/').catch(() => {});
      });
      expect(await page.evaluate(() => window.ran)).toBeUndefined();
      expect(await page.evaluate(() => getComputedStyle(document.body).outlineWidth)).not.toBe('7px');
      const found = await refused(page);
      for (const directive of [
        'script-src-elem inline',
        'style-src-elem inline',
        'connect-src http://127.0.0.1:1/',
      ])
        expect(found).toContain(directive);
    }
  });

  it('may not be framed', async () => {
    const page = await newPage();
    await open(page, '/openapi.json');
    const framed = await page.evaluate(async () => {
      const frame = document.createElement('iframe');
      frame.src = '/panel';
      document.documentElement.append(frame);
      await new Promise(resolve => frame.addEventListener('load', resolve));
      return frame.contentDocument?.querySelector('#root') ?? null;
    });
    expect(framed).toBeNull();
  });
});
