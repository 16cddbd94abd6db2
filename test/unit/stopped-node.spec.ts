import { expect, it } from 'vitest';
import type { RedisClient } from '../../lib/drivers/redis/connection/clients.js';
import type { ConnectionOwner } from '../../lib/drivers/redis/connection/connection.js';
import type { ServerPlan } from '../../lib/drivers/redis/connection/node-plan.js';
import { RedisNode } from '../../lib/drivers/redis/node/redis-node.js';
import { FakeClock, settled } from '../support/fake-clock.js';

const REFUSAL = 'MISCONF Redis is configured to save RDB snapshots, but cannot.';

it('a node that is stopped while it is examined is not examined again', async () => {
  const clock = new FakeClock();
  let owner: ConnectionOwner | undefined;
  const connect = (by: ConnectionOwner) => {
    owner = by;
    return { start: () => Promise.resolve(), fail: () => undefined, stop: () => Promise.resolve() };
  };
  const common = { name: 'node', secrets: [], commandTimeout: 100, topology: 'sentinel' } as const;
  const plan: ServerPlan = { ...common, connect, subscribe: connect };
  const node = new RedisNode(plan, {
    ...common,
    clock,
    random: () => 0,
    ttl: 1000,
    longestTtl: () => 1000,
    ownTtl: 1000,
    list: '1',
    scope: '',
    quarantine: true,
    persistent: false,
    twinOf: () => undefined,
    preflightKey: () => undefined,
    warn: () => undefined,
    tellsHealth: false,
    onChange: () => undefined,
  });
  let asked = 0;
  let refuse = (): void => undefined;
  const info = (): Promise<string> => {
    asked += 1;
    return new Promise((_resolve, reject) => (refuse = () => reject(new Error(REFUSAL))));
  };
  const client = { status: 'ready', info } as unknown as RedisClient;
  owner?.onUp(client);
  const verified = owner?.verify(client).catch(() => undefined);
  await settled();
  await node.stop();
  refuse();
  await verified;
  expect(clock.timers).toBe(0);
  await clock.advance(60_000);
  expect(asked).toBe(1);
});
