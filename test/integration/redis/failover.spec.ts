import { afterAll, describe, expect, it } from 'vitest';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { startCluster, startSentinel } from '../../support/redis-deployments.js';
import { driverOn } from '../../support/redis-drivers.js';
import { stopAllRedis } from '../../support/redis-server.js';

describe('a deployment that is one node', () => {
  afterAll(stopAllRedis);

  it('is used again after Sentinel has promoted the replica', async () => {
    const { master, replica, url } = await startSentinel();
    const context = recordingContext();
    const driver = driverOn(url, context);
    await driver.start();
    await driver.release(granted(await driver.tryAcquire(request(freshName()))));
    await master.kill();
    await eventually(() => context.changes.length === 3);
    expect(context.changes.map(({ state }) => state)).toEqual(['up', 'down', 'up']);
    const name = freshName();
    const grant = granted(await driver.tryAcquire(request(name)));
    expect(await replica.client().get(`coordination:lock:${name}`)).toBe(grant.id);
    await driver.stop();
  });

  it('as a Cluster needs two more rights of its ACL user, to find the masters', async () => {
    const rights =
      '+eval +evalsha +get +set +del +exists +pttl +pexpire +time +info +publish +subscribe +unsubscribe +zadd +zrange +zscore +zrem +zremrangebyscore';
    const keys = '~coordination:* &coordination:*';
    const cluster = await startCluster({
      aclUsers: [
        `app on >secret ${keys} ${rights} +cluster|slots +cluster|info`,
        `poor on >secret ${keys} ${rights}`,
      ],
    });
    const poor = driverOn(cluster.url.replace('//', '//poor:secret@'));
    await expect(poor.start()).rejects.toThrow(/NOPERM|no answer|no seed/);
    const driver = driverOn(cluster.url.replace('//', '//app:secret@'));
    await driver.start();
    for (let round = 0; round < 20; round += 1) {
      await driver.release(granted(await driver.tryAcquire(request(freshName()))));
    }
    await driver.stop();
  });
});
