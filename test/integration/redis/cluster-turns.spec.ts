import { tryAcquire } from '../../support/driver-calls.js';
import { Cluster, type Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import type { Grant } from '../../../lib/drivers/driver.js';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { freshName, granted, recordingContext, request, SuiteWaiter } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { FakeClock } from '../../support/fake-clock.js';
import {
  type ClusterDeployment,
  moveSlot,
  nameAt,
  startCluster,
  startReplica,
} from '../../support/redis-deployments.js';
import { DOCUMENTED_RIGHTS } from '../../support/redis-acl.js';
import { driverOn } from '../../support/redis-drivers.js';
import { type RedisServer, type RedisServerOptions, stopAllRedis } from '../../support/redis-server.js';
import { redisVersion } from '../../support/redis-version.js';

/** Within about a second a waiter finds out by itself what nobody has told it, ms; the rest is a busy machine. */
const FOUND_OUT = 5000;
/** A node believes for 600 ms that one waits which does not come again, as with a clock that stands still, ms. */
const BELIEVED = 500;

/** Whether the server has channels of a shard, as Redis has from 7 on. */
const SHARDED = redisVersion() >= 7;

const FEW_RIGHTS = `app on >secret ${DOCUMENTED_RIGHTS} +cluster|slots +asking +spublish +ssubscribe +sunsubscribe`;

const drivers: RedisDriver[] = [];
const clients: Cluster[] = [];

afterEach(async () => {
  await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
  for (const client of clients.splice(0)) client.disconnect();
  await stopAllRedis();
});

async function started(driver: RedisDriver): Promise<RedisDriver> {
  drivers.push(driver);
  await driver.start();
  return driver;
}

/** A cluster, with a client for each of its masters. */
async function clusterOf(options?: RedisServerOptions): Promise<ClusterDeployment & { admins: Redis[] }> {
  const cluster = await startCluster(options);
  return { ...cluster, admins: cluster.masters.map((server) => server.client()) };
}

/** How often each master was asked for a command since its start, or `CONFIG RESETSTAT`; in scripts too. */
async function calls(admins: readonly Redis[], command: string): Promise<number[]> {
  const stats = await Promise.all(admins.map((admin) => admin.info('commandstats')));
  return stats.map((text) => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(text)?.[1] ?? 0));
}

/** The sharded channels on each master. */
async function channels(admins: readonly Redis[]): Promise<string[][]> {
  return (await Promise.all(admins.map((admin) => admin.pubsub('SHARDCHANNELS')))) as string[][];
}

async function count(admins: readonly Redis[]): Promise<number> {
  return (await channels(admins)).flat().length;
}

/** Somebody who waits at `driver`, and the grant that it waits for. */
async function waiting(
  holder: RedisDriver,
  driver: RedisDriver,
  name = freshName(),
): Promise<[SuiteWaiter, Grant]> {
  const grant = granted(await tryAcquire(holder, request(name)));
  const waiter = new SuiteWaiter(driver, grant.name);
  await waiter.enqueue();
  return [waiter, grant];
}

/**
 * Hands locks of one node after the other to waiters of `driver`. With a clock that stands still it is messages alone that wake them.
 * @returns how many rounds were done again, as a busy machine was too late
 */
async function handOver(holder: RedisDriver, driver: RedisDriver, rounds = 6): Promise<number> {
  let again = 0;
  for (let round = 0; round < rounds;) {
    const since = performance.now();
    const [waiter, grant] = await waiting(holder, driver, nameAt(round % 3));
    await holder.locks.release(grant);
    if (performance.now() - since > BELIEVED) {
      await waiter.leave();
      again += 1;
      continue;
    }
    await eventually(() => waiter.woken);
    await driver.locks.release(await waiter.turn());
    round += 1;
  }
  return again;
}

/** Waits until locks are handed over without PUBLISH. */
async function handsOverAgain(
  admins: readonly Redis[],
  holder: RedisDriver,
  driver: RedisDriver,
): Promise<void> {
  await eventually(async () => {
    for (const admin of admins) await admin.config('RESETSTAT');
    // While the cluster is down, nobody gets a lock of its.
    const done = await handOver(holder, driver, 12).then(
      () => true,
      () => false,
    );
    return done && (await calls(admins, 'publish')).every((each) => each === 0);
  });
}

/** A command that is on its way while a frozen clock moves on is not late. */
const PATIENT = { ttl: 60_000, commandTimeout: 40_000 };

