import { expect, it } from 'vitest';
import { NodeSet } from '../../lib/drivers/redis/quorum/node-set.js';
import { HolderIds } from '../../lib/drivers/redis/scripts/holder-id.js';
import { WaiterQueue } from '../../lib/drivers/redis/queue/waiter-queue.js';
import { WaiterEntry } from '../../lib/drivers/redis/queue/waiters.js';
import { FakeClock } from '../support/fake-clock.js';

function waiting() {
  const clock = new FakeClock();
  const context = { clock, random: () => 0, onBackendChange: () => undefined, warn: () => undefined };
  const queue = new WaiterQueue(new NodeSet([], clock), new HolderIds(), 100, context);
  const owner = { granted: () => undefined, lost: () => undefined };
  const waiter = (): WaiterEntry => {
    const entry = new WaiterEntry(queue.newId(), 'lock', 0, 100, clock, owner);
    entry.waits(true);
    return entry;
  };
  return { clock, queue, waiter };
}

it('sets no timer when a waiter leaves after the stop', async () => {
  const { clock, queue, waiter } = waiting();
  const waiters = [waiter(), waiter()];
  for (const each of waiters) queue.keepAlive(each);
  await queue.stop();
  for (const each of waiters) queue.remove(each);
  expect(clock.timers).toBe(0);
});

it('sets no timer when a waiter is queued after the stop', async () => {
  const { clock, queue, waiter } = waiting();
  await queue.stop();
  queue.keepAlive(waiter());
  expect(clock.timers).toBe(0);
});
