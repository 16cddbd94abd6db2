import { describe, expect, it } from 'vitest';
import { judgeExclusion } from './exclusion.js';
import { leaseRecords } from './fixtures.js';
import { readHistory } from './history.js';

const judge = (...records: ReturnType<typeof leaseRecords>[]) => judgeExclusion(readHistory(records.flat()));

describe('the judge of exclusion', () => {
  it('is content with leases one after the other, even when they touch', () => {
    expect(judge(leaseRecords('a', 10, 30), leaseRecords('b', 30, 50), leaseRecords('c', 60, 60))).toEqual(
      [],
    );
  });

  it('names both holders, the time and the length of an overlap', () => {
    const [violation, ...others] = judge(leaseRecords('b', 25, 50), leaseRecords('a', 10, 30));
    expect(others).toEqual([]);
    expect(violation).toMatchObject({ judge: 'exclusion', lock: 'share-7' });
    expect(violation?.message).toMatch(/w-a .*w-b .*from 25\.000 ms for 5\.000 ms/);
  });

  it('sees a single look in the middle of a belief of somebody else', () => {
    expect(judge(leaseRecords('a', 10, 30), leaseRecords('b', 20, 20))).toHaveLength(1);
    expect(judge(leaseRecords('a', 20, 20), leaseRecords('b', 10, 30))).toHaveLength(1);
  });

  it('sees the third holder that overlaps with the first alone', () => {
    expect(
      judge(leaseRecords('a', 10, 90), leaseRecords('b', 20, 30), leaseRecords('c', 40, 50)),
    ).toHaveLength(2);
  });

  it('keeps locks apart', () => {
    expect(judge(leaseRecords('a', 10, 30), leaseRecords('b', 20, 40, { lock: 'other' }))).toEqual([]);
  });

  it('lets holders share a lock, and none of them be beside one that is alone', () => {
    const shares = [leaseRecords('a', 10, 90, { shared: true }), leaseRecords('b', 20, 40, { shared: true })];
    expect(judge(...shares)).toEqual([]);
    expect(judge(...shares, leaseRecords('c', 30, 50))).toHaveLength(2);
    expect(judge(leaseRecords('c', 5, 15), ...shares)).toHaveLength(1);
  });

  it('counts the holders of permits', () => {
    const two = [leaseRecords('a', 10, 90, { permits: 2 }), leaseRecords('b', 20, 40, { permits: 2 })];
    expect(judge(...two, leaseRecords('c', 40, 50, { permits: 2 }))).toEqual([]);
    const [violation, ...others] = judge(...two, leaseRecords('c', 30, 50, { permits: 2 }));
    expect(others).toEqual([]);
    expect(violation?.message).toMatch(/^3 held one of the 2 permits of "share-7" from 30/);
  });

  it('asks what a holder saw, not when its lease ran out', () => {
    const silent = leaseRecords('a', 10, 10).filter(({ type }) => type !== 'held');
    expect(judge(silent, leaseRecords('b', 10, 20))).toEqual([]);
  });
});
