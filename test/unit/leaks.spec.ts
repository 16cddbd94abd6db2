import { getEventListeners, setMaxListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { HeldLease } from '../../lib/lock/lease/held-lease.js';
import { Lock } from '../../lib/lock/lock.js';
import { LockManagerBench } from '../support/lock-manager-bench.js';

const CYCLES = 10_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heapAfterCollection(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** As often as there are cycles: taken and released, tried in vain, timed out, aborted. */
async function churn(bench: LockManagerBench, signal: AbortSignal, cycles: number): Promise<void> {
  const handle = new Lock('handle', {}, bench);
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    const name = `lock-${cycle}`;
    const lease = await bench.take({ name, signal });
    await bench.acquire({ name, blocking: false, signal });
    const controller = new AbortController();
    const aborted = bench.acquire({ name, signal: controller.signal }).catch(() => undefined);
    const next = bench.acquire({ name, signal });
    controller.abort();
    await aborted;
    if (cycle % 3 === 0) lease.lose({ reason: 'broken', message: 'for a test' });
    await lease.release();
    const second = await next;
    if (second instanceof HeldLease) await second.release();
    await handle.using({ signal }, () => undefined);
    bench.driver.calls.length = 0;
    bench.events.length = 0;
    bench.warnings.length = 0;
    bench.debug.length = 0;
  }
}

async function timeOuts(bench: LockManagerBench, signal: AbortSignal, cycles: number): Promise<void> {
  bench.driver.takeAway('taken');
  await Promise.all(
    Array.from({ length: cycles }, () => bench.acquire({ name: 'taken', blocking: 5, signal })).concat(
      bench.clock.advance(5).then(() => ({})),
    ),
  );
}

describe('ten thousand locks later', () => {
  it('no listener, timer, watch or memory is left', async () => {
    const bench = new LockManagerBench();
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    await timeOuts(bench, signal, CYCLES);
    await churn(bench, signal, CYCLES);
    const before = heapAfterCollection();
    await timeOuts(bench, signal, CYCLES);
    await churn(bench, signal, CYCLES);
    const grown = heapAfterCollection() - before;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(bench.driver.watchers).toBe(0);
    expect(bench.clock.timers).toBeLessThanOrEqual(1);
    expect([...bench.driver.holders.keys()]).toEqual(['taken']);
    // One entry or closure kept per cycle would be more.
    expect(grown).toBeLessThan(500_000);
    await bench.manager.stop(0);
    expect(bench.clock.timers).toBe(0);
  });
});
