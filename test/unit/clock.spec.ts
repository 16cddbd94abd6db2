import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/common/clock.js';

function ring(ms: number): Promise<number> {
  const start = performance.now();
  return new Promise((resolve) => systemClock.setTimer(ms, () => resolve(performance.now() - start)));
}

describe('the system clock', () => {
  it('never rings a timer before its time', async () => {
    const delays = Array.from({ length: 300 }, (_, index) => 1 + (index % 20) + (index % 10) / 10);
    const early = (await Promise.all(delays.map(async (ms) => (await ring(ms)) - ms))).filter((by) => by < 0);
    expect(early).toEqual([]);
  });

  it('rings at once for a time that has passed', async () => {
    expect(await ring(-5)).toBeLessThan(5000);
  });

  it('does not ring a cancelled timer, also one that was set again by itself', async () => {
    let rings = 0;
    const timers = Array.from({ length: 50 }, (_, index) =>
      systemClock.setTimer(1 + index / 50, () => (rings += 1)),
    );
    for (const timer of timers) timer.cancel();
    await ring(10);
    expect(rings).toBe(0);
  });

  it('waits for a time that no single timer of Node can count to', async () => {
    let rang = false;
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    const timer = systemClock.setTimer(2 ** 40, () => (rang = true));
    await ring(5);
    timer.cancel();
    process.off('warning', warned);
    expect([rang, warnings]).toEqual([false, []]);
  });

  it('lets the process end while only background timers are set', () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const timer = systemClock.setTimer(60_000, () => undefined, 'background');
    const after = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    timer.cancel();
    expect(after).toBe(before);
  });
});
