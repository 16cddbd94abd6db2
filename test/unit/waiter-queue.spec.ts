import { describe, expect, it } from 'vitest';
import type { RedisNode } from '../../lib/drivers/redis/node/index.js';
import { NodeSet } from '../../lib/drivers/redis/quorum/node-set.js';
import type { ScriptKeys } from '../../lib/drivers/redis/scripts/index.js';
import { HolderIds } from '../../lib/drivers/redis/scripts/holder-id.js';
import { WaiterQueue } from '../../lib/drivers/redis/queue/waiter-queue.js';
import { WaiterEntry } from '../../lib/drivers/redis/queue/waiters.js';
import { FakeClock } from '../support/fake-clock.js';

/**
 * A node that says of each lock that another one has it, and that no waiter is missing.
 * @param told gets the times at which the node is told that the waiters are alive
 */
function nodeWhereAllWait(clock: FakeClock, told: number[] = []): RedisNode {
  const node = {
    at: () => node,
    admission: undefined,
    sharded: false,
    epoch: '',
    recordKey: () => 'record',
    turnChannel: () => 'turn',
    observe: () => undefined,
    run: (_script: unknown, keys: ScriptKeys, _args: unknown, onReply: (...reply: unknown[]) => void) => {
      told.push(clock.monotonic());
      const locks = Array.from({ length: (keys.names.length - 1) / 4 }, () => ['another', 5000]);
      onReply([1, 1, ...locks], clock.monotonic());
    },
  };
  return node as unknown as RedisNode;
}

/** So many locks that the node is told of their waiters only once in a second. */
const MANY = 5000;

function waiting(nodes: readonly RedisNode[] = [], clock = new FakeClock()) {
  const context = { clock, random: () => 0, onBackendChange: () => undefined, warn: () => undefined };
  const queue = new WaiterQueue(new NodeSet(nodes, clock), new HolderIds(), 100, context);
  const owner = { granted: () => undefined, lost: () => undefined };
  const waiter = (shared = false, key = 'lock'): WaiterEntry => {
    const entry = new WaiterEntry(queue.newId(shared), key, 0, queue.alive, clock, owner);
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

describe('a waiter is kept alive in its queue', () => {
  it('though the node was to hear much later of the many that waited before it', async () => {
    const clock = new FakeClock();
    const told: number[] = [];
    const { queue, waiter } = waiting([nodeWhereAllWait(clock, told)], clock);
    const crowd = Array.from({ length: MANY }, (_, index) => waiter(false, `lock-${index}`));
    for (const each of crowd) queue.keepAlive(each);
    // The first refresh sets the timer for the next one, a second later.
    await clock.advance(200);
    for (const each of crowd.slice(1)) queue.remove(each);
    told.length = 0;
    await clock.advance(20);
    const last = waiter(false, 'new');
    const entered = clock.monotonic();
    queue.keepAlive(last);
    await clock.advance(last.alive);
    expect(told[0]).toBeLessThanOrEqual(entered + last.alive / 2);
    await queue.stop();
  });

  it('though many more came between its command and the answer', async () => {
    const clock = new FakeClock();
    const told: number[] = [];
    const { queue, waiter } = waiting([nodeWhereAllWait(clock, told)], clock);
    const early = waiter(false, 'early');
    for (let index = 0; index < MANY; index += 1) queue.keepAlive(waiter(false, `lock-${index}`));
    await clock.advance(200);
    told.length = 0;
    const entered = clock.monotonic();
    queue.keepAlive(early);
    await clock.advance(early.alive);
    expect(told[0]).toBeLessThanOrEqual(entered + early.alive / 2);
    await queue.stop();
  });
});
