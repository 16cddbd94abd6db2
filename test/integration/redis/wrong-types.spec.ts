import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LockBreaker } from '../../../lib/drivers/redis/lock-breaker.js';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import type { NodeSet } from '../../../lib/drivers/redis/quorum/index.js';
import { JOIN, queueOf, REFRESH, sharersOf, waitersOf } from '../../../lib/drivers/redis/scripts/index.js';
import { systemClock } from '../../../lib/common/clock.js';
import { tryAcquire } from '../../support/driver-calls.js';
import { freshName, granted, request } from '../../support/driver-suite.js';
import { driverOn } from '../../support/redis-drivers.js';
import { type RedisServer, startRedis, stopAllRedis } from '../../support/redis-server.js';

const RECORD = 'coordination:node';

describe('a key of another type where a lock belongs', () => {
  let server: RedisServer;
  let driver: RedisDriver;

  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    driver = driverOn(server.url);
    await driver.start();
  });
  afterEach(() => driver.stop());
  afterAll(stopAllRedis);

  const keysOf = (name: string): [string, string, string] => {
    const key = driver.locks.keyOf(name);
    return [key, queueOf(key), waitersOf(key)];
  };

  it('has nobody enter the queue who is told that it is there', async () => {
    const client = server.client();
    const [key, queue, waiters] = keysOf(freshName());
    await client.lpush(key, 'no lock');
    const joining = client.eval(JOIN.text, 4, key, RECORD, queue, waiters, '', '', 1000, '', 'a.1', 'a.2');
    await expect(joining).rejects.toThrow('WRONGTYPE');
    expect(await client.exists(queue, waiters)).toBe(0);
  });

  it('keeps no other lock of the process from being looked at', async () => {
    const client = server.client();
    const [wrong, right] = [keysOf(freshName()), keysOf(freshName())];
    await client.lpush(wrong[0], 'no lock');
    await client.set(right[0], 'somebody', 'PX', 60_000);
    const keys = [wrong, right].flatMap(([key, queue, waiters]) => [key, queue, waiters, sharersOf(key)]);
    const reply = await client.eval(REFRESH.text, 9, RECORD, ...keys, 'a', 1000, '', '', 0, 0);
    expect(reply).toEqual([1, expect.any(Number), ['', -1], ['somebody', expect.any(Number)]]);
  });

  it('fails the renewal of no other share', async () => {
    const client = server.client();
    const grants = await Promise.all(
      [freshName(), freshName()].map(async (name) =>
        granted(await tryAcquire(driver, { ...request(name), mode: 'shared' })),
      ),
    );
    const wrong = sharersOf(driver.locks.keyOf(grants[0]!.name));
    await client.multi().del(wrong).lpush(wrong, 'no shares').exec();
    const outcomes = await driver.locks.renew(grants, 60_000);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['failed', 'renewed']);
  });
});

it('a lock is not broken where the only node that has it does not answer', async () => {
  const having = { evaluate: async () => ['lease'] };
  const needed: unknown[] = [];
  const nodeSet = {
    quorum: 2,
    collect: async (
      _what: string,
      _key: string,
      ask: (...nodes: unknown[]) => Promise<unknown>,
      ...rest: unknown[]
    ) => {
      if (rest.length > 0) {
        needed.push(rest[2]);
        throw new Error('no node has answered');
      }
      return [await ask(having, having), [], []];
    },
  } as unknown as NodeSet;
  const breaking = new LockBreaker(nodeSet, systemClock).break({
    name: 'share',
    key: 'share',
    id: 'lease',
    holds: 'no',
  });
  await expect(breaking).rejects.toThrow('no node has answered');
  expect(needed).toEqual([1]);
});
