import { describe, expect, it } from 'vitest';
import { leaseRecords } from './fixtures.js';
import { readHistory } from './history.js';
import { judgeTokens } from './tokens.js';

const judge = (orders: ('asked' | 'belief')[], ...records: ReturnType<typeof leaseRecords>[]) =>
  judgeTokens(readHistory(records.flat()), orders).map(({ judge }) => judge);

describe('the judge of tokens', () => {
  it('is content with tokens that grow, with gaps', () => {
    expect(
      judge(
        ['asked', 'belief'],
        leaseRecords('a', 10, 20, { token: 5 }),
        leaseRecords('b', 30, 40, { token: 99 }),
        leaseRecords('c', 50, 60),
      ),
    ).toEqual([]);
  });

  it('finds a token that was given twice', () => {
    expect(
      judge(
        ['asked'],
        leaseRecords('a', 10, 20, { token: 5, asked: 1 }),
        leaseRecords('b', 12, 22, { token: 5, asked: 1 }),
      ),
    ).toEqual(['token repeated']);
  });

  it('finds a token below that of a lease granted before it was asked for', () => {
    const records = [
      leaseRecords('a', 10, 20, { token: 7 }),
      leaseRecords('b', 30, 40, { token: 8 }),
      leaseRecords('c', 50, 60, { token: 6 }),
    ];
    expect(judge(['asked'], ...records)).toEqual(['token order']);
  });

  it('lets calls at the same time have tokens in either order', () => {
    const records = [
      leaseRecords('a', 10, 20, { token: 7 }),
      leaseRecords('b', 30, 40, { token: 6, asked: 5 }),
    ];
    expect(judge(['asked'], ...records)).toEqual([]);
    expect(judge(['belief'], ...records)).toEqual(['token order']);
  });

  it('lets a lease that is handed on within its process have the token that was reserved for it', () => {
    const before = leaseRecords('a', 10, 20, { token: 7, asked: 5, worker: 'one' });
    const other = leaseRecords('b', 30, 40, { token: 23, asked: 25, worker: 'two' });
    const late = { token: 8, asked: 35 };
    expect(judge(['asked'], before, other, leaseRecords('c', 50, 60, { ...late, worker: 'one' }))).toEqual(
      [],
    );
    expect(judge(['asked'], before, other, leaseRecords('c', 50, 60, { ...late, worker: 'three' }))).toEqual([
      'token order',
    ]);
  });

  it('keeps locks apart', () => {
    expect(
      judge(
        ['asked', 'belief'],
        leaseRecords('a', 10, 20, { token: 7 }),
        leaseRecords('b', 30, 40, { token: 7, lock: 'other' }),
      ),
    ).toEqual([]);
  });

  it('compares a share with leases that are alone, and not with other shares', () => {
    const judge = (...records: ReturnType<typeof leaseRecords>[]) =>
      judgeTokens(readHistory(records.flat()), ['asked', 'belief', 'begun']);
    const alone = leaseRecords('a', 10, 20, { token: 5 });
    const shares = [
      leaseRecords('b', 30, 40, { token: 8, shared: true }),
      leaseRecords('c', 50, 60, { token: 7, shared: true }),
    ];
    expect(judge(alone, ...shares, leaseRecords('d', 70, 80, { token: 9 }))).toEqual([]);
    expect(judge(alone, ...shares, leaseRecords('d', 70, 80, { token: 6 }))).not.toEqual([]);
    expect(
      judge(leaseRecords('a', 10, 20, { token: 7 }), leaseRecords('b', 30, 40, { token: 6, shared: true })),
    ).not.toEqual([]);
  });
});
