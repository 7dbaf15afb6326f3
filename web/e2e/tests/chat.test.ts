import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { choose, newPage, openChat, suggested, useBrowser, violations } from './browser.ts';
import { eventually, type StoredEvent, stats, storedEvents } from './stack.ts';

useBrowser();

const API = '**/api/telemetry/**';
const of = (events: StoredEvent[], type: string) => events.filter(({ event_type }) => event_type === type);
const count = async (page: Page, name: string) => Number(await page.textContent(`[data-count=${name}] dd`));

describe('what a person clicks', () => {
  it('arrives as impression, selection and completion with context, scoring, rank, dwell and delta', async () => {
    const page = await newPage();
    const session = await openChat(page);
    const first = await suggested(page);
    const clicked = first[1] ?? '';
    await eventually(
      () => storedEvents(session),
      found => found.length === 3,
    );
    const before = await stats(clicked);
    await choose(page, clicked);
    const second = await suggested(page);
    const next = second[0] ?? '';
    await choose(page, next);

    const events = await eventually(
      () => storedEvents(session),
      found => of(found, 'completion').length === 1 && of(found, 'impression').length === 9,
    );
    // Events of one millisecond have no order among themselves; turns and ranks have.
    const place = (event: StoredEvent) =>
      (event.context_interaction_count ?? 0) * 10 + (event.scoring_rank ?? 0);
    const shown = of(events, 'impression').sort((a, b) => place(a) - place(b));
    expect(shown.slice(0, 3).map(({ prompt_id, scoring_rank }) => [prompt_id, scoring_rank])).toEqual(
      first.map((id, rank) => [id, rank]),
    );
    expect(shown.slice(3, 6).map(({ prompt_id }) => prompt_id)).toEqual(second);

    const [selection] = of(events, 'selection');
    const context = {
      prompt_id: clicked,
      context_stage: 'genesis',
      context_lens_id: 'resident',
      context_entropy: 0,
      context_interaction_count: 0,
      context_active_topics: [],
      context_active_moments: ['first_visit'],
      scoring_rank: 1,
      scoring_stage_match: true,
      scoring_topic_weight: 0,
      scoring_moment_boost: 3,
    };
    expect(selection).toMatchObject(context);
    const {
      scoring_lens_weight: lens,
      scoring_base_weight: base,
      scoring_final_score: score,
    } = selection ?? {};
    expect(score).toBeCloseTo(2 + 1.5 + 3 * (lens ?? 0) + 3 + (0.5 * (base ?? 0)) / 100, 3);

    const [completion] = of(events, 'completion');
    expect(completion).toMatchObject({
      ...context,
      outcome_entropy_delta: 0,
      outcome_follow_up_prompt_id: next,
    });
    expect(completion?.outcome_dwell_time_ms).toBeGreaterThan(0);

    const after = await eventually(
      () => stats(clicked),
      ({ completions }) => completions > before.completions,
    );
    expect(after).toMatchObject({
      impressions: before.impressions,
      selections: before.selections + 1,
      completions: before.completions + 1,
    });
  });

  it('carries the entropy that the answer brought', async () => {
    const page = await newPage();
    const session = await openChat(page);
    await choose(page, 'why-streets-differ');
    await choose(page, 'who-lives-in-an-oak');
    await page.fill('[name=message]', 'And the rain?');
    await page.keyboard.press('Enter');
    const events = await eventually(
      () => storedEvents(session),
      found => of(found, 'completion').length === 2,
    );
    const oak = of(events, 'completion').find(({ prompt_id }) => prompt_id === 'who-lives-in-an-oak');
    // From one topic to two alike: ln 2 / ln 5.
    expect(oak?.outcome_entropy_delta).toBeCloseTo(0.4307, 4);
    expect(oak?.outcome_follow_up_prompt_id).toBeNull();
    expect(oak?.context_active_topics).toEqual(['shade']);
  });

  it('is recorded under the lens and stage that were chosen', async () => {
    const page = await newPage();
    const session = await openChat(page);
    await page.selectOption('select >> nth=0', 'planner');
    await page.selectOption('select >> nth=1', 'advocacy');
    const [best = ''] = await suggested(page);
    await choose(page, best);
    const events = await eventually(
      () => storedEvents(session),
      found => of(found, 'selection').length === 1,
    );
    expect(of(events, 'selection')[0]).toMatchObject({
      prompt_id: best,
      context_lens_id: 'planner',
      context_stage: 'advocacy',
      scoring_rank: 0,
    });
  });

  it.each([50, 0])('is not lost when the tab is closed %i ms after the click', async ms => {
    const page = await newPage();
    const session = await openChat(page);
    const [first = ''] = await suggested(page);
    await page.click(`[data-prompt="${first}"]`);
    await page.waitForTimeout(ms);
    await page.close({ runBeforeUnload: true });
    const events = await eventually(
      () => storedEvents(session),
      found => of(found, 'selection').length === 1,
    );
    expect(of(events, 'selection')[0]?.prompt_id).toBe(first);
    expect(of(events, 'impression')).toHaveLength(3);
    expect(of(events, 'completion')).toHaveLength(0);
  });

  it('is complete when the tab is closed after the answer', async () => {
    const page = await newPage();
    const session = await openChat(page);
    const [first = ''] = await suggested(page);
    await choose(page, first);
    await page.close({ runBeforeUnload: true });
    const events = await eventually(
      () => storedEvents(session),
      found => of(found, 'completion').length === 1,
    );
    expect(of(events, 'completion')[0]).toMatchObject({
      prompt_id: first,
      outcome_entropy_delta: 0,
      outcome_follow_up_prompt_id: null,
    });
    expect(of(events, 'completion')[0]?.outcome_dwell_time_ms).toBeGreaterThan(0);
  });
});

