import { describe, expect, it } from 'vitest';
import { judgeBounds } from './bounds.js';
import type { LeaseStory } from './history.js';

const NONE = { minHold: 0, maxHold: Infinity, lockDelay: 0 };

function lease(name: string, granted: number, until: number, more: Partial<LeaseStory> = {}): LeaseStory {
  const belief = { from: granted, until };
  return { lease: name, worker: `w-${name}`, lock: 'x', asked: granted - 1, granted, belief, ...more };
}

const released = (at: number): LeaseStory['ending'] => ({
  type: 'released',
  at,
  called: at,
  lease: 'a',
  confirmed: true,
});

describe('the judge of bounds', () => {
  it('finds a lease that is believed in after its maxHold', () => {
    const held = (until: number) =>
      judgeBounds({ leases: [lease('a', 0, until, { bounds: { ...NONE, maxHold: 200 } })] });
    expect(held(200)).toEqual([]);
    expect(held(210)).toMatchObject([{ judge: 'bounds', lock: 'x' }]);
  });

  it('finds a next holder before minHold is over, also after a release', () => {
    const more = { bounds: { ...NONE, minHold: 200 }, ending: released(50) };
    const next = (at: number) => judgeBounds({ leases: [lease('a', 0, 50, more), lease('b', at, at + 1)] });
    expect(next(200)).toEqual([]);
    expect(next(190)).toMatchObject([{ message: 'lease b came before the minHold of a was over' }]);
  });

  it('takes no lease for the next that was granted before, and told late: its token is smaller', () => {
    const first = lease('a', 0, 50, { bounds: { ...NONE, minHold: 200 }, token: 5, ending: released(50) });
    const next = (token: number) => lease('b', 60, 60, { token });
    expect(judgeBounds({ leases: [first, next(4)] })).toEqual([]);
    expect(judgeBounds({ leases: [first, next(6)] })).toHaveLength(1);
    const third = lease('c', 70, 80, { token: 6 });
    expect(judgeBounds({ leases: [first, next(4), third] })).toMatchObject([
      { message: 'lease c came before the minHold of a was over' },
    ]);
  });

  it('finds a next holder within lockDelay of a lease that was not given back, and only of such a one', () => {
    const next = (at: number, ending?: LeaseStory['ending'], broken?: number) =>
      judgeBounds({
        leases: [
          lease('a', 0, 50, { bounds: { ...NONE, lockDelay: 100 }, ending, broken }),
          lease('b', at, at + 1),
        ],
      });
    expect(next(150)).toEqual([]);
    expect(next(140)).toMatchObject([{ message: 'lease b came before the lockDelay of a was over' }]);
    expect(next(60, released(55))).toEqual([]);
    expect(next(60, undefined, 52)).toEqual([]);
    expect(next(60, { type: 'lost', at: 55, lease: 'a', reason: 'taken-over' })).toEqual([]);
  });
});
