import { describe, expect, it } from 'vitest';
import { Purge } from '../../../lib/drivers/postgres/connection/purge.js';
import type { PgResult } from '../../../lib/drivers/postgres/connection/pg-client.js';
import { FakeClock } from '../../support/fake-clock.js';

const HOUR = 3_600_000;

/** A purge whose calls the test answers in this order: with the last key, null at the end, or an error. */
function purge(...answers: readonly (readonly string[] | null | Error)[]) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const made = new Purge({
    clock,
    random: () => 0.5,
    schema: '"s"',
    call: async (_what, text, [last]): Promise<PgResult> => {
      asked.push(`${/purge_\w+/.exec(text)?.[0]} ${JSON.stringify(last)}`);
      const answer = answers[asked.length - 1] ?? null;
      if (answer instanceof Error) throw answer;
      return { rows: [{ last: answer }] };
    },
  });
  made.start();
  return { clock, asked, made };
}

describe('the walk over the tables', () => {
  it('begins each hour, goes on where the call before has ended, and leaves time between its calls', async () => {
    const { clock, asked, made } = purge(['b'], ['d'], null, ['s', 'k']);
    await clock.advance(HOUR - 1);
    expect(asked).toEqual([]);
    await clock.advance(1);
    expect(asked).toEqual(['purge_locks_1 null']);
    await clock.advance(99);
    expect(asked).toHaveLength(1);
    await clock.advance(1000);
    expect(asked.slice(1)).toEqual([
      'purge_locks_1 ["b"]',
      'purge_locks_1 ["d"]',
      'purge_records_1 null',
      'purge_records_1 ["s","k"]',
    ]);
    await clock.advance(HOUR);
    expect(asked.slice(5, 7)).toEqual(['purge_locks_1 null', 'purge_records_1 null']);
    made.stop();
    await clock.advance(3 * HOUR);
    expect(asked).toHaveLength(7);
  });

  it('goes on a minute after a lost reply, and later and later while none comes', async () => {
    const lost = new Error('Query read timeout');
    const { clock, asked, made } = purge(['b'], lost, lost, ['d']);
    await clock.advance(HOUR + 100);
    expect(asked).toEqual(['purge_locks_1 null', 'purge_locks_1 ["b"]']);
    await clock.advance(60_000);
    expect(asked).toHaveLength(3);
    await clock.advance(60_000);
    expect(asked).toHaveLength(3);
    await clock.advance(60_000);
    expect(asked.slice(2)).toEqual(['purge_locks_1 ["b"]', 'purge_locks_1 ["b"]']);
    await clock.advance(100);
    expect(asked.at(-1)).toBe('purge_locks_1 ["d"]');
    made.stop();
  });
});
