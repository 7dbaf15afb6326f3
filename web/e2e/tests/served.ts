// Pages of a host that ingest does not serve: answered in its place, on its origin, so that their requests reach it.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { INGEST_URL } from './stack.ts';

const PAGES = fileURLToPath(new URL('../../hosts/applications/pages/', import.meta.url));
const DIST = fileURLToPath(new URL('../../sdk/dist/', import.meta.url));

/** Opens a host's page: one of `hosts/applications/pages`, or `html`, which may load the built SDK from `/sdk/`. */
export async function openHost(
  page: Page,
  name: string,
  html?: string,
  scripts: Record<string, string> = {},
) {
  await page.route(`${INGEST_URL}/sdk/**`, async route => {
    const path = new URL(route.request().url()).pathname.replace('/sdk/', '');
    const body = scripts[path] ?? (await readFile(DIST + path, 'utf8'));
    await route.fulfill({ body, contentType: 'text/javascript' });
  });
  await page.route(`${INGEST_URL}/host/**`, async route => {
    const body = html ?? (await readFile(`${PAGES}${name}.html`, 'utf8'));
    await route.fulfill({ body, contentType: 'text/html' });
  });
  await page.goto(`${INGEST_URL}/host/${name}`);
}
