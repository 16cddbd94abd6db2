import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { LockManagerBench, outcomeOf } from '../support/lock-manager-bench.js';

/** A bench whose log throws at every line. */
function benchWithFailingLog(): LockManagerBench {
  const bench = new LockManagerBench();
  const fail = (): never => {
    throw new Error('the log is full');
  };
  bench.debug.push = fail;
  bench.warnings.push = fail;
  return bench;
}

describe('a log that throws', () => {
  it('strands no lock, neither when it is taken nor when it is given back', async () => {
    const warned = once(process, 'warning');
    const bench = benchWithFailingLog();
    const lease = await bench.take();
    const next = outcomeOf(bench.take());
    expect(await lease.release()).toBe(true);
    await bench.clock.advance(0);
    expect(next.state).toBe('resolved');
    expect(String(await warned)).toContain("the application's logger failed: Error: the log is full");
  });

  it('keeps a lost lease from nobody', async () => {
    const bench = benchWithFailingLog();
    const lease = await bench.take();
    bench.driver.takeAway('lock');
    await bench.clock.advance(5000);
    expect(lease.signal.aborted).toBe(true);
    bench.driver.free('lock');
    await bench.take();
  });

  it('does not end the renewals of a lease when one of them fails', async () => {
    const bench = benchWithFailingLog();
    const lease = await bench.take();
    bench.driver.answer('renew', new Error('no answer'));
    await bench.clock.advance(30_000);
    expect(lease.held).toBe(true);
    const stopping = outcomeOf(bench.manager.stop(0));
    await bench.clock.advance(0);
    expect(stopping.state).toBe('resolved');
  });
});
