import { tryAcquire } from '../../support/driver-calls.js';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, it } from 'vitest';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { DOCUMENTED_RIGHTS } from '../../support/redis-acl.js';
import { startCluster, startSentinel } from '../../support/redis-deployments.js';
import { driverOn } from '../../support/redis-drivers.js';
import { stopAllRedis } from '../../support/redis-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

describe('a deployment that is one node', () => {
  afterAll(stopAllRedis);

  it('is used again after Sentinel has promoted the replica', async () => {
    const { master, replica, url } = await startSentinel();
    const context = recordingContext();
    const driver = driverOn(url, context);
    await driver.start();
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName()))));
    await master.kill();
    await eventually(() => context.changes.length === 3);
    expect(context.changes.map(({ state }) => state)).toEqual(['up', 'down', 'up']);
    const name = freshName();
    const grant = granted(await tryAcquire(driver, request(name)));
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
      // The old master takes writes for seconds yet. The driver leaves it as soon as it has read the sentinel's word, which may come some
      // events after the answer to this test.
      await eventually(async () => {
        const name = freshName();
        const granted = await tryAcquire(driver, request(name)).then(
          (reply) => reply.granted,
          () => false,
        );
        return granted && (await replica.client().exists(`coordination:lock:${name}`)) === 1;
      });
      expect(await admin.info('replication')).toContain('role:master');
      await driver.stop();
      client.disconnect();
      await eventually(async () => !String(await watching.client('LIST')).includes('sub=2'));
    },
  );

  it.each(['by its URL', 'by a ready client'])(
    'follows a failover that took place while its connection to the sentinel was lost, %s',
    async (how) => {
      const { master, replica, sentinel, masterName } = await startSentinel();
      const proxy = await TcpProxy.start(sentinel.port);
      const client = new Redis({ sentinels: [{ host: '127.0.0.1', port: proxy.port }], name: masterName });
      client.on('error', () => undefined);
      const context = recordingContext();
      const url = `redis+sentinel://127.0.0.1:${proxy.port}/${masterName}`;
      const driver =
        how === 'by its URL' ? driverOn(url, context) : new RedisDriver([client], { ttl: 10_000 }, context);
      await driver.start();
      const word = sentinel.client();
      await eventually(async () => String(await word.client('LIST')).includes('sub=2'));
      // The sentinel cannot make the old master a replica, so that nothing else shows the switch.
      await master.client().call('ACL', 'SETUSER', 'default', '-replicaof', '-slaveof');
      proxy.set('both', { cut: 'lose' });
      proxy.reset();
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
      expect(context.changes.map(({ state }) => state)).toEqual(['up']);
      proxy.heal();
      await eventually(async () => {
        const name = freshName();
        const granted = await tryAcquire(driver, request(name)).then(
          (reply) => reply.granted,
          () => false,
        );
        return granted && (await replica.client().exists(`coordination:lock:${name}`)) === 1;
      });
      await driver.stop();
      client.disconnect();
      await proxy.stop();
    },
  );

  it('has one holder at a time while Sentinel fails over under load, with replicas that start meanwhile', async () => {
    const { replica, sentinel, masterName, url } = await startSentinel();
    const word = sentinel.client();
    const drivers: RedisDriver[] = [];
    const name = freshName();
    let [holders, overlaps, leases] = [0, 0, 0];
    const over = new AbortController();
    const work = async (driver: RedisDriver): Promise<void> => {
      while (!over.signal.aborted) {
        const reply = await tryAcquire(driver, request(name, 2000)).catch(() => undefined);
        if (!reply?.granted) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          continue;
        }
        holders += 1;
        leases += 1;
        if (holders > 1) overlaps += 1;
        await new Promise((resolve) => setTimeout(resolve, 2));
        holders -= 1;
        await driver.locks.release(reply.grant).catch(() => false);
      }
    };
    const working: Promise<void>[] = [];
    const begin = async (): Promise<void> => {
      const driver = driverOn(url, recordingContext(), { ttl: 2000 });
      drivers.push(driver);
      await driver.start().catch(() => undefined);
      working.push(work(driver));
    };
    for (let number = 0; number < 3; number += 1) await begin();
    await eventually(() => leases > 50);
    await eventually(() =>
      word.call('sentinel', 'failover', masterName).then(
        () => true,
        () => false,
      ),
    );
    const admin = replica.client();
    while (!(await admin.info('replication')).includes('role:master')) await begin();
    // The old one takes writes until the sentinel makes it a replica, some seconds later.
    const promoted = leases;
    for (let number = 0; number < 3; number += 1) await begin();
    await eventually(() => leases > promoted + 300);
    over.abort();
    await Promise.all(working);
    await Promise.all(drivers.map((driver) => driver.stop()));
    expect(overlaps).toBe(0);
  });

  it('as a Cluster needs more rights of its ACL user, to find the masters', async () => {
    const cluster = await startCluster({
      aclUsers: [
        `app on >secret ${DOCUMENTED_RIGHTS} +cluster|slots +asking`,
        `poor on >secret ${DOCUMENTED_RIGHTS}`,
      ],
    });
    const poor = driverOn(cluster.url.replace('//', '//poor:secret@'));
    await expect(poor.start()).rejects.toThrow(/NOPERM|no answer|no seed/);
    const driver = driverOn(cluster.url.replace('//', '//app:secret@'));
    await driver.start();
    for (let round = 0; round < 20; round += 1) {
      await driver.locks.release(granted(await tryAcquire(driver, request(freshName()))));
    }
    await driver.stop();
  });
});
