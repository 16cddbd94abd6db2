import { systemClock } from '../../../lib/common/clock.js';
import { Schedule } from '../../../lib/common/schedule.js';
import { Presence } from '../../../lib/lock/renewal/presence.js';
import { tryAcquire } from '../../support/driver-calls.js';
import { Cluster } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Grant } from '../../../lib/drivers/driver.js';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { slotOf } from '../../../lib/drivers/redis/scripts/cluster-slot.js';
import { granted, recordingContext, renewed, request, SuiteWaiter } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import {
  type ClusterDeployment,
  nameAt,
  startCluster,
  startReplica,
} from '../../support/redis-deployments.js';
import { driverOn } from '../../support/redis-drivers.js';
import { type RedisServer, stopAllRedis } from '../../support/redis-server.js';
import { THOROUGH } from '../../support/thorough.js';

const COMMAND_TIMEOUT = 1800;
const LIMITS = { commandTimeout: COMMAND_TIMEOUT, connectTimeout: 1000 };

/** The servers that are left go on, as those of an operator do who wants that. */
const PARTIAL = { args: ['cluster-require-full-coverage no'] };

const drivers: RedisDriver[] = [];
const clients: Cluster[] = [];

async function started(driver: RedisDriver): Promise<RedisDriver> {
  drivers.push(driver);
  await driver.start();
  return driver;
}

/** A driver by the URL, and one by a ready client. */
const KINDS = {
  'by URL': ({ url }: ClusterDeployment, context = recordingContext()) => driverOn(url, context, LIMITS),
  'by a ready client': ({ masters }: ClusterDeployment, context = recordingContext()) => {
    const client = new Cluster(masters.map(({ port }) => ({ host: '127.0.0.1', port })));
    // A server that a test kills is no news.
    client.on('error', () => undefined);
    clients.push(client);
    return new RedisDriver([client], { ttl: 10_000, ...LIMITS }, context);
  },
};

/** How a server goes away, and comes back. */
const AWAY: Record<
  string,
  [goAway: (server: RedisServer) => unknown, comeBack: (server: RedisServer) => unknown]
> = {
  hangs: [(server) => server.pause(), (server) => server.resume()],
  dies: [(server) => server.kill(), (server) => server.restart()],
};

let cluster: ClusterDeployment;
let bad: RedisServer;

beforeEach(async () => {
  cluster = await startCluster(PARTIAL);
  bad = cluster.masters[1]!;
});

afterEach(async () => {
  await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
  for (const client of clients.splice(0)) client.disconnect();
  await stopAllRedis();
});

/** Tries again until the back end can do it. */
async function take(driver: RedisDriver, name: string): Promise<Grant> {
  return eventually(async () => {
    const reply = await tryAcquire(driver, request(name)).catch(() => undefined);
    return reply?.granted ? reply.grant : undefined;
  });
}

describe.each(Object.entries(KINDS).slice(0, THOROUGH ? undefined : 1))(
  'a Cluster (%s) of which one server',
  (_kind, create) => {
    it.each(Object.entries(AWAY))('%s keeps all other locks', async (_how, [goAway]) => {
      const context = recordingContext();
      const driver = await started(create(cluster, context));
      const [first, last] = [nameAt(0), nameAt(2)];
      const held = await Promise.all(
        [first, last].map(async (name) => granted(await tryAcquire(driver, request(name)))),
      );
      const away = granted(await tryAcquire(driver, request(nameAt(1))));
      const waiter = new SuiteWaiter(driver, first);
      await waiter.enqueue();
      await goAway(bad);
      const lost = tryAcquire(driver, request(nameAt(1)));
      lost.catch(() => undefined);
      // While it is not known yet that the server is away, and after that.
      for (let round = 0; round < 40; round += 1) {
        for (const master of [0, 2]) {
          const start = performance.now();
          expect(await driver.locks.release(granted(await tryAcquire(driver, request(nameAt(master)))))).toBe(
            true,
          );
          expect(performance.now() - start).toBeLessThan(COMMAND_TIMEOUT);
        }
      }
      await expect(lost).rejects.toThrow(`:${bad.port} of cluster`);
      for (const grant of held) expect(await renewed(driver, grant, 10_000)).toBe(true);
      // Leases of both in one batch.
      const outcomes = await driver.locks.renew([held[0]!, away, held[1]!], 10_000);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['renewed', 'failed', 'renewed']);
      const start = performance.now();
      await expect(tryAcquire(driver, request(nameAt(1)))).rejects.toThrow(`:${bad.port} of cluster`);
      await expect(driver.locks.release(away)).rejects.toThrow(`:${bad.port} of cluster`);
      expect(performance.now() - start).toBeLessThan(COMMAND_TIMEOUT);
      await driver.locks.release(held[0]!);
      await eventually(() => waiter.woken);
      await driver.locks.release(await waiter.turn());
      expect(context.changes.map(({ state }) => state)).toEqual(['up']);
      const told = context.warnings.filter((line) => line.includes('is down'));
      expect(told).toEqual([expect.stringContaining(`127.0.0.1:${bad.port} of cluster`)]);
    });

    it('is back serves its locks again, and frees what was given up meanwhile', async () => {
      const context = recordingContext();
      const driver = await started(create(cluster, context));
      const name = nameAt(1);
      const grant = granted(await tryAcquire(driver, request(name)));
      bad.pause();
      await expect(driver.locks.release(grant)).rejects.toThrow(/no answer/);
      bad.resume();
      await driver.locks.release(await take(driver, name));
      expect(context.warnings.at(-1)).toMatch(
        new RegExp(`:${bad.port} of cluster .*can be used again|:${bad.port} of cluster can be used again`),
      );
      await bad.kill();
      await bad.restart();
      await driver.locks.release(await take(driver, nameAt(1)));
      expect(context.changes.map(({ state }) => state)).toEqual(['up']);
    });

    it.each(Object.entries(AWAY))(
      '%s lets a start succeed, also when it has the place of the member',
      async (_how, [goAway, comeBack]) => {
        await goAway(bad);
        const context = recordingContext();
        const driver = await started(create(cluster, context));
        const schedule = new Schedule(systemClock);
        // All records of the members are in one slot: one of the masters, and perhaps the one that is away.
        const { warn } = context;
        const member = { memberId: 'member', incarnation: 'this one', startedAt: 0 };
        await new Presence(driver, schedule, { ...member, ttl: 10_000, period: 5000, warn }).start();
        schedule.clear();
        for (const master of [0, 2])
          await driver.locks.release(granted(await tryAcquire(driver, request(nameAt(master)))));
        await expect(tryAcquire(driver, request(nameAt(1)))).rejects.toThrow(`:${bad.port} of cluster`);
        expect(context.warnings.filter((line) => line.includes(`:${bad.port} of cluster`))).not.toEqual([]);
        await comeBack(bad);
        await driver.locks.release(await take(driver, nameAt(1)));
      },
    );
  },
);