describe('when the API is down', () => {
  it('prompts still run, the queue holds, and all arrives once it is back', async () => {
    const page = await newPage();
    const session = await openChat(page);
    await eventually(
      () => count(page, 'sent'),
      sent => sent === 3,
    );
    await page.route(API, route => route.abort());
    const [first = ''] = await suggested(page);
    await choose(page, first);
    expect(await page.textContent('.guide')).toMatch(/\w+ \w+/);
    await eventually(
      () => count(page, 'retried'),
      retried => retried > 0,
    );
    await eventually(
      () => count(page, 'queued'),
      queued => queued === 4,
    );
    expect(await count(page, 'dropped')).toBe(0);
    await page.unroute(API);
    const events = await eventually(
      () => storedEvents(session),
      found => found.length === 7,
    );
    expect(of(events, 'selection')).toHaveLength(1);
  });

  it('the network switch shows the same, and recovers at once', async () => {
    const page = await newPage();
    const session = await openChat(page);
    await eventually(
      () => count(page, 'sent'),
      sent => sent === 3,
    );
    await page.click('[role=switch]');
    const [first = ''] = await suggested(page);
    await choose(page, first);
    await eventually(
      () => count(page, 'queued'),
      queued => queued === 4,
    );
    await page.click('[role=switch]');
    await eventually(
      () => count(page, 'queued'),
      queued => queued === 0,
    );
    await eventually(
      () => storedEvents(session),
      found => found.length === 7,
    );
  });
});

describe('the side view', () => {
  it('shows a click in the numbers of its prompt', async () => {
    const page = await newPage();
    await openChat(page);
    const [first = ''] = await suggested(page);
    const before = await stats(first);
    await choose(page, first);
    const cell = page.locator('tr.past >> nth=0').locator('[data-field=selections]');
    await eventually(
      () => cell.textContent(),
      text => Number(text) === before.selections + 1,
    );
  });
});

describe.each(['light', 'dark'] as const)('axe in %s', scheme => {
  it('finds nothing before the first question, while answering, after it, and with the network cut', async () => {
    const page = await newPage(scheme);
    await openChat(page);
    const [first = ''] = await suggested(page);
    expect(await violations(page)).toEqual([]);
    await page.click(`[data-prompt="${first}"]`);
    expect(await violations(page)).toEqual([]);
    await page.waitForSelector('[data-prompt]');
    await page.click('[role=switch]');
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await violations(page)).toEqual([]);
  });
});
