import { expect, it } from 'vitest';
import { NodeSet } from '../../lib/drivers/redis/quorum/node-set.js';
import { HolderIds } from '../../lib/drivers/redis/scripts/holder-id.js';
import { WaiterQueue } from '../../lib/drivers/redis/queue/waiter-queue.js';
import type { QueueEntry } from '../../lib/drivers/redis/queue/node-queue.js';
import { momentOf } from '../../lib/common/clock.js';
import { FakeClock } from '../support/fake-clock.js';

function waiting() {
  const clock = new FakeClock();
  const context = { clock, random: () => 0, onBackendChange: () => undefined, warn: () => undefined };
  const queue = new WaiterQueue(new NodeSet([], clock), new HolderIds(), 100, context);
  const told = { granted: () => undefined, waited: () => undefined, lost: () => undefined };
  const waiter: QueueEntry = {
    id: queue.newId(),
    key: 'lock',
    node: 0,
    queued: true,
    since: momentOf(clock),
    ...told,
  };
  return { clock, queue, waiter };
}

it('sets no timer when a waiter leaves after the stop', async () => {
  const { clock, queue, waiter } = waiting();
  const other = { ...waiter, id: queue.newId() };
  for (const each of [waiter, other]) queue.keepAlive(each);
  await queue.stop();
  for (const each of [waiter, other]) queue.remove(each);
  expect(clock.timers).toBe(0);
});

it('sets no timer when a waiter is queued after the stop', async () => {
  const { clock, queue, waiter } = waiting();
  await queue.stop();
  queue.keepAlive(waiter);
  expect(clock.timers).toBe(0);
});
