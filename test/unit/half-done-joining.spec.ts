import { expect, it } from 'vitest';
import type { Claim } from '../../lib/drivers/driver.js';
import { NodeError } from '../../lib/drivers/redis/errors/node-error.js';
import { type RedisWaiterContext, RedisWaiter } from '../../lib/drivers/redis/queue/redis-waiter.js';
import { FakeClock } from '../support/fake-clock.js';

const CLAIM: Claim = {
  name: 'lock',
  key: 'lock',
  ttl: 1000,
  tokens: 0,
  mode: 'exclusive',
  memberId: 'member',
  onRevoked: () => undefined,
};

const NOT_LOCAL =
  'ERR Script attempted to access a non local key in a cluster node script: 0a1b, on @user_script:20.';

/** Who comes second for a lock, and is told that when it lines up. */
async function joined(error: NodeError) {
  const left: string[] = [];
  const owed: string[] = [];
  const node = { up: true, at: () => node, releaseLater: (_key: string, id: string) => owed.push(id) };
  const queue = {
    alive: 600,
    newId: () => 'id',
    add: () => true,
    remove: () => undefined,
    join: () => Promise.reject(error),
    giveBack: (_key: string, _node: number, id: string) => {
      left.push(id);
      return Promise.resolve();
    },
  };
  const context = {
    clock: new FakeClock(),
    nodeSet: { nodes: [node], queueNodeOf: () => 0 },
    voting: { acquire: () => Promise.resolve({ reply: { granted: false } }) },
    queue,
    requestOf: () => ({ name: 'lock', key: 'lock', ttl: 1000, tokens: 0 }),
  };
  const place = new RedisWaiter(CLAIM, () => undefined, context as unknown as RedisWaiterContext);
  expect(await place.tryAcquire()).toEqual({ granted: false });
  return { left, owed };
}

it('an id is taken out of a queue when Redis stopped in the midst of lining it up', async () => {
  expect(await joined(new NodeError(NOT_LOCAL, { answered: true }))).toEqual({ left: ['id'], owed: [] });
});

it('nothing is taken out of a queue when Redis refused to begin', async () => {
  expect(await joined(new NodeError('TRYAGAIN Multiple keys request', { answered: true }))).toEqual({
    left: [],
    owed: [],
  });
});

it('an id is owed when Redis said nothing', async () => {
  expect(await joined(new NodeError('no answer'))).toEqual({ left: [], owed: ['id'] });
});
