import { expect, it } from 'vitest';
import { judge } from './beliefs.js';

it('leaders after one another are right', () => {
  expect(judge(['1 5 0 1', '1 5 10 11', '2 7 12 13', '2 7 20 21', '1 8 30 31'])).toEqual({
    terms: 3,
    faults: [],
  });
});

it('a look that took long is not held against its process', () => {
  // It was stopped after it had looked.
  expect(judge(['1 5 0 1', '1 5 10 500', '2 7 100 101', '2 7 200 201']).faults).toEqual([]);
});

it('two at once are a fault', () => {
  expect(judge(['1 5 0 1', '1 5 100 101', '2 7 50 51', '2 7 60 61']).faults).toEqual([
    'two led at once, for 49.0 ms at least: 1 in term 5 and 2 in term 7',
  ]);
});

it('one term with two leaders, and a term that goes back, are faults', () => {
  expect(judge(['1 5 0 1', '2 5 50 51']).faults).toEqual(['two led one term: 1 in term 5 and 2 in term 5']);
  expect(judge(['1 5 0 1', '2 4 50 51']).faults).toEqual(['a term went back: 1 in term 5 and 2 in term 4']);
});