function frozen() {
  const clock = new FakeClock();
  return { clock, context: { ...recordingContext(), clock } };
}

describe.runIf(SHARDED)('on a Cluster, whose turn it is', () => {
  it('is told by the node of the lock alone, to processes that wait there', async () => {
    const { url, masters, admins } = await clusterOf({ aclUsers: [FEW_RIGHTS] });
    const user = url.replace('//', '//app:secret@');
    const holder = await started(driverOn(user));
    const own = await started(driverOn(user, frozen().context));
    const seeds = masters.map(({ port }) => ({ host: '127.0.0.1', port }));
    clients.push(new Cluster(seeds));
    const borrowing = await started(new RedisDriver(clients, { ttl: 10_000 }, frozen().context));
    for (const admin of admins) await admin.config('RESETSTAT');
    const again = await Promise.all([handOver(holder, own, 12), handOver(holder, borrowing, 12)]);
    expect(await calls(admins, 'publish')).toEqual([0, 0, 0]);
    const told = await calls(admins, 'spublish');
    // Each subscriber has tried it once at the node of that channel.
    const messages = told.reduce((sum, each) => sum + each);
    expect(messages).toBeGreaterThanOrEqual(24 + 2);
    expect(messages).toBeLessThanOrEqual(24 + 2 + again[0] + again[1]);
    for (const each of told) expect(each).toBeGreaterThan(0);
    for (const each of (await channels(admins)).flat()) {
      expect(each).toMatch(/^coordination:turn:\{coordination:lock:[^}]+\}:\w+$/);
    }
  });

  it('is told to all who wait for locks with one hash tag through one channel', async () => {
    const { url, admins } = await clusterOf();
    const holder = await started(driverOn(url));
    const driver = await started(driverOn(url, frozen().context));
    await eventually(async () => {
      const since = performance.now();
      const waits = await Promise.all(
        Array.from({ length: 10 }, () => waiting(holder, driver, freshName('{tag}'))),
      );
      await Promise.all(waits.map(([, grant]) => holder.locks.release(grant)));
      const late = performance.now() - since > BELIEVED;
      expect((await channels(admins)).flat()).toEqual([
        expect.stringMatching(/^coordination:turn:\{tag\}:\w+$/),
      ]);
      for (const [waiter] of waits) {
        if (late) await waiter.leave();
        else {
          await eventually(() => waiter.woken);
          await driver.locks.release(await waiter.turn());
        }
      }
      return !late;
    });
  });

  it('is told where the client puts a prefix before keys', async () => {
    const { url, admins } = await clusterOf();
    const settings = { redisOptions: { keyPrefix: 'app:' }, keyOf: (name: string) => `{locks}:${name}` };
    const holder = await started(driverOn(url, recordingContext(), settings));
    const driver = await started(driverOn(url, frozen().context, settings));
    for (const admin of admins) await admin.config('RESETSTAT');
    await handOver(holder, driver);
    expect(await calls(admins, 'publish')).toEqual([0, 0, 0]);
  });

  it('leaves no channel behind, whether somebody waits for other locks or nobody for any', async () => {
    const { url, admins } = await clusterOf();
    const { clock, context } = frozen();
    const holder = await started(driverOn(url));
    const driver = await started(driverOn(url, context, PATIENT));
    const tag = freshName('{long}');
    const [long] = await waiting(holder, driver, tag);
    for (let second = 0; second < 30; second += 1) {
      const [waiter] = await waiting(holder, driver);
      await clock.advance(1000);
      await waiter.leave();
    }
    await eventually(async () => (await count(admins)) <= 12);
    expect((await channels(admins)).flat().filter((each) => each.includes('{long}'))).toHaveLength(1);
    await long.leave();
    await clock.advance(10_000);
    await eventually(async () => (await count(admins)) === 0);
  });

  it('leaves no channel behind where each wait is shorter than a refreshment', async () => {
    const { url, admins } = await clusterOf();
    const { clock, context } = frozen();
    const holder = await started(driverOn(url));
    const driver = await started(driverOn(url, context, PATIENT));
    for (let round = 0; round < 20; round += 1) {
      const [waiter] = await waiting(holder, driver);
      await waiter.leave();
      await clock.advance(3000);
    }
    await eventually(async () => (await count(admins)) <= 4);
  });
});

