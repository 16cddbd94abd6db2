import { lastValueFrom, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { LeaseLostError } from '../../lib/errors.js';
import type { HeldLease } from '../../lib/lock/lease/held-lease.js';
import type { SynchronizedDefinition } from '../../lib/synchronized/definition/definition.js';
import { lockedIterable } from '../../lib/synchronized/scope/locked-iterable.js';
import { endWithLease, lockedObservable } from '../../lib/synchronized/scope/locked-observable.js';
import { lockBench } from '../support/lock-bench.js';

describe.each(['throw', 'warn'] as const)(
  'whose lease is over before it begins, with onLost %s,',
  (onLost) => {
    const definition: SynchronizedDefinition = {
      label: 'label',
      origin: {},
      options: { onLost },
      returns: 'observable',
      constant: false,
      takesResponse: false,
      nameOf: () => 'lock',
    };

    /** As after a stall between the reply of the back end and the body. */
    function stalled() {
      const { made, driver } = lockBench();
      const take = async (): Promise<HeldLease> => {
        const lease = await made.take();
        made.clock.block(20_000);
        return lease;
      };
      return { take, driver };
    }

    it('an async generator does not begin', async () => {
      const { take, driver } = stalled();
      const values = lockedIterable(definition, take, () => expect.unreachable());
      await expect(values.next()).rejects.toBeInstanceOf(LeaseLostError);
      expect(driver.holders.size).toBe(0);
    });

    it('an Observable is not subscribed to', async () => {
      const { take, driver } = stalled();
      const values = lockedObservable(definition, take, () => expect.unreachable());
      await expect(lastValueFrom(values)).rejects.toBeInstanceOf(LeaseLostError);
      expect(driver.holders.size).toBe(0);
    });

    it('nor is one that a handler has returned', async () => {
      const { take } = stalled();
      const lease = await take();
      const values = endWithLease(lease, definition, () => of(expect.unreachable()));
      await expect(lastValueFrom(values)).rejects.toBeInstanceOf(LeaseLostError);
      await lease.finish();
    });
  },
);
