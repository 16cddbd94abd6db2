import { expect, it } from 'vitest';
import { nextFencingToken } from '../../lib/drivers/fencing-token.js';

const YEAR_2026 = Date.UTC(2026, 0, 1);

it('the next fencing token follows the wall clock in µs, and goes on from the last where the clock is not ahead', () => {
  expect(nextFencingToken(0, YEAR_2026)).toBe(YEAR_2026 * 1000);
  expect(nextFencingToken(YEAR_2026 * 1000, YEAR_2026)).toBe(YEAR_2026 * 1000 + 1);
  expect(nextFencingToken(YEAR_2026 * 1000, YEAR_2026 - 5)).toBe(YEAR_2026 * 1000 + 1);
  expect(nextFencingToken(YEAR_2026 * 1000, 0)).toBe(YEAR_2026 * 1000 + 1);
  expect(nextFencingToken(5, -1)).toBe(6);
});

it('a fencing token stays a whole number below 2^53, and grows, whatever the wall clock was set to', () => {
  const far = nextFencingToken(0, Date.UTC(9999, 0, 1));
  const next = nextFencingToken(far, Date.UTC(9999, 0, 1));
  expect(next).toBe(far + 1);
  expect(next).toBeLessThan(2 ** 53);
  expect(Number.isInteger(nextFencingToken(0, YEAR_2026 + 0.1234567))).toBe(true);
});
