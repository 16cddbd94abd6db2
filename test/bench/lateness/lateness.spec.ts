import { expect, it } from 'vitest';
import { binsOf, renderHistogram, renderSummary } from './histogram.js';
import { measureLateness } from './measure.js';

it.each([
  { how: 'idle', busy: undefined },
  { how: 'busy', busy: { piece: 5 } },
])(
  'aborts every lease that runs out, none before its deadline, on an event loop that is $how',
  async ({ busy }) => {
    const { events, timers } = await measureLateness(250, busy);
    expect([events.length, timers.length]).toEqual([250, 250]);
    // Measured on the monotonic clock; the wall clock, which counts too, is precise to 1 ms.
    expect(Math.min(...events)).toBeGreaterThanOrEqual(-1);
  },
);

it('counts every figure in one bin', () => {
  const bins = binsOf([-0.1, 0, 0.4, 0.5, 7, 5000]);
  expect(bins.map(({ count }) => count)).toEqual([1, 2, 1, 0, 0, 1, 0, 0, 0, 1]);
});

it('prints the bins, their shares and the summary', () => {
  const numbers = [0.1, 0.2, 0.3, 7];
  expect(renderSummary(numbers)).toBe('median 0.25 ms, 99 % within 6.80 ms, latest 7.00 ms');
  expect(renderHistogram(numbers)).toMatch(/ 0–0\.5 ms +3 +75\.0 % +█+\n/);
  expect(renderHistogram(numbers)).toMatch(/ 5–10 ms +1 +25\.0 % +█+\n/);
});
