import { expect, it } from 'vitest';
import { leaseRecords, operation } from './fixtures.js';
import { readHistory } from './history.js';
import { judgeExclusion } from './exclusion.js';
import { Tally } from './report.js';

it('adds up runs, and tells seeds, faults, states and violations', () => {
  const tally = new Tally();
  const bad = readHistory([
    ...leaseRecords('a', 10, 30),
    ...leaseRecords('b', 20, 40),
    { type: 'fault', at: 5, kind: 'pause' },
    { type: 'state', at: 6, name: 'late reply', count: 2 },
    { type: 'final', at: 50, lock: 'share-7', storage: 'control', value: 0 },
  ]);
  const lost = operation('write', 1, [0, 1], { storage: 'control' });
  tally.add('1', { ...bad, operations: [lost] }, judgeExclusion(bad));
  tally.add(
    '2',
    readHistory([
      { type: 'fault', at: 5, kind: 'pause' },
      { type: 'state', at: 6, name: 'late reply' },
    ]),
    [],
  );
  expect([tally.leases, tally.violations, tally.lostByControl, tally.reached('late reply')]).toEqual([
    2, 1, 1, 3,
  ]);
  const text = tally.text('both seeds');
  expect(text).toContain('runs 2, calls 2, leases granted 2');
  expect(text).toContain('violations 1: exclusion 1');
  expect(text).toContain('faults: pause 2');
  expect(text).toContain('states reached: late reply 3');
  expect(text).toContain('control storage: 1 updates, 0 refused, 0 of unknown fate, 1 lost');
  expect(text).toContain('seed 1: exclusion: w-a');
});
