import { describe, expect, it } from 'vitest';
import { changeView, DEFAULT_VIEW, parseView, toQuery, writeView } from '../../src/panel/view.js';

describe('the view in the URL', () => {
  it('comes back as it was written', () => {
    const view = {
      sort: 'avgDwellTimeMs',
      order: 'asc',
      page: 3,
      size: 50,
      lens: 'a&b=c',
      stage: 'synthesis',
      search: '50 % + x',
      minImpressions: 30,
      refreshSeconds: 5,
    } as const;
    expect(parseView(writeView('', 'pp_', view), 'pp_')).toEqual(view);
  });

  it('leaves out what is as by default, and leaves alone what is not its own', () => {
    expect(writeView('?tab=2&search=old', '', DEFAULT_VIEW)).toBe('tab=2');
  });

  it.each([
    'sort=; drop',
    'sort=toString',
    'page=-1',
    'page=0',
    'page=x',
    'size=9999',
    'stage=late',
    'refresh=1',
    'min=1e9',
  ])('takes %j as absent', text => {
    expect(parseView(text, '')).toEqual(DEFAULT_VIEW);
  });

  it('starts again at the first page with another filter or order, but not with another refresh', () => {
    const view = { ...DEFAULT_VIEW, page: 4 };
    expect(changeView(view, { search: 'x' }).page).toBe(0);
    expect(changeView(view, { sort: 'selections' }).page).toBe(0);
    expect(changeView(view, { refreshSeconds: 5 }).page).toBe(4);
    expect(changeView(view, { page: 5 }).page).toBe(5);
  });

  it('asks for no filter that is not set', () => {
    expect(JSON.parse(JSON.stringify(toQuery({ ...DEFAULT_VIEW, page: 2 })))).toEqual({
      limit: 25,
      offset: 50,
      sort: 'impressions',
      order: 'desc',
    });
  });
});
