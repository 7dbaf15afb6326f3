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
  const numbered = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => row(`item-${String(from + index).padStart(6, '0')}`));

  it('reads every page of what the filters match, by id, whatever page and order are shown', async () => {
    const all = numbered(0, 1_203);
    const { fetcher, queries } = fakeIngest(() => [...all].reverse());
    const rows = await readAll(fetcher, { search: 'item', limit: 25, offset: 50, sort: 'impressions' }, '');
    expect(rows).toEqual(all);
    expect(queries.map(({ after, limit, search, sort }) => [after, limit, search, sort])).toEqual([
      [undefined, 500, 'item', 'promptId'],
      ['item-000499', 500, 'item', 'promptId'],
      ['item-000999', 500, 'item', 'promptId'],
    ]);
    expect(queries.every(({ offset }) => offset === undefined)).toBe(true);
  });

  it('misses no row and holds none twice while others come, go and move', async () => {
    let reads = 0;
    const { fetcher } = fakeIngest(() => {
      const stay = numbered(0, 1_400).map((each, index) => ({
        ...each,
        impressions: (index * 7919 * reads) % 997,
      }));
      const come = Array.from({ length: reads * 30 }, (_, index) => row(`item-000000-new-${index}`));
      const gone = reads++;
      return [...come, ...stay.slice(gone * 20)];
    });
    const ids = (await readAll(fetcher, {}, '')).map(({ promptId }) => promptId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { promptId } of numbered(500, 1_400)) expect(ids).toContain(promptId);
  });

  it('ends with a reason when the server does not know how to page by id', async () => {
    const page = numbered(0, 500);
    await expect(readAll(async () => ({ prompts: page, total: 900 }), {}, '')).rejects.toThrow(
      'update ingest',
    );
  });

  it('ends at its greatest size', async () => {
    let from = 0;
    const endless = async () => {
      from += 500;
      return { prompts: numbered(from - 500, from), total: 1_000_000 };
    };
    expect(await readAll(endless, {}, '')).toHaveLength(MAX_EXPORT_ROWS);
  });
});
