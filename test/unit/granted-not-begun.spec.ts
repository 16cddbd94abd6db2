import { describe, expect, it } from 'vitest';
import type { Loss } from '../../lib/drivers/driver.js';
import { HeldLease } from '../../lib/lock/lease/held-lease.js';
import { LockManagerBench, outcomeOf } from '../support/lock-manager-bench.js';

const BROKEN: Loss = { reason: 'broken', message: 'the lock was broken' };

/** More than there are between the reply of the back end and the lease. */
const MOST_TICKS = 20;

/** Does something so many microtasks after the reply of the next acquisition. */
function afterTheReply(bench: LockManagerBench, ticks: number, act: (revoke: (loss: Loss) => void) => void) {
  const { locks } = bench.driver;
  const acquire = locks.acquire.bind(locks);
  locks.acquire = (claim) => {
    locks.acquire = acquire;
    const reply = acquire(claim);
    let after: Promise<unknown> = reply;
    for (let tick = 0; tick < ticks; tick += 1) after = after.then(() => undefined);
    void after.then(() => act((loss) => claim.onRevoked(loss)));
    return reply;
  };
}

describe('between the grant of the back end and the lease', () => {
  const ticks = Array.from({ length: MOST_TICKS }, (_, tick) => tick);

  it.each(ticks)('a lock that is broken leaves no lease that counts as held (%d)', async (tick) => {
    const bench = new LockManagerBench();
    afterTheReply(bench, tick, (revoke) => revoke(BROKEN));
    const outcome = outcomeOf(bench.acquire({ blocking: false }));
    await bench.clock.advance(0);
    const { value } = outcome;
    if (value instanceof HeldLease) {
      expect(value.lost?.reason).toBe('broken');
      expect(bench.seen('lease.lost')).toBe(1);
      await value.release();
    } else expect(outcome).toMatchObject({ state: 'resolved', value: {} });
    expect(bench.manager.usage).toEqual({ held: 0, waiting: 0 });
    expect(await bench.take()).toBeInstanceOf(HeldLease);
  });

  it.each(ticks)(
    'a coordinator that stops at once leaves no lease that counts as held (%d)',
    async (tick) => {
      const bench = new LockManagerBench();
      let stopped: Promise<void> | undefined;
      afterTheReply(bench, tick, () => (stopped = bench.manager.stop(0)));
      const outcome = outcomeOf(bench.acquire());
      await bench.clock.advance(0);
      await stopped;
      if (outcome.value instanceof HeldLease) expect(outcome.value.lost?.reason).toBe('stopped');
      else expect(outcome.state).toBe('rejected');
      expect(bench.manager.usage).toEqual({ held: 0, waiting: 0 });
    },
  );
});