describe('on a Cluster that does not let waiters listen to one node, whose turn it is', () => {
  const rights = 'on >secret ~* &* +@all';

  const newer: readonly [string, RedisServerOptions][] = [
    ['SSUBSCRIBE is not allowed', { aclUsers: [`app ${rights} -ssubscribe`] }],
    ['SPUBLISH is not allowed', { aclUsers: [`app ${rights} -spublish`] }],
    [
      'Redis knows none of that',
      {
        aclUsers: [`app ${rights}`],
        args: ['SSUBSCRIBE', 'SUNSUBSCRIBE', 'SPUBLISH'].map((name) => `rename-command ${name} ""`),
      },
    ],
  ];
  const older: typeof newer = [['Redis is older than 7', { aclUsers: [`app ${rights}`] }]];

  it.each(SHARDED ? newer : older)('is told through all nodes: %s', async (_why, options) => {
    const { url, admins } = await clusterOf(options);
    const context = recordingContext();
    const user = url.replace('//', '//app:secret@');
    const holder = await started(driverOn(user, context));
    const { clock, context: frozenContext } = frozen();
    const driver = await started(driverOn(user, frozenContext));
    await handOver(holder, driver);
    expect((await calls(admins, 'publish')).reduce((sum, each) => sum + each)).toBeGreaterThanOrEqual(6);
    expect([...context.warnings, ...frozenContext.warnings]).toEqual([]);
    await clock.advance(10_000);
    await eventually(async () =>
      (await Promise.all(admins.map((admin) => admin.pubsub('CHANNELS', 'coordination:*')))).every(
        (list) => list.length === 0,
      ),
    );
  });
});

describe.runIf(SHARDED)('on a Cluster that changes, who waits', () => {
  it('finds its turn when the slot has moved, within about a second, and is told again soon', async () => {
    const { url, masters, admins } = await clusterOf();
    const holder = await started(driverOn(url));
    const driver = await started(driverOn(url));
    const name = '{tag}';
    const [waiter, grant] = await waiting(holder, driver, `${name}-moved`);
    const [from, to] = await moveSlot(masters, name.slice(1, -1));
    const start = performance.now();
    await holder.locks.release(grant);
    await eventually(() => waiter.woken);
    expect(performance.now() - start).toBeLessThan(FOUND_OUT);
    await driver.locks.release(await waiter.turn());
    const [again, held] = await waiting(holder, driver, `${name}-again`);
    await eventually(async () => (await count([to.client()])) === 1, { within: 10_000 });
    expect(await count([from.client()])).toBe(0);
    for (const admin of admins) await admin.config('RESETSTAT');
    await holder.locks.release(held);
    await eventually(() => again.woken);
    await driver.locks.release(await again.turn());
    expect(await calls(admins, 'publish')).toEqual([0, 0, 0]);
  });

  it('is told again when its connections were lost', async () => {
    const { url, admins } = await clusterOf();
    const holder = await started(driverOn(url));
    const driver = await started(driverOn(url));
    const [waiter, grant] = await waiting(holder, driver);
    const before = await count(admins);
    for (const admin of admins) await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    const start = performance.now();
    await holder.locks.release(grant);
    await eventually(() => waiter.woken);
    expect(performance.now() - start).toBeLessThan(FOUND_OUT);
    await eventually(async () => (await count(admins)) === before);
    await driver.locks.release(await waiter.turn());
  });

  it('is told again when a replica has taken the place of its master', async () => {
    const { url, masters, admins } = await clusterOf();
    const [dying, ...others] = masters as [RedisServer, ...RedisServer[]];
    const replica = await startReplica(dying);
    const left = [replica.client(), ...others.map((server) => server.client())];
    const holder = await started(driverOn(url));
    const driver = await started(driverOn(url));
    await handOver(holder, driver);
    await dying.kill();
    await eventually(async () => (await replica.client().info('replication')).includes('role:master'));
    await handsOverAgain(left, holder, driver);
    expect((await calls(left, 'spublish'))[0]).toBeGreaterThan(0);
    for (const admin of admins) admin.disconnect();
  });

  it('is told again when a node has been restarted', async () => {
    const { url, masters, admins } = await clusterOf();
    const holder = await started(driverOn(url));
    const driver = await started(driverOn(url));
    await handOver(holder, driver);
    await masters[0]?.restart();
    await handsOverAgain(admins, holder, driver);
  });
});
