import { Redis } from 'ioredis';
import { afterAll, describe, expect, it } from 'vitest';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
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

  it.each(['by its URL', 'by a ready client'])(
    'follows a failover that Sentinel was told to do, %s',
    async (how) => {
      const { master, replica, sentinel, masterName, url } = await startSentinel();
      const client = new Redis({ sentinels: [{ host: '127.0.0.1', port: sentinel.port }], name: masterName });
      client.on('error', () => undefined);
      const context = recordingContext();
      const driver =
        how === 'by its URL' ? driverOn(url, context) : new RedisDriver([client], { ttl: 10_000 }, context);
      await driver.start();
      const admin = master.client();
      const word = sentinel.client();
      const watching = sentinel.client();
      // The driver and, where it is one, the client.
      await eventually(async () => String(await watching.client('LIST')).includes('sub=2'));
      const asked = performance.now();
      await eventually(() =>
        word.call('sentinel', 'failover', masterName).then(
          () => true,
          () => false,
        ),
      );
      await eventually(async () => {
        const address = (await word.call('sentinel', 'get-master-addr-by-name', masterName)) as string[];
        return Number(address[1]) === replica.port;
      });
      // The old master takes writes for seconds yet, and nobody may ask it for a lock.
      const name = freshName();
      await eventually(() =>
        driver.tryAcquire(request(name)).then(
          (reply) => reply.granted,
          () => false,
        ),
      );
      expect(await replica.client().exists(`coordination:lock:${name}`)).toBe(1);
      expect(performance.now() - asked).toBeLessThan(25_000);
      expect((await admin.info('replication')).length).toBeGreaterThan(0);
      await driver.stop();
      client.disconnect();
      await eventually(async () => !String(await watching.client('LIST')).includes('sub=2'));
    },
  );

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
