import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import { renderToString } from 'react-dom/server';
import { describe, expect, it, vi } from 'vitest';
import { PromptPerformancePanel } from '../../src/panel/index.js';
import { failure, fakeIngest, row } from './ingest.js';
import { isolate, pass, show } from './support.js';

isolate();
const many = Array.from({ length: 60 }, (_, index) => row(`item-${index}`));
const header = (name: string) => screen.getByRole('columnheader', { name: new RegExp(`^${name}`) });
const type = (label: string, value: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value } });

describe('the states', () => {
  it('shows a skeleton that is busy until the first answer', async () => {
    render(<PromptPerformancePanel fetcher={() => new Promise(() => {})} />);
    expect(screen.getByRole('table').getAttribute('aria-busy')).toBe('true');
    expect(screen.getAllByRole('columnheader')).toHaveLength(8);
  });

  it('says that there is nothing yet', async () => {
    await show({ fetcher: fakeIngest(() => []).fetcher });
    expect(screen.getByRole('heading', { name: 'No prompts yet' })).toBeTruthy();
  });

  it('says that the filters leave nothing, and clears them', async () => {
    history.replaceState(null, '', '/panel?search=zzz&min=5&other=1');
    const { fetcher, last } = fakeIngest(({ search }) => (search ? [] : [row('a')]));
    await show({ fetcher });
    fireEvent.click(screen.getByRole('button', { name: 'Clear filters' }));
    await pass(0);
    expect(screen.getByRole('rowheader', { name: 'a' })).toBeTruthy();
    expect(last()?.minImpressions).toBeUndefined();
    expect(location.search).toBe('?other=1');
    expect((screen.getByLabelText('Search') as HTMLInputElement).value).toBe('');
  });

  it('shows why the first reading failed, and tries again', async () => {
    let broken = true;
    const { fetcher } = fakeIngest(() => {
      if (broken) throw failure(503, 'no database');
      return [row('a')];
    });
    await show({ fetcher });
    expect(screen.getByRole('alert').textContent).toContain('no database');
    broken = false;
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await pass(0);
    expect(screen.getByRole('rowheader', { name: 'a' })).toBeTruthy();
  });

  it('asks for the read token, says when it is wrong, and keeps it for the tab', async () => {
    const { fetcher, queries } = fakeIngest((_, token) => {
      if (token !== 'right') throw failure(401);
      return [row('a')];
    });
    await show({ fetcher, baseUrl: 'https://one.test/t/' });
    const give = async (token: string) => {
      type('Read token', token);
      fireEvent.submit(screen.getByLabelText('Read token').closest('form') as HTMLFormElement);
      await pass(0);
    };
    expect(screen.queryByRole('alert')).toBeNull();
    await give('wrong');
    expect(screen.getByRole('alert').textContent).toBe('That token was not accepted.');
    await pass(600_000);
    expect(queries).toHaveLength(2);
    await give('right');
    expect(screen.getByRole('rowheader', { name: 'a' })).toBeTruthy();
    cleanup();
    await show({ fetcher, baseUrl: 'https://one.test/t' });
    expect(screen.getByRole('rowheader', { name: 'a' })).toBeTruthy();
  });

  it('gives the token of one server to no other', async () => {
    const seen: [string, string | null][] = [];
    const fetch = vi.fn(async (url: string, init?: RequestInit) => {
      const token = new Headers(init?.headers).get('authorization');
      seen.push([new URL(url, location.href).host, token]);
      return token ? Response.json({ prompts: [row('a')], total: 1 }) : new Response('{}', { status: 401 });
    }) as never;
    const at = (baseUrl?: string) => <PromptPerformancePanel fetch={fetch} baseUrl={baseUrl} />;
    const { rerender } = await show({ fetch, baseUrl: 'https://one.test/t' });
    type('Read token', 'secret of one');
    fireEvent.submit(screen.getByLabelText('Read token').closest('form') as HTMLFormElement);
    await pass(0);
    for (const other of ['https://two.test/t', 'https://one.test/other', undefined]) {
      rerender(at(other));
      await pass(0);
      expect(seen.at(-1)?.[1]).toBeNull();
    }
    rerender(at('https://one.test/t'));
    await pass(0);
    expect(seen.at(-1)).toEqual(['one.test', 'Bearer secret of one']);
    cleanup();
    const fetcher = vi.fn(async () => ({ prompts: [], total: 0 }));
    await show({ fetcher });
    expect(fetcher).toHaveBeenCalledWith(expect.anything(), expect.objectContaining({ token: '' }));
  });

  it('marks an id that may look like another', async () => {
    const { fetcher } = fakeIngest(() => [row('tide'), row('ti\u200bde')]);
    await show({ fetcher });
    expect(screen.getByRole('rowheader', { name: 'tide' }).className).toBe('');
    expect(screen.getByRole('rowheader', { name: 'ti‹U+200B›de' }).className).toBe('ptp-flag');
  });

  it('sends the token, the base URL and the host’s headers with its own request', async () => {
    sessionStorage.setItem('prompt-telemetry:read-token https://ingest.test/t', 'secret');
    const fetch = vi.fn(async () => new Response(JSON.stringify({ prompts: [], total: 0 })));
    await show({ fetch, baseUrl: 'https://ingest.test/t', headers: { 'x-team': 'web' } });
    const [url, init] = fetch.mock.calls[0] as unknown as [string, RequestInit];
    expect(url).toBe(
      'https://ingest.test/t/prompts/performance?limit=25&offset=0&sort=impressions&order=desc',
    );
    expect(Object.fromEntries(new Headers(init.headers))).toMatchObject({
      authorization: 'Bearer secret',
      'x-team': 'web',
    });
  });

  it('renders on a server', () => {
    expect(renderToString(<PromptPerformancePanel />)).toContain('Prompt performance');
  });
});

