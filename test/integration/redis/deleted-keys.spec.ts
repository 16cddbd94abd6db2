import { announce, enqueue, tryAcquire } from '../../support/driver-calls.js';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Redis } from 'ioredis';
import type { RedisDriver, RedisDriverSettings } from '../../../lib/drivers/redis/index.js';
import { BackendUnavailableError } from '../../../lib/errors.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { type RedisServer, startRedis, stopAllRedis } from '../../support/redis-server.js';
import { THOROUGH } from '../../support/thorough.js';

/** Long enough that a busy machine does not let it pass between two steps of a test. */
const TTL = 20_000;
const LONG = 3_600_000;

const drivers: RedisDriver[] = [];

afterEach(async () => {
  await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
});
afterAll(stopAllRedis);

async function started(
  { url }: RedisServer,
  settings: Partial<RedisDriverSettings> = {},
): Promise<RedisDriver> {
  const driver = driverOn(url, recordingContext(), { ttl: TTL, commandTimeout: 5000, ...settings });
  drivers.push(driver);
  await driver.start();
  return driver;
}

async function refusal(driver: RedisDriver, name = freshName(), ttl = TTL): Promise<string> {
  const error: unknown = await tryAcquire(driver, request(name, ttl)).then(
    (reply) => reply,
    (reason: unknown) => reason,
  );
  if (error instanceof BackendUnavailableError) return error.message;
  throw new Error(`the node granted a lock, or called it busy: ${JSON.stringify(error)}`);
}

async function pair(driver: RedisDriver, ttl = TTL): Promise<void> {
  await driver.locks.release(granted(await tryAcquire(driver, request(freshName(), ttl))));
}

async function deleteAll(client: Redis): Promise<void> {
  for (const key of await client.keys('*')) await client.del(key);
}

const DELETIONS: [string, (client: Redis) => Promise<unknown>][] = [
  ['DEL of each key', deleteAll],
  ['UNLINK of all keys', async (client) => client.unlink(await client.keys('*'))],
  ['FLUSHALL', (client) => client.flushall()],
  ['FLUSHALL and CONFIG RESETSTAT', (client) => client.flushall().then(() => client.config('RESETSTAT'))],
];

/** So short that a server is soon older than that, s. */
const OLD = 6;

describe.each(THOROUGH ? ['', 'shop:'] : ['shop:'])(
  'with the prefix "%s", an old node whose keys have been deleted',
  (prefix) => {
    let server: RedisServer | undefined;
    const settings = { prefix, ttl: (OLD - 2) * 1000 };
    const beginTo = (): Promise<RedisDriver> => started(server as RedisServer, settings);

    // As if nobody had used it yet: it is then as old as its server, unless somebody or something tells that it was used.
    beforeEach(async () => {
      server ??= await startRedis();
      const client = server.client();
      await client.flushall();
      await client.script('FLUSH');
      await client.config('RESETSTAT');
      await eventually(async () => {
        const info = await client.info('server');
        return Number(/uptime_in_seconds:(\d+)/.exec(info)?.[1]) > OLD;
      });
    });
    afterAll(stopAllRedis);

    it.each(DELETIONS)('by %s grants nothing to who was connected', async (_how, remove) => {
      const [one, two] = [await beginTo(), await beginTo()];
      const name = `${prefix}${freshName()}`;
      granted(await tryAcquire(one, request(name, settings.ttl)));
      await remove(server!.client());
      expect(await refusal(two, name, settings.ttl)).toMatch(
        /grants nothing for another \d+ ms: it has lost its keys/,
      );
      expect(await refusal(one, freshName(), settings.ttl)).toMatch(/grants nothing/);
    });

    it.each(DELETIONS)('by %s grants nothing to who comes first and is new', async (_how, remove) => {
      const one = await beginTo();
      const name = `${prefix}${freshName()}`;
      granted(await tryAcquire(one, request(name, settings.ttl)));
      await remove(server!.client());
      const newer = await beginTo();
      expect(await refusal(newer, name, settings.ttl)).toMatch(
        /grants nothing for another \d+ ms: it has lost its keys/,
      );
    });

    it('grants nothing either when its scripts are gone too and a new one comes first, once it has heard of who knew', async () => {
      const one = await beginTo();
      const name = `${prefix}${freshName()}`;
      granted(await tryAcquire(one, request(name, settings.ttl)));
      const client = server!.client();
      await deleteAll(client);
      await client.script('FLUSH');
      const newer = await beginTo();
      await announce(one, 'member', settings.ttl);
      await expect.poll(() => refusal(newer, name, settings.ttl).catch(() => '')).toMatch(/grants nothing/);
    });
  },
);

