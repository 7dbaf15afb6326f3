import { fireEvent, screen } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';
import { failure, fakeIngest, row } from './ingest.js';
import { isolate, pass, setVisibility, show } from './support.js';

isolate();
const open = (refresh: string) => history.replaceState(null, '', `/panel?refresh=${refresh}`);

describe('the refresh', () => {
  it.each([
    ['5', 5_000],
    ['30', 30_000],
    ['60', 60_000],
  ])('reads again every %s s', async (seconds, ms) => {
    open(seconds);
    const { fetcher, queries } = fakeIngest(() => [row('a')]);
    await show({ fetcher });
    await pass(ms - 1);
    expect(queries).toHaveLength(1);
    await pass(1);
    expect(queries).toHaveLength(2);
    await pass(ms);
    expect(queries).toHaveLength(3);
  });

  it('goes on at its interval though the clock is set', async () => {
    open('5');
    const { fetcher, queries } = fakeIngest(() => [row('a')]);
    await show({ fetcher });
    for (const ms of [-3_600_000, 7_200_000]) {
      vi.setSystemTime(Date.now() + ms);
      await setVisibility('hidden');
      await setVisibility('visible');
      const before = queries.length;
      await pass(4_000);
      expect(queries).toHaveLength(before);
      await pass(1_000);
      expect(queries).toHaveLength(before + 1);
    }
  });

  it('is off when it is off, but for the button', async () => {
    open('0');
    const { fetcher, queries } = fakeIngest(() => [row('a')]);
    await show({ fetcher });
    await pass(600_000);
    expect(queries).toHaveLength(1);
    fireEvent.click(screen.getByRole('button', { name: 'Refresh now' }));
    await pass(0);
    expect(queries).toHaveLength(2);
  });

  it('pauses while the page is hidden, and catches up when it is seen again', async () => {
    open('5');
    const { fetcher, queries } = fakeIngest(() => [row('a')]);
    await show({ fetcher });
    await setVisibility('hidden');
    await pass(60_000);
    expect(queries).toHaveLength(1);
    await setVisibility('visible');
    await pass(0);
    expect(queries).toHaveLength(2);
  });

  it('says how old the numbers are', async () => {
    open('0');
    await show({ fetcher: fakeIngest(() => [row('a')]).fetcher });
    expect(screen.getByText('Updated just now')).toBeTruthy();
    await pass(12_000);
    expect(screen.getByText('Updated 12 s ago')).toBeTruthy();
  });

  it('keeps the rows and tells the error when it fails, flags their age, and recovers', async () => {
    open('5');
    let broken = false;
    const { fetcher } = fakeIngest(() => {
      if (broken) throw failure(503, 'no database');
      return [row('a')];
    });
    await show({ fetcher });
    broken = true;
    await pass(5_000);
    expect(screen.getByRole('alert').textContent).toContain('no database');
    expect(screen.getByRole('rowheader', { name: 'a' })).toBeTruthy();
    await pass(7_000);
    expect(screen.getByText('Updated 12 s ago').className).toContain('ptp-flag');
    broken = false;
    await pass(5_000);
    expect(screen.queryByRole('alert')).toBeNull();
    expect(screen.getByText(/^Updated/).className).not.toContain('ptp-flag');
  });

  it('waits as long as the server asked', async () => {
    open('5');
    const { fetcher, queries } = fakeIngest(() => {
      throw failure(503, 'later', 20_000);
    });
    await show({ fetcher });
    await pass(19_000);
    expect(queries).toHaveLength(1);
    await pass(1_000);
    expect(queries).toHaveLength(2);
  });

  it('gives a silent server up after ten seconds', async () => {
    await show({ fetcher: () => new Promise(() => {}) });
    expect(screen.queryByRole('alert')).toBeNull();
    await pass(10_000);
    expect(screen.getByRole('alert').textContent).toContain('within 10 s');
  });

  it('reads at once for another refreshKey', async () => {
    const { fetcher, queries } = fakeIngest(() => [row('a')]);
    const { rerender } = await show({ fetcher, refreshKey: 1 });
    const { PromptPerformancePanel } = await import('../../src/panel/index.js');
    rerender(<PromptPerformancePanel fetcher={fetcher} refreshKey={2} />);
    await pass(0);
    expect(queries).toHaveLength(2);
  });

  it('ignores an answer that another question has overtaken', async () => {
    const answers: ((rows: string) => void)[] = [];
    const fetcher = () =>
      new Promise<{ prompts: ReturnType<typeof row>[]; total: number }>(resolve => {
        answers.push(id => resolve({ prompts: [row(id)], total: 1 }));
      });
    await show({ fetcher });
    fireEvent.click(screen.getByRole('button', { name: 'Refresh now' }));
    answers[0]?.('first');
    await pass(0);
    fireEvent.click(screen.getByRole('button', { name: /Selected/ }));
    fireEvent.click(screen.getByRole('button', { name: /Dwell/ }));
    await pass(0);
    answers[2]?.('newest');
    answers[1]?.('overtaken');
    await pass(0);
    expect(screen.getByRole('rowheader').textContent).toBe('newest');
  });
});
