import { expect, it } from 'vitest';
import { quantile } from './statistics.js';

it('takes quartiles between two numbers by proportion', () => {
  expect(quantile([4, 1, 3, 2], 0.25)).toBe(1.75);
  expect(quantile([7], 0.75)).toBe(7);
});
