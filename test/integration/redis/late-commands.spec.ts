import { breakLock, isOwner, tryAcquire, withdraw } from '../../support/driver-calls.js';
import { Cluster, Redis, type NatMap } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { ACQUIRE, RELEASE, RENEW } from '../../../lib/drivers/redis/scripts/index.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { startCluster, startSentinel } from '../../support/redis-deployments.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, startRedisNodes, stopAllRedis, type RedisServer } from '../../support/redis-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

describe('a command that reaches its node late', () => {
  const drivers: RedisDriver[] = [];

  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
    await stopAllRedis();
  });

  async function started(url: string | readonly string[], settings = {}): Promise<RedisDriver> {
    const driver = driverOn(url, recordingContext(), settings);
    drivers.push(driver);
    await driver.start();
    return driver;
  }

  it('takes no lock, when nobody waits for it any more', async () => {
    const server = await startRedis();
    const driver = driverOn(server.url, recordingContext(), { commandTimeout: 1000 });
    await driver.start();
    const name = freshName();
    server.pause();
    await expect(tryAcquire(driver, request(name))).rejects.toThrow(/no answer within 1000 ms/);
    // Stopped at once, so that it cannot free what it left.
    await driver.stop();
    server.resume();
    const client = server.client();
    await client.ping();
    await eventually(async () => (await client.info('commandstats')).includes('cmdstat_ping'));
    expect(await client.exists(`coordination:lock:${name}`)).toBe(0);
  });

  it('takes no lock after its time, by the clock of the node', async () => {
    const client = (await startRedis()).client();
    const run = (notAfter: number): Promise<number> => acquire(client, 'id', 1000, notAfter);
    expect(await run(Date.now() - 1000)).toBe(2);
    expect(await client.exists('key')).toBe(0);
    expect(await run(Date.now() + 60_000)).toBe(1);
  });

  it.each(['single', 'sentinel', 'cluster'] as const)(
    'breaks no lock that somebody has taken since (%s)',
    async (topology) => {
      const { url, client, proxies, close } = await behindProxies(topology);
      // A ready client gets the answer to the late command, when nobody waits for it any more.
      const slow = new RedisDriver([client], { ttl: 10_000, commandTimeout: 1000 }, recordingContext());
      drivers.push(slow);
      await slow.start();
      const other = await started(url);
      const name = freshName();
      for (const proxy of proxies) proxy.set('up', { cut: 'hold' });
      await expect(breakLock(slow, name)).rejects.toThrow(/no answer within 1000 ms/);
      const lease = granted(await tryAcquire(other, request(name)));
      for (const proxy of proxies) proxy.heal();
      // Whatever follows from the answer has been sent by the time of the second answer, and done by that of the third.
      const key = `coordination:lock:${name}`;
      for (let round = 0; round < 3; round += 1) expect(await client.get(key)).toBe(lease.id);
      expect(await isOwner(other, lease)).toBe(true);
      await slow.stop();
      await close();
    },
  );

  it('is not sent again for a caller that has its answer', async () => {
    const servers = await startRedisNodes(3);
    const proxy = await TcpProxy.start(servers[2]?.port ?? 0);
    const urls = servers.map(({ url }) => url);
    const settings = { ttl: 20_000, nodeList: 'nodes' };
    const slow = await started([...urls.slice(0, 2), `redis://127.0.0.1:${proxy.port}`], settings);
    await slow.locks.release(granted(await tryAcquire(slow, request(freshName()))));
    // A longer ttl: the record of every node is another one now, and has to be read again.
    await started(urls, { ...settings, ttl: 30_000 });
    proxy.set('both', { latency: 100 });
    const name = freshName();
    const lease = granted(await tryAcquire(slow, request(name, 20_000)));
    expect(await slow.locks.release(lease)).toBe(true);
    // Waits for every node: by then, all that was sent before over the same connection has been done.
    await withdraw(slow, 'nobody');
    expect(await servers[2]?.client().exists(`coordination:lock:${name}`)).toBe(0);
    await proxy.stop();
  });

  it('is not sent whole, when the node had forgotten the script, for a caller that has its answer', async () => {
    const servers = await startRedisNodes(3);
    const proxy = await TcpProxy.start(servers[2]?.port ?? 0);
    const urls = servers.map(({ url }) => url);
    const slow = await started([...urls.slice(0, 2), `redis://127.0.0.1:${proxy.port}`], {
      nodeList: 'nodes',
      commandTimeout: 10_000,
    });
    const name = freshName();
    const key = `coordination:lock:${name}`;
    for (const server of servers.slice(0, 2)) await server.client().set(key, 'somebody', 'PX', 60_000);
    const client = servers[2]?.client();
    await client?.script('FLUSH');
    await client?.script('LOAD', RELEASE.text);
    proxy.set('down', { latency: 100 });
    expect((await tryAcquire(slow, request(name))).granted).toBe(false);
    // Each waits for every node. What follows from an answer of the first time has been done by that of the second.
    await withdraw(slow, 'nobody');
    await withdraw(slow, 'nobody');
    expect(await client?.exists(key)).toBe(0);
    await slow.stop();
    await proxy.stop();
  });

  it('may be sent twice: the second time it renews what it took', async () => {
    const client = (await startRedis()).client();
    const run = (id = 'id'): Promise<number> => acquire(client, id, 60_000, '');
    expect(await run()).toBe(1);
    await client.pexpire('key', 1000);
    expect(await run()).toBe(1);
    expect(await client.pttl('key')).toBeGreaterThan(30_000);
    expect(await run('other')).toBe(0);
  });

  it('renews nothing that has gone, and says whose it is now', async () => {
    const client = (await startRedis()).client();
    const run = (): Promise<number[]> => client.eval(RENEW.text, 1, 'key', 1000, 'id') as Promise<number[]>;
    expect((await run())[1]).toBe(0);
    await client.set('key', 'other');
    expect((await run())[1]).toBe(-1);
    expect(await client.get('key')).toBe('other');
  });
});

