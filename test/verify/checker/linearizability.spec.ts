import { describe, expect, it } from 'vitest';
import { type Interval, isLinearizable, type Model } from './linearizability.js';

type Step = { readonly kind: 'read' | 'write'; readonly value: number };

const register: Model<Step, number> = {
  initial: 0,
  key: String,
  next: (state, { kind, value }) => (kind === 'write' ? value : state === value ? state : undefined),
};

const write = (value: number, invoked: number, returned: number): Interval<Step> => ({
  invoked,
  returned,
  step: { kind: 'write', value },
});
const read = (value: number, invoked: number, returned: number): Interval<Step> => ({
  invoked,
  returned,
  step: { kind: 'read', value },
});
const explains = (...history: Interval<Step>[]): boolean => isLinearizable(history, register);

describe('linearizability', () => {
  it('holds for nothing, and for one step after the other', () => {
    expect(explains()).toBe(true);
    expect(explains(write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7))).toBe(true);
  });

  it('is broken by a stale read', () => {
    expect(explains(write(1, 0, 1), write(2, 2, 3), read(1, 4, 5))).toBe(false);
  });

  it('lets a read beside a write see either value, but not new and then old', () => {
    expect(explains(write(1, 0, 10), read(0, 2, 3), read(1, 4, 5))).toBe(true);
    expect(explains(write(1, 0, 10), read(1, 2, 3), read(0, 4, 5))).toBe(false);
  });

  it('explains readers that need different orders of two writes only when the times allow it', () => {
    const writes = [write(1, 0, 10), write(2, 0, 10)];
    expect(explains(...writes, read(1, 2, 3), read(2, 4, 5))).toBe(true);
    expect(explains(...writes, read(1, 2, 3), read(2, 4, 5), read(1, 6, 7))).toBe(false);
  });

  it('lets a write without an answer have happened at once, late or never', () => {
    const pending = write(1, 0, Infinity);
    expect(explains(pending, read(1, 2, 3))).toBe(true);
    expect(explains(pending, read(0, 2, 3), read(1, 4, 5))).toBe(true);
    expect(explains(pending, read(0, 2, 3), read(0, 4, 5))).toBe(true);
    expect(explains(pending, read(1, 2, 3), read(0, 4, 5))).toBe(false);
  });

  it('agrees with trying every order, on small histories by chance', () => {
    const random = generator(7);
    const whole = (below: number): number => Math.floor(random() * below);
    let good = 0;
    for (let round = 0; round < 3000; round += 1) {
      const history = Array.from({ length: 2 + whole(4) }, () => {
        const invoked = whole(12);
        const returned = random() < 0.15 ? Infinity : invoked + 1 + whole(6);
        return random() < 0.5 || returned === Infinity
          ? write(1 + whole(2), invoked, returned)
          : read(whole(3), invoked, returned);
      });
      const expected = someOrderFits(history, 0);
      expect(explains(...history), JSON.stringify(history)).toBe(expected);
      if (expected) good += 1;
    }
    expect(good).toBeGreaterThan(500);
    expect(good).toBeLessThan(2500);
  });

  it('judges a long history with much at the same time', () => {
    const history = Array.from({ length: 4000 }, (_, n) =>
      n % 2 === 0 ? write(n, n, n + 3) : read(n - 1, n, n + 3),
    );
    history.push(write(-1, 10, Infinity));
    expect(explains(...history)).toBe(true);
    expect(explains(...history, read(77, 5000, 5001))).toBe(false);
  });
});

/** Tries every operation that may be next; those without an answer may also be left out at the end. */
function someOrderFits(left: readonly Interval<Step>[], state: number): boolean {
  if (left.every(({ returned }) => returned === Infinity)) return true;
  const first = Math.min(...left.map(({ returned }) => returned));
  return left.some((each, index) => {
    if (each.invoked > first) return false;
    const next = register.next(state, each.step);
    return (
      next !== undefined &&
      someOrderFits(
        left.filter((_, other) => other !== index),
        next,
      )
    );
  });
}

/** Mulberry32, of T. Ettinger. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
