import { fencedRequest, tokenOf, tryAcquire } from '../../support/driver-calls.js';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { freshName, granted, recordingContext } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { startCluster } from '../../support/redis-deployments.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedisNodes, stopAllRedis, type RedisServer } from '../../support/redis-server.js';
import { redisVersion } from '../../support/redis-version.js';
import { clockOffBy } from '../../support/wrong-clock.js';

const counterOf = (name: string): string => `coordination:fence:{coordination:lock:${name}}`;

describe('on real Redis servers,', () => {
  let servers: RedisServer[] = [];

  afterAll(stopAllRedis);

  describe('a quorum', () => {
    const drivers: RedisDriver[] = [];

    afterEach(async () => {
      await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
      await stopAllRedis();
    });

    async function started(urls: readonly string[], clockOff = 0): Promise<RedisDriver> {
      const driver = driverOn(urls, { ...recordingContext(), clock: clockOffBy(clockOff) });
      drivers.push(driver);
      await driver.start();
      return driver;
    }

    async function token(driver: RedisDriver, name: string): Promise<number> {
      const grant = await eventually(async () => {
        // While nodes restart there may be no quorum for a moment.
        const reply = await tryAcquire(driver, fencedRequest(name)).catch(() => undefined);
        return reply?.granted && reply.grant;
      });
      await driver.locks.release(grant);
      return tokenOf(grant);
    }

    it('agrees in one round trip when the clocks of the clients are right', async () => {
      servers = await startRedisNodes(3);
      const driver = await started(servers.map(({ url }) => url));
      const name = freshName();
      const before = await callsOf(servers, 'get');
      for (let round = 0; round < 10; round += 1) await token(driver, name);
      const counters = await Promise.all(servers.map((server) => server.client().get(counterOf(name))));
      expect(new Set(counters).size).toBe(1);
      // Four per lease: the node's record, the counter, and twice the key; a confirmation would read two more. And our look.
      expect((await callsOf(servers, 'get')) - before).toBeLessThanOrEqual(3 * (10 * 4 + 1));
    });

    it('counts on from the largest counter of any node, whatever the others say', async () => {
      servers = await startRedisNodes(3);
      const one = servers[0]?.client();
      const name = freshName();
      const ahead = (Date.now() + 3_600_000) * 1000;
      await one?.set(counterOf(name), ahead);
      const list = servers.map(({ url }) => url);
      const first = await started(list);
      servers[2]?.pause();
      expect(await token(first, name)).toBe(ahead + 1);
      // The third was not asked, the first is gone now: the second has to have been told.
      servers[2]?.resume();
      servers[0]?.pause();
      const second = await started(list);
      expect(await token(second, name)).toBe(ahead + 2);
      servers[0]?.resume();
      const told = servers.slice(1).map((server) => server.client().get(counterOf(name)));
      expect(await Promise.all(told)).toEqual([String(ahead + 2), String(ahead + 2)]);
    });

    // A server moves to another port, see `restartSettled`, from Redis 7 on.
    it.runIf(redisVersion() >= 7)('keeps the order when a node loses its counters', async () => {
      servers = await startRedisNodes(3);
      const list = servers.map(({ url }) => url);
      // Its clock is ahead, so that only the counters know how far the tokens have got.
      const ahead = await started(list, 30_000);
      const behind = await started(list, -30_000);
      const name = freshName();
      const tokens = [await token(ahead, name)];
      const clients = servers.map((server) => server.client());
      const countAlike = async (): Promise<boolean> => {
        const counters = await Promise.all(clients.map((client) => client.get(counterOf(name))));
        return new Set(counters).size === 1;
      };
      for (const server of servers) {
        // A token that two nodes have is lost to a quorum when one of these forgets it, and the third never had it.
        await eventually(async () => {
          tokens.push(await token(behind, name));
          return countAlike();
        });
        await server.restartSettled();
        tokens.push(await token(behind, name), await token(ahead, name), await token(behind, name));
      }
      expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
      expect(new Set(tokens).size).toBe(tokens.length);
    });

    it.each(['exclusive', 'shared'] as const)(
      'gives no token without a quorum that holds it, and leaves no lock behind then: %s',
      async (mode) => {
        servers = await startRedisNodes(3);
        const driver = await started(servers.map(({ url }) => url));
        const name = freshName();
        const [one, two, three] = servers.map((server) => server.client());
        // The first is ahead of the others, and no other may be written a counter: it is no number there.
        await one?.set(counterOf(name), (Date.now() + 3_600_000) * 1000);
        for (const client of [two, three]) await client?.lpush(counterOf(name), 'not a counter');
        // Longer than the test waits: what is left behind is not over by itself.
        await expect(tryAcquire(driver, { ...fencedRequest(name, 60_000), mode })).rejects.toThrow(
          /WRONGTYPE/,
        );
        for (const client of [one, two, three]) {
          await eventually(async () => (await client?.exists(`coordination:lock:${name}`)) === 0);
        }
      },
    );

    it('does not run ahead with a client whose clock does', async () => {
      servers = await startRedisNodes(3);
      const list = servers.map(({ url }) => url);
      const year = 365 * 86_400_000;
      expect(await token(await started(list, year), freshName())).toBeLessThan(
        (Date.now() + year / 2) * 1000,
      );
    });
  });

  it('the counter lies in the slot of the lock’s key in a Cluster, also with a hash tag in the name', async () => {
    const cluster = await startCluster();
    const driver = driverOn(cluster.url);
    await driver.start();
    for (const name of [freshName(), '{share-1}.snapshot', 'a{b}c{d}']) {
      const first = granted(await tryAcquire(driver, fencedRequest(name)));
      await driver.locks.release(first);
      const second = granted(await tryAcquire(driver, fencedRequest(name)));
      expect(tokenOf(second)).toBeGreaterThan(tokenOf(first));
      await driver.locks.release(second);
    }
    await driver.stop();
  });
});

/** How often a command has run on all servers, in scripts too. */
async function callsOf(servers: readonly RedisServer[], command: string): Promise<number> {
  const counts = await Promise.all(
    servers.map(async (server) => {
      const stats = await server.client().info('commandstats');
      return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
