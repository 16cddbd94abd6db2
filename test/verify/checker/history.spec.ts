import { describe, expect, it } from 'vitest';
import { parseLines, readHistory, toLine } from './history.js';
import { leaseRecords } from './fixtures.js';

describe('a history', () => {
  it('is put together from the records of several processes in any order', () => {
    const records = leaseRecords('a', 10, 30, { token: 5 });
    const { calls, leases } = readHistory([
      { type: 'released', at: 41, lease: 'a', called: 40, confirmed: true },
      ...records.toReversed(),
    ]);
    expect(calls).toHaveLength(1);
    expect(leases).toMatchObject([
      { lease: 'a', worker: 'w-a', token: 5, asked: 9, granted: 10, belief: { from: 10, until: 30 } },
    ]);
    expect(leases[0]?.ending).toMatchObject({ type: 'released', confirmed: true });
  });

  it('survives as lines, without the line that a kill cut off', () => {
    const records = leaseRecords('a', 10, 30);
    const text = records.map(toLine).join('');
    expect(parseLines(text)).toEqual(JSON.parse(JSON.stringify(records)));
    expect(parseLines(text.slice(0, -5))).toHaveLength(records.length - 1);
  });

  it('keeps that a lease was lost when it is given back afterwards', () => {
    const { leases } = readHistory([
      ...leaseRecords('a', 10, 30),
      { type: 'lost', at: 35, lease: 'a', reason: 'expired' },
      { type: 'released', at: 41, lease: 'a', called: 40, confirmed: false },
    ]);
    expect(leases[0]?.ending?.type).toBe('lost');
  });

  it('refuses records that speak of what nobody began', () => {
    expect(() => readHistory([{ type: 'held', at: 1, lease: 'a' }])).toThrow('nobody was granted');
    expect(() => readHistory([{ type: 'refused', at: 1, attempt: 'c' }])).toThrow('nobody began');
    expect(() => readHistory([{ type: 'return', at: 1, operation: 'o', accepted: true }])).toThrow(
      'nobody sent',
    );
  });
});
