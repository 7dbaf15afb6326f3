import { describe, expect, it } from 'vitest';
import { MAX_EXPORT_ROWS, readAll, toCsv } from '../../src/panel/csv.js';
import { fakeIngest, row } from './ingest.js';

const cells = (promptId: string) => toCsv([row(promptId)]).split('\r\n')[1];

describe('the CSV file', () => {
  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', ' =1', '\r=1', '＝1', '|calc', '%0A'])(
    'marks %j as text',
    promptId => {
      expect(cells(promptId)).toMatch(/^"'/);
    },
  );

  it('leaves other ids as they are, with quotes doubled', () => {
    expect(cells('say "hi", a-b=c')).toMatch(/^"say ""hi"", a-b=c",150,/);
  });

  it('keeps numbers numbers, a negative one too, and leaves no value empty', () => {
    const text = toCsv([row('a', { avgEntropyDelta: -0.25, avgDwellTimeMs: null, lastSurfaced: null })]);
    expect(text.split('\r\n')[1]).toBe('"a",150,45,40,0.3,0.2324,0.3776,-0.25,,');
  });

  it('has as many cells in its header as in each row, and starts with the byte order mark', () => {
    const [header, first] = toCsv([row('a')]).split('\r\n');
    expect(header?.split(',')).toHaveLength(first?.split(',').length ?? 0);
    expect(header?.startsWith('\ufeffprompt_id,')).toBe(true);
  });
});

describe('the export', () => {
  it('reads every page of what the filters match, in the order shown', async () => {
    const all = Array.from({ length: 1_203 }, (_, index) => row(`item-${index}`));
    const { fetcher, queries } = fakeIngest(() => all);
    const rows = await readAll(fetcher, { search: 'item', limit: 25, offset: 50 }, '');
    expect(rows).toEqual(all);
    expect(queries.map(({ offset, limit, search }) => [offset, limit, search])).toEqual([
      [0, 500, 'item'],
      [500, 500, 'item'],
      [1_000, 500, 'item'],
    ]);
  });

  it('holds a row once that moved between two pages', async () => {
    const page = (from: number) => Array.from({ length: 500 }, (_, index) => row(`item-${from + index}`));
    const rows = await readAll(
      async ({ offset = 0 }) => ({ prompts: offset < 500 ? page(0) : page(499).slice(0, 10), total: 509 }),
      {},
      '',
    );
    expect(rows).toHaveLength(509);
  });

  it('ends at its greatest size', async () => {
    const all = Array.from({ length: MAX_EXPORT_ROWS + 700 }, (_, index) => row(`item-${index}`));
    expect(await readAll(fakeIngest(() => all).fetcher, {}, '')).toHaveLength(MAX_EXPORT_ROWS);
  });
});
