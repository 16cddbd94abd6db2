import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { ACQUIRE, RENEW } from '../../../lib/drivers/redis/scripts.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';
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
    await expect(driver.tryAcquire(request(name))).rejects.toThrow(/no answer within 1000 ms/);
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
    const run = (notAfter: number): Promise<number[]> =>
      client.eval(ACQUIRE.text, 2, 'key', 'key', 'id', 1000, notAfter, '', '') as Promise<number[]>;
    expect((await run(Date.now() - 1000))[0]).toBe(2);
    expect(await client.exists('key')).toBe(0);
    expect((await run(Date.now() + 60_000))[0]).toBe(1);
  });

  it('breaks no lock that somebody has taken since', async () => {
    const server = await startRedis();
    const proxy = await TcpProxy.start(server.port);
    const held = await started(`redis://127.0.0.1:${proxy.port}`);
    const free = await started(server.url);
    const name = freshName();
    proxy.set('up', { cut: 'hold' });
    await expect(held.break(name)).rejects.toThrow(/no answer within/);
    const lease = granted(await free.tryAcquire(request(name)));
    const client = server.client();
    const before = await scriptsRun(client);
    proxy.heal();
    await eventually(async () => (await scriptsRun(client)) > before);
    expect(await free.isOwner(lease)).toBe(true);
    await proxy.stop();
  });

  it('is not sent again for a caller that has its answer', async () => {
    const servers = await startRedisNodes(3);
    const proxy = await TcpProxy.start(servers[2]?.port ?? 0);
    const urls = servers.map(({ url }) => url);
    const settings = { ttl: 20_000, nodeList: 'nodes' };
    const slow = await started([...urls.slice(0, 2), `redis://127.0.0.1:${proxy.port}`], settings);
    await slow.release(granted(await slow.tryAcquire(request(freshName()))));
    // A longer ttl: the record of every node is another one now, and has to be read again.
    await started(urls, { ...settings, ttl: 30_000 });
    proxy.set('both', { latency: 100 });
    const name = freshName();
    const lease = granted(await slow.tryAcquire(request(name, 20_000)));
    expect(await slow.release(lease)).toBe(true);
    // Waits for every node: by then, all that was sent before over the same connection has been done.
    await slow.withdraw('nobody');
    expect(await servers[2]?.client().exists(`coordination:lock:${name}`)).toBe(0);
    await proxy.stop();
  });

  it('may be sent twice: the second time it renews what it took', async () => {
    const client = (await startRedis()).client();
    const run = (id = 'id'): Promise<number[]> =>
      client.eval(ACQUIRE.text, 2, 'key', 'key', id, 60_000, '', '', '') as Promise<number[]>;
    expect((await run())[0]).toBe(1);
    await client.pexpire('key', 1000);
    expect((await run())[0]).toBe(1);
    expect(await client.pttl('key')).toBeGreaterThan(30_000);
    expect((await run('other'))[0]).toBe(0);
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

/** How many scripts the server has run. */
async function scriptsRun(client: Redis): Promise<number> {
  const stats = await client.info('commandstats');
  return Number(/cmdstat_eval:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}
