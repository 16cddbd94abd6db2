import { describe, expect, it } from 'vitest';
import { leaseRecords } from './fixtures.js';
import { type Budget, type HistoryRecord, readHistory } from './history.js';
import { judgeStalls } from './stalls.js';

const limits = { slack: 10, end: 1000, longestHold: 500 };
const judge = (records: HistoryRecord[], more: { longestIdle?: number; slack?: number } = {}): string[] =>
  judgeStalls(readHistory(records), { ...limits, ...more }).map(({ message }) => message);

const ask = (budget: Budget, at = 100): HistoryRecord => ({
  type: 'attempt',
  at,
  attempt: 'c',
  worker: 'w',
  lock: 'share-7',
  budget,
});
const released = (lease: string, at: number): HistoryRecord => ({
  type: 'released',
  at,
  lease,
  called: at - 1,
  confirmed: true,
});

describe('the judge of stalls', () => {
  it('is content with calls that end within budget and slack', () => {
    expect(judge([ask(50), { type: 'refused', at: 160, attempt: 'c' }])).toEqual([]);
    expect(judge([ask('once'), { type: 'failed', at: 110, attempt: 'c', error: 'E' }])).toEqual([]);
    expect(judge([ask('forever')])).toEqual([]);
  });

  it('finds a waiter that left too late', () => {
    const [message] = judge([ask(50), { type: 'refused', at: 161, attempt: 'c' }]);
    expect(message).toContain('was refused only after 61.000 ms');
    expect(judge([ask('once'), { type: 'refused', at: 111, attempt: 'c' }])).toHaveLength(1);
  });

  it('finds a waiter that has no answer, unless its process or the run ended before', () => {
    expect(judge([ask(50)])).toEqual([expect.stringContaining('has no answer after')]);
    expect(judge([ask(50), { type: 'gone', at: 120, worker: 'w' }])).toEqual([]);
    expect(judge([ask(50, 990)])).toEqual([]);
  });

  it('finds a lease that nobody gave back, unless its holder died or had no time to', () => {
    expect(judge(leaseRecords('a', 10, 20))).toEqual([expect.stringContaining('never gave it back')]);
    expect(judge([...leaseRecords('a', 10, 20), { type: 'gone', at: 30, worker: 'w-a' }])).toEqual([]);
    expect(judge([...leaseRecords('a', 10, 20), released('a', 30)])).toEqual([]);
    expect(judge(leaseRecords('a', 900, 910))).toEqual([]);
  });

  it('finds a lock that is free while somebody waits', () => {
    const records = [
      ...leaseRecords('a', 10, 20),
      released('a', 30),
      ...leaseRecords('b', 300, 310, { asked: 25 }),
      released('b', 320),
    ];
    expect(judge(records, { longestIdle: 270, slack: 500 })).toEqual([]);
    expect(judge(records, { longestIdle: 269, slack: 500 })).toEqual([
      expect.stringContaining('was free from 30.000 ms on'),
    ]);
  });

  it('counts a lock as taken for a ttl when its holder died', () => {
    const records: HistoryRecord[] = [
      ...leaseRecords('a', 10, 20),
      { type: 'gone', at: 30, worker: 'w-a' },
      ...leaseRecords('b', 150, 160, { asked: 25 }),
      released('b', 170),
    ];
    expect(judge(records, { longestIdle: 20, slack: 500 })).toEqual([]);
    expect(judge(records, { longestIdle: 19, slack: 500 })).toHaveLength(1);
  });
});
