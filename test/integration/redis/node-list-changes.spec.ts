import { announce, tryAcquire } from '../../support/driver-calls.js';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CoordinatorService } from 'nestjs-coordination';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedisNodes, stopAllRedis, type RedisServer } from '../../support/redis-server.js';

const TTL = 1000;
/** Where no time has to pass. */
const LONG = 20_000;

/** The lists before and after, by the numbers of their nodes. */
const CHANGES: [before: number[], after: number[]][] = [
  [[0], [0, 1, 2]],
  [
    [0, 1, 2],
    [0, 1, 2, 3, 4],
  ],
  [
    [0, 1, 2],
    [0, 1, 3],
  ],
  [
    [0, 1, 2],
    [0, 3, 4],
  ],
];

describe('a change of the list of nodes', () => {
  let servers: RedisServer[];
  /** In none of the lists of the others. */
  let strangers: RedisServer[];
  const coordinators: CoordinatorService[] = [];

  beforeAll(async () => {
    servers = await startRedisNodes(5, { args: ['enable-debug-command yes'] });
    strangers = await startRedisNodes(3);
  });
  afterEach(async () => {
    await Promise.all(coordinators.splice(0).map((each) => each.stop()));
    for (const server of servers) {
      await server.client().flushall();
      await server.settle();
    }
  });
  afterAll(stopAllRedis);

  const urls = (list: readonly number[]): string[] => list.map((index) => servers[index]!.url);

  function coordinator(list: readonly number[]): CoordinatorService {
    const made = new CoordinatorService({ backendUrl: urls(list), ttl: LONG });
    coordinators.push(made);
    return made;
  }

  describe.each(CHANGES.flatMap(([one, other]) => [[one, other] as const, [other, one] as const]))(
    'from %j to %j',
    (before, after) => {
      it('is refused while replicas of the old one run, which go on undisturbed and alone', async () => {
        const name = freshName();
        let inside = 0;
        let overlaps = 0;
        let bodies = 0;
        const over = new AbortController();
        const work = async (each: CoordinatorService): Promise<void> => {
          while (!over.signal.aborted)
            await each.using(name, { blocking: 30_000 }, async (lease) => {
              inside += 1;
              if (inside > 1) overlaps += 1;
              await new Promise(setImmediate);
              inside -= 1;
              lease.assertHeld();
              bodies += 1;
            });
        };
        const old = [coordinator(before), coordinator(before)];
        await Promise.all(old.map((each) => each.start()));
        const working = Promise.all(old.map(work));
        for (let round = 0; round < 3; round += 1) {
          const newer = coordinator(after);
          await expect(newer.start()).rejects.toThrow(/belongs to another list of nodes/);
        }
        const done = bodies;
        await expect.poll(() => bodies).toBeGreaterThan(done + 20);
        over.abort();
        await working;
        expect(overlaps).toBe(0);
      });
    },
  );

  it('is refused by a node that they have in common, whatever else that refuses', async () => {
    const before = coordinator([0, 1, 2]);
    await before.start();
    await before.using(freshName(), () => undefined);
    const user = servers[0]!.client();
    await user.call('ACL', 'SETUSER', 'default', '-zadd');
    await expect(coordinator([0, 3, 4]).start()).rejects.toThrow(/belongs to another list of nodes/);
    await user.call('ACL', 'SETUSER', 'default', '+zadd');
  });

  it('is refused by such a node whose scripts are flushed just then', async () => {
    const before = coordinator([0, 1, 2]);
    await before.start();
    await before.using(freshName(), () => undefined);
    const clients = [0, 3, 4].map((index) => new Redis(servers[index]!.url));
    const [common] = clients as [Redis, ...Redis[]];
    const evalsha = common.evalsha.bind(common) as (...args: unknown[]) => Promise<unknown>;
    let flushed = 0;
    common.evalsha = async (...args: unknown[]) => {
      flushed += 1;
      await common.script('FLUSH');
      return evalsha(...args);
    };
    const newer = new CoordinatorService({ redis: { clients }, ttl: LONG });
    coordinators.push(newer);
    await expect(newer.start()).rejects.toThrow(/belongs to another list of nodes/);
    expect(flushed).toBeGreaterThan(0);
    for (const client of clients) client.disconnect();
  });

  it('is refused also when both begin at once: only one of them has the lock, or none', async () => {
    const name = freshName();
    const settled = await Promise.allSettled(
      [
        [0, 1, 2],
        [0, 3, 4],
      ].map(async (list) => {
        const each = coordinator(list);
        await each.start();
        return each.getLock(name).hold({ blocking: 500 });
      }),
    );
    expect(settled.filter(({ status }) => status === 'fulfilled').length).toBeLessThan(2);
  });

  it('is noticed by nobody where the lists have no node in common: a lock has a holder on each', async () => {
    const before = coordinator([0, 1, 2]);
    await before.start();
    const after = new CoordinatorService({ backendUrl: strangers.map(({ url }) => url), ttl: LONG });
    coordinators.push(after);
    await after.start();
    const name = freshName();
    await before.using(name, () => after.using(name, { blocking: false }, (lease) => lease.assertHeld()));
  });

  it('takes a node from replicas that were silent for long, which are refused then, also where it is merely slow', async () => {
    const settings = { ttl: TTL, commandTimeout: 5000 };
    const before = driverOn(urls([0, 1, 2]), recordingContext(), settings);
    await before.start();
    await before.locks.release(granted(await tryAcquire(before, request(freshName(), TTL))));
    // A driver is started once.
    let newer = driverOn(urls([0, 3, 4]), recordingContext(), settings);
    await eventually(async () => {
      newer = driverOn(urls([0, 3, 4]), recordingContext(), settings);
      return newer.start().then(
        () => true,
        () => false,
      );
    });
    const name = freshName();
    granted(await tryAcquire(newer, request(name, TTL)));
    // The two others of the old list grant it at once.
    const sleeping = servers[0]!.client().call('DEBUG', 'SLEEP', '0.5');
    await expect(tryAcquire(before, request(name, TTL))).rejects.toThrow(/another list of nodes/);
    await sleeping;
    await expect(tryAcquire(before, request(name, TTL))).rejects.toThrow(/another list of nodes/);
    for (const server of servers.slice(1, 3))
      await eventually(async () => (await server.client().exists(`coordination:lock:${name}`)) === 0);
    await Promise.all([before.stop(), newer.stop()]);
  });

  it('lets no lease be renewed where a node has gone over to the new list', async () => {
    const driver = driverOn(urls([0, 1, 2]), recordingContext(), { ttl: TTL });
    await driver.start();
    const grant = granted(await tryAcquire(driver, request(freshName(), TTL)));
    const client = servers[0]!.client();
    const record = String(await client.get('coordination:node'));
    await client.set('coordination:node', record.replace(/ 3-\w+ /, ' 5-0123456789abcdef '), 'KEEPTTL');
    await announce(driver, 'member', TTL);
    await expect
      .poll(() =>
        driver.locks.renew([grant], TTL).then(
          () => '',
          (error: unknown) => String(error),
        ),
      )
      .toMatch(/another list of nodes/);
    await driver.stop();
  });
});
