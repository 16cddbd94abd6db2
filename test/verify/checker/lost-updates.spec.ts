import { describe, expect, it } from 'vitest';
import { operation } from './fixtures.js';
import type { FinalValue, Operation, Storage } from './history.js';
import { countUpdates, judgeUpdates, lostByControl } from './lost-updates.js';

const final = (value: number, storage: Storage = 'fenced'): FinalValue => ({
  type: 'final',
  at: 99,
  lock: 'share-7',
  storage,
  value,
});

describe('the judge of lost updates', () => {
  const two: Operation[] = [operation('write', 1, [0, 1]), operation('write', 1, [2, 3])];

  it('is content when the final value counts every accepted increment', () => {
    expect(judgeUpdates({ operations: two, finals: [final(2)] })).toEqual([]);
  });

  it('says how many increments are missing', () => {
    expect(judgeUpdates({ operations: two, finals: [final(1)] })).toMatchObject([
      { judge: 'lost update', message: '"share-7" took 2 increments and ends with 1: 1 lost' },
    ]);
  });

  it('counts no increment that was refused, and none as lost whose fate is unknown', () => {
    const operations = [
      ...two,
      operation('write', 2, [4, 5], { outcome: 'refused' }),
      operation('write', 3, [4, Infinity]),
    ];
    expect(judgeUpdates({ operations, finals: [final(2)] })).toEqual([]);
    expect(judgeUpdates({ operations, finals: [final(3)] })).toEqual([]);
    expect(countUpdates({ operations, finals: [final(3)] })).toMatchObject([
      { accepted: 2, refused: 1, unknown: 1, lost: 0 },
    ]);
  });

  it('counts the losses of the control and blames nobody', () => {
    const operations = two.map((each) => ({ ...each, storage: 'control' as const }));
    const history = { operations, finals: [final(1, 'control')] };
    expect(judgeUpdates(history)).toEqual([]);
    expect(lostByControl(history)).toBe(1);
  });
});