describe('a Cluster of which one server fails over to its replica', () => {
  it.each(Object.entries(AWAY).slice(THOROUGH ? 0 : 1))(
    'because it %s loses no other lock, and serves its own again',
    async (_how, [goAway, comeBack]) => {
      const replica = await startReplica(bad);
      const context = recordingContext();
      const driver = await started(driverOn(cluster.url, context, LIMITS));
      const held = granted(await tryAcquire(driver, request(nameAt(0), 60_000)));
      const moved = granted(await tryAcquire(driver, request(nameAt(1), 60_000)));
      const copy = replica.client({ readOnly: true });
      await eventually(async () => (await copy.get(`coordination:lock:${moved.name}`)) === moved.id);
      await goAway(bad);
      const name = nameAt(1);
      const grant = await take(driver, name);
      expect(await replica.client().get(`coordination:lock:${name}`)).toBe(grant.id);
      expect(await renewed(driver, held, 10_000)).toBe(true);
      expect(await renewed(driver, moved, 10_000)).toBe(true);
      const waiter = new SuiteWaiter(driver, name);
      await waiter.enqueue();
      await driver.locks.release(grant);
      await eventually(() => waiter.woken);
      await driver.locks.release(await waiter.turn());
      expect(context.changes.map(({ state }) => state)).toEqual(['up']);
      // The master that was: a replica now.
      await comeBack(bad);
      await eventually(async () => (await bad.client().info('replication')).includes('role:slave'));
      await driver.locks.release(await take(driver, nameAt(1)));
    },
  );
});

it('a release that is under way to a server is repeated at the one that has its slots by then', async () => {
  const replica = await startReplica(bad);
  const driver = await started(driverOn(cluster.url, recordingContext(), { commandTimeout: 30_000 }));
  const grant = granted(await tryAcquire(driver, request(nameAt(1), 120_000)));
  const key = `coordination:lock:${grant.name}`;
  const copy = replica.client({ readOnly: true });
  await eventually(async () => (await copy.get(key)) === grant.id);
  bad.pause();
  const releasing = driver.locks.release(grant).catch(() => false);
  const successor = replica.client();
  await successor.call('cluster', 'failover', 'takeover');
  const [first, , third] = cluster.masters.map((server) => server.client());
  const ownId = String(await successor.call('cluster', 'myid'));
  await eventually(async () => {
    const nodes = String(await first!.call('cluster', 'nodes'));
    return nodes
      .split('\n')
      .some((line) => line.startsWith(ownId) && line.includes('master') && line.includes('-'));
  });
  // Another slot moves, so that the driver looks which server has which.
  const other = nameAt(0);
  const slot = slotOf(`coordination:lock:${other}`);
  const thirdId = String(await third!.call('cluster', 'myid'));
  for (const admin of [third, first]) await admin!.call('cluster', 'setslot', slot, 'node', thirdId);
  await driver.locks.release(await take(driver, other));
  await eventually(async () => (await successor.get(key)) === null);
  bad.resume();
  await releasing;
});

describe('a Cluster of which every server is away', () => {
  it('is a back end that is down, and up with the first that is back', async () => {
    const context = recordingContext();
    const driver = await started(driverOn(cluster.url, context, LIMITS));
    for (const server of cluster.masters) await server.kill();
    await eventually(() => context.changes.at(-1)?.state === 'down');
    for (const server of cluster.masters) await server.restart();
    await eventually(() => context.changes.at(-1)?.state === 'up');
    for (const master of [0, 1, 2]) await driver.locks.release(await take(driver, nameAt(master)));
  });
});