describe('applications with prefixes of their own on one Redis', () => {
  it('may have different lists of nodes, in any order', async () => {
    const servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
    const all = servers.map(({ url }) => url);
    const on = async (urls: string | readonly string[], settings: Partial<RedisDriverSettings>) => {
      const driver = driverOn(urls, recordingContext(), { ttl: TTL, commandTimeout: 5000, ...settings });
      drivers.push(driver);
      await driver.start();
      return driver;
    };
    await pair(await on(all[0]!, { prefix: 'shop:' }));
    await pair(await on(all, { prefix: 'billing:' }));
    await pair(await on(all[1]!, { prefix: 'web:' }));
    const same = /another list of nodes .* where one prefix begins with the other/;
    // Their locks can be the same.
    await expect(on(all, { prefix: 'shop:eu:' })).rejects.toThrow(same);
    await expect(on(all[2]!, { prefix: 'bill' })).rejects.toThrow(same);
    await expect(on(all[2]!, { prefix: '' })).rejects.toThrow(same);
    await expect(on(all, { prefix: 'other:', keyOf: (name) => name })).rejects.toThrow(same);
  });

  it('do not sit out the long ttls of one another', async () => {
    const server = await startRedis();
    const batch = await started(server, { prefix: 'batch:', ttl: LONG });
    const web = await started(server, { prefix: 'web:', ttl: 1000 });
    await pair(web, 1000);
    await pair(batch, LONG);
    await server.client().flushall();
    expect(await refusal(batch)).toMatch(/grants nothing for another 3[56]\d{5} ms/);
    await expect
      .poll(
        () =>
          pair(web, 1000).then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);
  });

  it('and those of which one begins with the other do, whoever comes first', async () => {
    for (const order of [0, 1]) {
      const server = await startRedis();
      const long = await started(server, { prefix: order === 0 ? 'shop:' : '', ttl: LONG });
      const short = await started(server, { prefix: order === 0 ? '' : 'shop:', ttl: 1000 });
      await pair(long, LONG);
      await pair(short, 1000);
      await server.client().flushall();
      expect(await refusal([short, long][order]!, freshName(), 1000)).toMatch(/grants nothing/);
      expect(await refusal(short, freshName(), 1000)).toMatch(/grants nothing for another 3[56]\d{5} ms/);
    }
  });

  it('have all been in service for long where an operator says so of the node', async () => {
    const server = await startRedis({ fresh: true });
    await started(server, { prefix: 'early:' });
    await server.settle();
    for (const prefix of ['', 'shop:', 'web:']) await pair(await started(server, { prefix }));
  });
});

describe('a longer ttl on a young node', () => {
  /** Between the two ttls. */
  const settled = (driver: RedisDriver): Promise<void> =>
    expect
      .poll(
        () =>
          pair(driver, 1000).then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);

  it.each(['before', 'after'])(
    'of a replica that comes %s the others stops no lock of theirs',
    async (when) => {
      const server = await startRedis({ fresh: true });
      if (when === 'before') await started(server, { ttl: LONG });
      const short = await started(server, { ttl: 1000 });
      if (when === 'before') await settled(short);
      const long = when === 'before' ? drivers[0]! : await started(server, { ttl: LONG });
      await settled(short);
      expect(await refusal(long, freshName(), LONG)).toMatch(/grants nothing for another \d{7} ms/);
      await pair(short, 1000);
      await long.stop();
      await pair(short, 1000);
      await pair(await started(server, { ttl: 1000 }), 1000);
    },
  );

  it('of one lock is refused alone, and says why', async () => {
    const server = await startRedis({ fresh: true });
    const driver = await started(server, { ttl: 1000 });
    await settled(driver);
    expect(await refusal(driver, 'report', LONG)).toMatch(
      /take the lock "report": .* grants no lease of 3600000 ms for another \d{7} ms: .* a lock with a shorter ttl gets one earlier/,
    );
    await pair(driver, 1000);
  });

  it('is waited for by all when somebody knew of it before the node lost its keys', async () => {
    const server = await startRedis();
    const [short, long] = [await started(server, { ttl: 1000 }), await started(server, { ttl: LONG })];
    const name = freshName();
    granted(await tryAcquire(long, request(name, LONG)));
    await pair(short, 1000);
    await deleteAll(server.client());
    expect(await refusal(short, name, 1000)).toMatch(/grants nothing for another 3[56]\d{5} ms/);
  });
});

it('grants a long lease to nobody too soon, nor to who lines up behind another one of its process', async () => {
  const server = await startRedis();
  const client = server.client();
  const holder = await started(server, { ttl: 100 });
  const name = freshName();
  await pair(holder, 100);
  await holder.stop();
  await client.flushall();
  const driver = await started(server, { ttl: 100 });
  await new Promise((resolve) => setTimeout(resolve, 150));
  const places = [1, 2].map(() => enqueue(driver, request(name, LONG), () => undefined));
  const tries = await Promise.allSettled(places.map((place) => place.tryAcquire()));
  for (const place of places) await place.leave();
  // Whoever had it before the node lost its keys may have it still.
  for (const each of tries) expect(each).not.toMatchObject({ value: { granted: true } });
  expect(await client.get(driver.locks.keyOf(name))).toBeNull();
});