describe('sorting', () => {
  it('is the server’s, by buttons in the headers, with aria-sort on one of them', async () => {
    const { fetcher, last } = fakeIngest(() => many);
    await show({ fetcher });
    const sorted = () => screen.getAllByRole('columnheader').filter(each => each.hasAttribute('aria-sort'));
    expect(sorted()).toEqual([header('Shown')]);
    expect(header('Shown').getAttribute('aria-sort')).toBe('descending');

    fireEvent.click(within(header('Dwell')).getByRole('button'));
    await pass(0);
    expect(last()).toMatchObject({ sort: 'avgDwellTimeMs', order: 'desc', offset: 0 });
    expect(sorted()).toEqual([header('Dwell')]);

    fireEvent.click(within(header('Dwell')).getByRole('button'));
    await pass(0);
    expect(last()).toMatchObject({ sort: 'avgDwellTimeMs', order: 'asc' });
    expect(header('Dwell').getAttribute('aria-sort')).toBe('ascending');
    expect(screen.getByText('60 prompts, sorted by dwell, ascending').getAttribute('role')).toBe('status');
  });

  it('starts with A for names', async () => {
    const { fetcher, last } = fakeIngest(() => many);
    await show({ fetcher });
    fireEvent.click(within(header('Prompt')).getByRole('button'));
    await pass(0);
    expect(last()).toMatchObject({ sort: 'promptId', order: 'asc' });
  });

  it('keeps the focus over a refresh', async () => {
    await show({ fetcher: fakeIngest(() => many).fetcher });
    const button = within(header('Selected')).getByRole('button');
    button.focus();
    await pass(30_000);
    expect(document.activeElement).toBe(button);
  });
});

describe('paging', () => {
  it('turns pages on the server and stops at both ends', async () => {
    const { fetcher, last, queries } = fakeIngest(() => many);
    await show({ fetcher });
    const button = (name: string) => screen.getByRole('button', { name });
    expect(screen.getByText('1–25 of 60 prompts')).toBeTruthy();
    expect(button('Previous').getAttribute('aria-disabled')).toBe('true');
    for (const _ of [1, 2]) {
      fireEvent.click(button('Next'));
      await pass(0);
    }
    expect(last()).toMatchObject({ offset: 50, limit: 25 });
    expect(screen.getByText('51–60 of 60 prompts')).toBeTruthy();
    expect(location.search).toBe('?page=3');
    fireEvent.click(button('Next'));
    await pass(0);
    expect(queries).toHaveLength(3);
  });

  it('goes to the last page when a link points past it', async () => {
    history.replaceState(null, '', '/panel?page=9');
    const { fetcher, last } = fakeIngest(() => many);
    await show({ fetcher });
    await pass(0);
    expect(last()).toMatchObject({ offset: 50 });
    expect(location.search).toBe('?page=3');
  });
});

