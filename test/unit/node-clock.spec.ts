import { describe, expect, it } from 'vitest';
import { NodeClock } from '../../lib/drivers/redis/node/node-clock.js';
import { FakeClock } from '../support/fake-clock.js';

const START = 1_600_000_000_000;

/** A node whose clock is as far as ours, unless a test moves it; replies take `trip` ms. */
function bench(ttl = 10_000) {
  const clock = new FakeClock();
  const began = clock.monotonic();
  const seen = new NodeClock(clock, ttl);
  let offset = 0;
  return {
    clock,
    seen,
    step: (ms: number) => (offset += ms),
    observe: (trip = 0) => {
      const sent = clock.monotonic();
      const node = START + sent - began + offset;
      clock.block(trip);
      return seen.observe(node * 1000, sent);
    },
  };
}

describe('the clock of a node', () => {
  it('is right while it runs as ours, at a rate within 1 %', () => {
    const { clock, observe, step } = bench();
    expect(observe(1)).toBe(0);
    for (let beat = 0; beat < 20; beat += 1) {
      clock.block(3333);
      step(30);
      expect(observe(1)).toBe(0);
    }
  });

  it.each([5000, -5000])('has jumped when it is %i ms off from one reply to the next', (jump) => {
    const { clock, observe, step } = bench();
    observe();
    clock.block(1000);
    step(jump);
    expect(observe()).toBe(jump);
    // What was told once is known.
    clock.block(1000);
    expect(observe()).toBe(0);
  });

  it('is told by the reply that lay unread for the shortest time', () => {
    const { clock, seen, observe } = bench();
    observe(1);
    const known = seen.earliest(clock.monotonic()) as number;
    observe(3000);
    expect(seen.earliest(clock.monotonic())).toBeCloseTo(known + 0.99 * 3000);
    clock.block(1000);
    observe();
    expect(seen.earliest(clock.monotonic())).toBeCloseTo(known + 4000, -1);
  });

  it('is known anew when it was set back', () => {
    const { clock, seen, observe, step } = bench();
    observe(1);
    step(-500);
    clock.block(10);
    observe(1);
    const now = clock.monotonic();
    expect(seen.earliest(now)).toBeLessThanOrEqual(START + now - 1000 - 500);
  });

  it('has not jumped because a reply was late, or we were stopped', () => {
    const { clock, observe } = bench();
    observe();
    clock.block(60_000);
    expect(observe(30_000)).toBe(0);
    expect(observe(1)).toBe(0);
  });

  it('has not jumped because ours was set, or stood still while this machine slept', () => {
    const { clock, observe, step } = bench();
    observe();
    clock.stepWall(-3_600_000);
    expect(observe()).toBe(0);
    clock.stepWall(3_600_000);
    expect(observe()).toBe(0);
    // Asleep: the node and our wall clock go on.
    step(60_000);
    clock.stepWall(60_000);
    expect(observe()).toBe(0);
  });

  it('may be stepped by what a lease allows for drift, which depends on the ttl', () => {
    for (const [ttl, allowed] of [
      [10_000, 102],
      [1000, 12],
    ] as const) {
      const { clock, observe, step } = bench(ttl);
      observe();
      clock.block(100);
      step(allowed);
      expect(observe()).toBe(0);
      step(allowed + 3);
      expect(observe()).toBeGreaterThan(0);
    }
  });

  it('has reached at least what it told, and what has passed since less the drift', () => {
    const { clock, observe, seen } = bench();
    expect(seen.earliest(clock.monotonic())).toBeUndefined();
    observe(10);
    expect(seen.earliest(clock.monotonic())).toBe(START);
    clock.block(1000);
    expect(seen.earliest(clock.monotonic())).toBe(START + 990);
  });
});
