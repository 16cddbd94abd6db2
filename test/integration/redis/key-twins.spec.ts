import { isOwner, tryAcquire } from '../../support/driver-calls.js';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { RedisDriver, RedisDriverSettings } from '../../../lib/drivers/redis/index.js';
import {
  counterOf,
  queueOf,
  shardedTurnChannel,
  waitersOf,
} from '../../../lib/drivers/redis/scripts/keys.js';
import { freshName, granted, recordingContext, request, SuiteWaiter } from '../../support/driver-suite.js';
import { startCluster } from '../../support/redis-deployments.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

const drivers: RedisDriver[] = [];

afterEach(() => Promise.all(drivers.splice(0).map((driver) => driver.stop())));
afterAll(stopAllRedis);

async function started(url: string, settings: Partial<RedisDriverSettings> = {}): Promise<RedisDriver> {
  const driver = driverOn(url, recordingContext(), settings);
  drivers.push(driver);
  await driver.start();
  return driver;
}

/** Each of them with braces that hash tags are made of, or of none. */
const NAMES = ['x', '{x}', '{x}}', '{}', '{}x', 'a}b', 'a{b', '}{', '{a{b}', 'a{}b{c}', '{é}x', '{x}{x}'];

describe('locks whose keys are alike', () => {
  it.each([
    ['x', '{x}'],
    ['{x}', 'x'],
    ['{x}', '{x}{x}'],
    ['{y}x', '{y}{y}x'],
  ])('%s and %s do not grant one another', async (one, other) => {
    const server = await startRedis();
    const keyOf = (name: string): string => name;
    const [first, second, third] = await Promise.all([1, 2, 3].map(() => started(server.url, { keyOf })));
    const held = granted(await tryAcquire(first!, request(one)));
    const twin = granted(await tryAcquire(second!, request(other)));
    const waiter = new SuiteWaiter(third!, one);
    await waiter.enqueue();
    await second!.locks.release(twin);
    const client = server.client();
    // Nobody waits for it.
    expect(await client.get(other)).toBe(null);
    expect(await client.get(one)).toBe(held.id);
    expect(await isOwner(first!, held)).toBe(true);
    await first!.locks.release(held);
    await third!.locks.release(await waiter.turn());
  });

  it('have keys of their own for all that stands beside them, in their slot, as a server counts it', async () => {
    const server = await startRedis({ args: ['cluster-enabled yes'] });
    const client = server.client();
    for (const key of NAMES) {
      const slot = await client.cluster('KEYSLOT', key);
      const beside = [queueOf(key), waitersOf(key), counterOf(key), shardedTurnChannel(key)];
      const slots = await Promise.all(beside.map((each) => client.cluster('KEYSLOT', each)));
      expect([key, ...slots]).toEqual([key, slot, slot, slot, slot]);
    }
  });
});

describe('on a Cluster', () => {
  it('names with braces in any order work, with fencing tokens and waiters', async () => {
    const { url } = await startCluster();
    for (const settings of [{}, { keyOf: (name: string) => name }]) {
      const [holder, other] = [await started(url, settings), await started(url, settings)];
      for (const name of NAMES.map((each) => `${each}${freshName('')}`)) {
        const grant = granted(await tryAcquire(holder, { ...request(name), fencing: true }));
        expect(grant.tokens?.first).toBeGreaterThan(0);
        const waiter = new SuiteWaiter(other, name);
        await waiter.enqueue();
        await holder.locks.release(grant);
        await other.locks.release(await waiter.turn());
      }
    }
  });
});
