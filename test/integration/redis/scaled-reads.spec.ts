import { breakLock, isOwner, tryAcquire } from '../../support/driver-calls.js';
import { Cluster } from 'ioredis';
import { afterAll, expect, it } from 'vitest';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { startCluster, startReplica } from '../../support/redis-deployments.js';
import { stopAllRedis } from '../../support/redis-server.js';

afterAll(stopAllRedis);

it('a ready Cluster client that reads from replicas asks the masters who holds a lock', async () => {
  const { masters } = await startCluster();
  const replica = await startReplica(masters[0]!);
  const seeds = masters.map(({ port }) => ({ host: '127.0.0.1', port }));
  const client = new Cluster(seeds, { scaleReads: 'slave' });
  const driver = new RedisDriver([client], { ttl: 10_000 }, recordingContext());
  await driver.start();
  // In a slot of the first master.
  const grant = granted(await tryAcquire(driver, request(freshName('{b}'))));
  // It knows nothing of what comes now, and would not answer either.
  replica.pause();
  expect(await isOwner(driver, grant)).toBe(true);
  expect(await breakLock(driver, grant.name)).toBe(true);
  expect(await isOwner(driver, grant)).toBe(false);
  replica.resume();
  await driver.stop();
  client.disconnect();
});
