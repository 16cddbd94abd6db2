import { beforeEach, describe, expect, it } from 'vitest';
import { InvalidOptionsError } from '../../lib/errors.js';
import { HeldLease } from '../../lib/lock/lease/held-lease.js';
import { LockManagerBench } from '../support/lock-manager-bench.js';

describe('on a driver that keeps no order, a lock', () => {
  let bench: LockManagerBench;

  beforeEach(() => {
    bench = new LockManagerBench();
    bench.driver.queue = undefined;
    bench.driver.takeAway('lock');
  });

  it('that has to be fair is refused, by name', async () => {
    const refused = bench.acquire({ fair: true, blocking: false });
    await expect(refused).rejects.toBeInstanceOf(InvalidOptionsError);
    await expect(refused).rejects.toThrow(
      /^Lock "lock": the option "fair" needs a back end that keeps the order of the waiters, and scripted does not; leave "fair" out/,
    );
  });

  it('that has to be shared is refused where the driver has no such mode, by name', async () => {
    const refused = bench.acquire({ shared: true, blocking: false });
    await expect(refused).rejects.toBeInstanceOf(InvalidOptionsError);
    await expect(refused).rejects.toThrow(
      /^Lock "lock": the option "shared" needs a back end whose locks can be shared, and scripted gives each lock to one holder alone; leave "shared" out/,
    );
    expect(bench.driver.count('acquire')).toBe(0);
    bench.driver.free('lock');
    await expect((await bench.take()).downgrade()).rejects.toThrow(InvalidOptionsError);
  });

  it('is waited for by a watch, which is left when the lock is there', async () => {
    const waiting = bench.acquire();
    await bench.clock.advance(0);
    expect(bench.driver.watchers).toBe(1);
    bench.driver.free('lock');
    expect(await waiting).toBeInstanceOf(HeldLease);
    expect(bench.driver.watchers).toBe(0);
  });

  it.each(['whose message is lost', 'that has no watch'])(
    'is looked at each second on one %s',
    async (kind) => {
      if (kind === 'that has no watch') Reflect.deleteProperty(bench.driver.locks, 'watch');
      const waiting = bench.acquire();
      await bench.clock.advance(0);
      bench.driver.free('lock', false);
      const before = bench.driver.count('acquire');
      await bench.clock.advance(900);
      expect(bench.driver.count('acquire')).toBe(before);
      await bench.clock.advance(200);
      expect(await waiting).toBeInstanceOf(HeldLease);
    },
  );
});
