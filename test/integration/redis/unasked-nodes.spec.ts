import { afterEach, expect, it } from 'vitest';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { tryAcquire } from '../../support/driver-calls.js';
import { freshName, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { type RedisServer, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

const TTL = 60_000;

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
  await stopAllRedis();
});

/** One node has the lock of somebody else, one is down, and one answers late. */
async function decidedByTwo(): Promise<{ driver: RedisDriver; name: string }> {
  const servers = (await startRedisNodes(3)) as [RedisServer, RedisServer, RedisServer];
  const [taken, dead, late] = servers;
  const proxy = await TcpProxy.start(late.port);
  const context = recordingContext();
  const urls = [taken.url, dead.url, `redis://127.0.0.1:${proxy.port}`];
  const driver = driverOn(urls, context, { ttl: 10_000, commandTimeout: 5000 });
  await driver.start();
  endings.push(
    () => proxy.stop(),
    () => driver.stop(),
  );
  const name = freshName();
  await taken.client().set(`coordination:lock:${name}`, 'foreign', 'PX', TTL);
  await dead.kill();
  await eventually(() => context.warnings.some((line) => line.includes(`:${dead.port} is down`)));
  proxy.set('down', { latency: 300 });
  return { driver, name };
}

it('a node that is not asked again, as the others have decided meanwhile, has not failed', async () => {
  const { driver, name } = await decidedByTwo();
  // Longer than any before, so that each node is told of that first.
  expect(await tryAcquire(driver, request(name, TTL))).toMatchObject({ granted: false });
});

it('nor has one whose window was full until then', async () => {
  const { driver, name } = await decidedByTwo();
  const many = Array.from({ length: 1000 }, () => tryAcquire(driver, request(freshName(), 10_000)));
  expect(await tryAcquire(driver, request(name, 10_000))).toMatchObject({ granted: false });
  await Promise.all(many);
});
