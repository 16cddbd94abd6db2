import { expect, it } from 'vitest';
import type { RedisNode } from '../../lib/drivers/redis/node/index.js';
import { NodeSet } from '../../lib/drivers/redis/quorum/node-set.js';
import { HolderIds } from '../../lib/drivers/redis/scripts/holder-id.js';
import { WaiterQueue } from '../../lib/drivers/redis/queue/waiter-queue.js';
import { WaiterEntry } from '../../lib/drivers/redis/queue/waiters.js';
import { FakeClock } from '../support/fake-clock.js';

/** A node that says of each lock that another one has it, and that nobody is missing. */
function nodeWhereAllWait(clock: FakeClock): RedisNode {
  const node = {
    at: () => node,
    admission: undefined,
    sharded: false,
    epoch: '',
    recordKey: () => 'record',
    turnChannel: () => 'turn',
    observe: () => undefined,
    run: (_script: unknown, _keys: unknown, _args: unknown, onReply: (...reply: unknown[]) => void) =>
      onReply([1, 1, ['another', 5000]], clock.monotonic()),
  };
  return node as unknown as RedisNode;
}

function waiting(nodes: readonly RedisNode[] = [], clock = new FakeClock()) {
  const context = { clock, random: () => 0, onBackendChange: () => undefined, warn: () => undefined };
  const queue = new WaiterQueue(new NodeSet(nodes, clock), new HolderIds(), 100, context);
  const owner = { granted: () => undefined, lost: () => undefined };
  const waiter = (shared = false): WaiterEntry => {
    const entry = new WaiterEntry(queue.newId(shared), 'lock', 0, 100, clock, owner);
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

it('takes a waiter that is in the queue for one that has waited until then, unless it waits for a share', async () => {
  const clock = new FakeClock();
  const { queue, waiter } = waiting([nodeWhereAllWait(clock)], clock);
  const [alone, share] = [waiter(), waiter(true)];
  for (const each of [alone, share]) queue.keepAlive(each);
  await clock.advance(50);
  const asked = clock.monotonic();
  await queue.look(alone);
  expect(alone.since.monotonic).toBe(asked);
  // A share that was granted stays in the queue of the node until its message is read, which tells a time before that look.
  expect(share.since.monotonic).toBe(asked - 50);
  await queue.stop();
});