describe('filters', () => {
  it('wait for the end of the typing, then ask once and stand in the URL', async () => {
    const { fetcher, queries, last } = fakeIngest(() => many);
    await show({ fetcher });
    type('Search', 'it');
    await pass(200);
    type('Search', 'item');
    await pass(299);
    expect(queries).toHaveLength(1);
    await pass(1);
    expect(queries).toHaveLength(2);
    type('Lens', 'none');
    type('Shown at least', '30');
    await pass(300);
    fireEvent.change(screen.getByLabelText('Stage'), { target: { value: 'genesis' } });
    await pass(0);
    expect(last()).toMatchObject({ search: 'item', lens: 'none', stage: 'genesis', minImpressions: 30 });
    expect(location.search).toBe('?search=item&lens=none&min=30&stage=genesis');
  });

  it('come from the URL, and follow it when the person goes back', async () => {
    history.replaceState(null, '', '/panel?search=abc&sort=selections');
    const { fetcher, last } = fakeIngest(() => many);
    await show({ fetcher });
    expect(last()).toMatchObject({ search: 'abc', sort: 'selections' });
    history.replaceState(null, '', '/panel?search=def');
    fireEvent.popState(window);
    await pass(0);
    expect(last()).toMatchObject({ search: 'def', sort: 'impressions' });
    expect((screen.getByLabelText('Search') as HTMLInputElement).value).toBe('def');
  });

  it('leave the URL alone when told to', async () => {
    const { fetcher, last } = fakeIngest(() => many);
    await show({ fetcher, urlPrefix: null });
    type('Search', 'x');
    await pass(300);
    expect(last()).toMatchObject({ search: 'x' });
    expect(location.search).toBe('');
  });
});

describe('the rows', () => {
  const cells = (name: string) =>
    within(screen.getByRole('row', { name: new RegExp(`^${name}`) }))
      .getAllByRole('cell')
      .map(cell => cell.textContent);

  it('show each number, and the interval beside the rate', async () => {
    await show({ fetcher: fakeIngest(() => [row('a')]).fetcher });
    expect(cells('a')).toEqual(['150', '45', '40', '30.0 % [23.2, 37.8]', '+0.032', '12.4 s', '55 s ago']);
  });

  it('grey a rate on few impressions, and say so', async () => {
    await show({ fetcher: fakeIngest(() => [row('few', { impressions: 1, selections: 1 })]).fetcher });
    expect(cells('few')[3]).toBe('100 % [20.7, 100] small sample');
    expect(document.querySelector('.ptp-small')).toBeTruthy();
  });

  it('flag a rate over 100 % with the reason, and give it no interval', async () => {
    await show({ fetcher: fakeIngest(() => [row('over', { impressions: 15, selections: 17 })]).fetcher });
    expect(cells('over')[3]).toContain('113.3 %');
    expect(cells('over')[3]).toContain('17 selections of 15 impressions: some impressions are missing');
    expect(cells('over')[3]).not.toContain('[');
  });

  it('show clicks without any impression as a flag, not as infinity', async () => {
    await show({ fetcher: fakeIngest(() => [row('lost', { impressions: 0, selections: 2 })]).fetcher });
    expect(cells('lost')[3]).toMatch(/^– ⚠ over 100 %/);
  });
});

describe('the export', () => {
  it('saves all rows that match and says how many', async () => {
    const saved: Blob[] = [];
    URL.createObjectURL = blob => `blob:${saved.push(blob as Blob)}`;
    URL.revokeObjectURL = () => {};
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => {});
    await show({ fetcher: fakeIngest(() => many).fetcher });
    fireEvent.click(screen.getByRole('button', { name: 'Save as CSV' }));
    await pass(0);
    expect(screen.getByText('Saved 60 rows.')).toBeTruthy();
    expect(saved).toHaveLength(1);
    expect(saved[0]?.size).toBeGreaterThan(60 * 40);
  });

  it('says why it failed', async () => {
    await show({
      fetcher: fakeIngest(({ limit }) => {
        if (limit === 500) throw failure(503, 'no database');
        return many;
      }).fetcher,
    });
    fireEvent.click(screen.getByRole('button', { name: 'Save as CSV' }));
    await pass(0);
    expect(screen.getByText('Not saved: no database')).toBeTruthy();
  });
});

describe('accessible names', () => {
  it('stand on the region, the table, each field and each button', async () => {
    await show({ fetcher: fakeIngest(() => many).fetcher, title: 'Our prompts' });
    expect(screen.getByRole('region', { name: 'Our prompts' })).toBeTruthy();
    expect(screen.getByRole('region', { name: 'Our prompts: table' }).tabIndex).toBe(0);
    expect(screen.getByRole('table', { name: 'Our prompts, sorted by shown, descending' })).toBeTruthy();
    for (const name of ['Search', 'Lens', 'Stage', 'Shown at least', 'Refresh', 'Rows']) {
      expect(screen.getByLabelText(name)).toBeTruthy();
    }
    expect(screen.getByRole('navigation', { name: 'Pages of prompts' })).toBeTruthy();
    for (const button of screen.getAllByRole('button')) expect(button.textContent).toMatch(/\w/);
  });
});
