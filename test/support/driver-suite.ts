import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeDriver as describePromises, type DriverTrait } from '../../lib/driver-testing/index.js';
import { freshName, granted, request } from '../../lib/driver-testing/driver-calls.js';
import { recordingContext } from '../../lib/driver-testing/suite-context.js';
import type { Driver, DriverContext } from '../../lib/drivers/driver.js';
import { breakLock, tryAcquire } from './driver-calls.js';

export { freshName, granted, renewed, request } from '../../lib/driver-testing/driver-calls.js';
export { recordingContext } from '../../lib/driver-testing/suite-context.js';
export { SuiteWaiter } from '../../lib/driver-testing/suite-waiter.js';

export interface DriverHarness {
  /** A new driver on the back end under test; each one stands for a process of its own. Not started. */
  create(context: DriverContext): Driver | Promise<Driver>;
  readonly traits: readonly DriverTrait[];
  /** Before and after all tests of the suite. */
  setUp?(): Promise<void>;
  tearDown?(): Promise<void>;
}

/** What every driver promises, and what our own ones do besides. */
export function describeDriver(name: string, harness: DriverHarness): void {
  describe(`on ${name}:`, () => {
    beforeAll(async () => {
      await harness.setUp?.();
    });

    afterAll(async () => {
      await harness.tearDown?.();
    });

    describePromises(name, harness, { describe, it });

    it('our driver begins its description with its kind', async () => {
      const { description } = await harness.create(recordingContext());
      expect(description).toMatch(/^(memory|file|redis|postgres)/);
    });

    if (!harness.traits.includes('process')) return;
    it('our driver renews what ends with the process, too', async () => {
      const [a, b] = await Promise.all([
        harness.create(recordingContext()),
        harness.create(recordingContext()),
      ]);
      await Promise.all([a.start(), b.start()]);
      try {
        const names = Array.from({ length: 4 }, () => freshName());
        const grants = await Promise.all(
          names.map(async (lock) => granted(await tryAcquire(a, request(lock)))),
        );
        await a.locks.release(grants[0]!);
        await breakLock(b, names[1]!);
        await a.locks.release(grants[2]!);
        const next = granted(await tryAcquire(b, request(names[2]!)));
        const outcomes = await a.locks.renew(grants, 10_000);
        expect(outcomes).toMatchObject([
          { kind: 'lost', loss: { reason: 'broken' } },
          { kind: 'lost', loss: { reason: 'broken' } },
          { kind: 'lost', loss: { reason: 'broken' } },
          { kind: 'renewed' },
        ]);
        await b.locks.release(next);
        await a.locks.release(grants[3]!);
      } finally {
        await Promise.all([a.stop(), b.stop()]);
      }
    });
  });
}
