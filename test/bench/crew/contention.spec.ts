import { expect, it } from 'vitest';
import { contentionOf, longestPause } from './contention.js';
import type { Timeline } from './timeline.js';

/** @param leases asked, got, release begun */
function timeline(...leases: readonly (readonly [number, number, number])[]): Timeline {
  return { moments: Float64Array.from(leases.flat()), failed: 0 };
}

const one = timeline([0, 0, 2], [6, 9, 11]);
const other = timeline([1, 3, 5], [12, 12, 14]);

it('times a hand-off from the begin of the release to the lease of another process that waited', () => {
  // 2 → 3 was waited for; at 5 and at 11 nobody waited yet.
  expect(contentionOf([one, other], 20)).toMatchObject({ handOff: 1, crossing: 75, longest: 3, leases: 4 });
});

it('tells the shares of the processes, and how many a second brings', () => {
  expect(contentionOf([one, timeline([1, 3, 5])], 20)).toMatchObject({ least: 100 / 3, rate: 150 });
});

it('counts who gave up', () => {
  expect(contentionOf([one, { ...other, failed: 4 }], 20).failed).toBe(50);
  expect(() => contentionOf([{ ...timeline(), failed: 1, failure: 'too late' }], 20)).toThrow('too late');
});

it('finds the longest time in which nobody had the lock', () => {
  expect(longestPause([one, other], 2)).toBe(4);
  expect(longestPause([one, other], 10)).toBe(2);
});
