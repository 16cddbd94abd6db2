import { expect, it } from 'vitest';
import type { DriverContext } from '../../../lib/drivers/driver.js';
import { MemoryDriver } from '../../../lib/drivers/memory/memory.driver.js';
import { enqueue, tryAcquire } from '../../support/driver-calls.js';
import { describeDriver, freshName, granted, recordingContext, request } from '../../support/driver-suite.js';

const create = (context: DriverContext) => new MemoryDriver('driver-suite', context);

describeDriver('memory', { create, traits: ['process', 'queue', 'shared'] });

it('the memory driver wakes nobody in vain: not when the one before takes the lock, but when it is free again', async () => {
  const driver = create(recordingContext());
  const name = freshName();
  const held = granted(await tryAcquire(driver, request(name)));
  const woken: string[] = [];
  const first = enqueue(driver, request(name), () => woken.push('first'));
  const second = enqueue(driver, request(name), () => woken.push('second'));
  for (const place of [first, second]) expect((await place.tryAcquire()).granted).toBe(false);
  await driver.locks.release(held);
  const next = granted(await first.tryAcquire());
  await first.leave();
  expect(woken).toEqual(['first']);
  await driver.locks.release(next);
  await second.tryAcquire();
  expect(woken).toEqual(['first', 'second']);
});
