import { tryAcquire } from '../../support/driver-calls.js';
import { afterEach, describe, expect, it } from 'vitest';
import type { RedisDriver, RedisDriverSettings } from '../../../lib/drivers/redis/index.js';
import { freshName, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, startRedisNodes, stopAllRedis, type RedisServer } from '../../support/redis-server.js';

const urls = (servers: readonly RedisServer[]): string[] => servers.map(({ url }) => url);

describe('the list of nodes', () => {
  const drivers: RedisDriver[] = [];

  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
    await stopAllRedis();
  });

  async function started(list: string | readonly string[], settings: Partial<RedisDriverSettings> = {}) {
    const driver = driverOn(list, recordingContext(), { ttl: 2000, commandTimeout: 1500, ...settings });
    drivers.push(driver);
    await driver.start();
    return driver;
  }

  it('has to be the same for all: two lists can have quorums that share no node', async () => {
    const servers = await startRedisNodes(5);
    await started(urls(servers.slice(0, 3)));
    await expect(started(urls(servers))).rejects.toThrow(
      /belongs to another list of nodes \(its mark is 3-[0-9a-f]{16}, ours is 5-[0-9a-f]{16}\): give every replica the same nodes/,
    );
  });

  it('is the same in another order', async () => {
    const servers = await startRedisNodes(3);
    await started(urls(servers));
    await started(urls(servers).toReversed());
  });

  it('of one node is the same under any of its addresses, and another one than a list with more', async () => {
    const servers = await startRedisNodes(3);
    const [first] = servers;
    await started(first?.url ?? '');
    await started(`redis://localhost:${first?.port}`);
    // The others would be a quorum without it.
    await expect(started(urls(servers))).rejects.toThrow(/another list of nodes \(its mark is 1, ours is 3-/);
    // Nor are they told of the list that was refused.
    await started(servers[1]?.url ?? '');
  });

  it('can be named, where the same nodes have several addresses', async () => {
    const servers = await startRedisNodes(3);
    const others = servers.map(({ port }) => `redis://localhost:${port}`);
    await started(urls(servers), { nodeList: 'production' });
    await started(others, { nodeList: 'production' });
    await expect(started(others, { nodeList: 'staging' })).rejects.toThrow(/another list of nodes/);
  });

  it('is replaced when nobody has used the old one for two ttls', async () => {
    const servers = await startRedisNodes(5);
    const old = await started(urls(servers.slice(0, 3)));
    await old.stop();
    await eventually(async () => {
      const driver = await started(urls(servers)).catch(() => undefined);
      return driver !== undefined;
    });
    // Whoever still had the old list is told, and grants nothing by it any more.
    await expect(started(urls(servers.slice(0, 3)))).rejects.toThrow(/another list of nodes/);
  });

  it('is looked at by each acquisition, not only at the start', async () => {
    const servers = await startRedisNodes(3);
    const driver = await started(urls(servers));
    for (const server of servers) {
      const client = server.client();
      const record = await client.get('coordination:node');
      await client.set(
        'coordination:node',
        record?.replace(/ 3-\w+ /, ' 5-0123456789abcdef ') ?? '',
        'PX',
        86_400_000,
      );
    }
    await expect(tryAcquire(driver, request(freshName()))).rejects.toThrow(/another list of nodes/);
  });

  it('names a server once, under whatever address', async () => {
    const server = await startRedis();
    const other = await startRedis();
    const list = [server.url, `redis://localhost:${server.port}`, other.url];
    const context = recordingContext();
    const driver = driverOn(list, context);
    drivers.push(driver);
    await driver.start();
    expect(context.warnings.join()).toMatch(/is the same server as (127\.0\.0\.1|localhost):\d+/);
    // One that belongs to no list yet.
    const { url, port } = await startRedis();
    await expect(
      started([url, `redis://localhost:${port}`, `redis://[::ffff:127.0.0.1]:${port}`]),
    ).rejects.toThrow(/is the same server as/);
  });

  it('has no node that throws keys away when its memory is full', async () => {
    const server = await startRedis({ args: ['maxmemory 64mb', 'maxmemory-policy volatile-lru'] });
    await expect(started(server.url)).rejects.toThrow(
      /may evict held locks when its memory is full \(maxmemory-policy volatile-lru\): set maxmemory-policy noeviction/,
    );
    await server.client().config('SET', 'maxmemory-policy', 'noeviction');
    await started(server.url);
  });
});