/** One attempt by a client that waits in no queue: 1 taken, 0 somebody has it, 2 too late. */
async function acquire(client: Redis, id: string, ttl: number, notAfter: number | ''): Promise<number> {
  const keys = ['key', 'record', 'queue', 'waiters'];
  const args = [id, ttl, notAfter, '', ''];
  const reply = (await client.eval(ACQUIRE.text, keys.length, ...keys, ...args)) as number | number[];
  return Array.isArray(reply) ? (reply[0] ?? NaN) : 1;
}

type Topology = 'single' | 'sentinel' | 'cluster';

/** A deployment, and a client that reaches it through proxies only. */
async function behindProxies(topology: Topology) {
  const proxies: TcpProxy[] = [];
  const through = async ({ port }: RedisServer): Promise<NatMap> => {
    const proxy = await TcpProxy.start(port);
    proxies.push(proxy);
    return { [`127.0.0.1:${port}`]: { host: '127.0.0.1', port: proxy.port } };
  };
  const made = await {
    single: async () => {
      const server = await startRedis();
      const [at] = Object.values(await through(server));
      return { url: server.url, client: new Redis({ ...at }) };
    },
    sentinel: async () => {
      const { url, master, sentinel, masterName } = await startSentinel();
      const sentinels = [{ host: '127.0.0.1', port: sentinel.port }];
      return { url, client: new Redis({ sentinels, name: masterName, natMap: await through(master) }) };
    },
    cluster: async () => {
      const { url, masters } = await startCluster();
      const natMap = Object.assign({}, ...(await Promise.all(masters.map(through)))) as NatMap;
      const seeds = masters.map(({ port }) => ({ host: '127.0.0.1', port }));
      return { url, client: new Cluster(seeds, { natMap }) };
    },
  }[topology]();
  // A node that is stopped with the test is no news.
  made.client.on('error', () => undefined);
  const close = async (): Promise<void> => {
    made.client.disconnect();
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  };
  return { ...made, proxies, close };
}
