import { expect, it } from 'vitest';
import { newPage, useBrowser } from './browser.ts';
import { openHost } from './served.ts';
import { eventually, storedEvents } from './stack.ts';

useBrowser();

// The applications that need a bundler or a server are in hosts/tests/fresh.
it.each(['module', 'script'])('a plain page with a %s, without a bundler, delivers', async name => {
  const page = await newPage();
  const session = `${name} page`;
  const before = (await storedEvents(session)).length;
  await openHost(page, name);
  await page.click('text=Why trees?');
  const events = await eventually(
    () => storedEvents(session),
    found => found.length === before + 2,
  );
  expect(events.slice(before).map(({ event_type }) => event_type)).toEqual(['impression', 'selection']);
});
