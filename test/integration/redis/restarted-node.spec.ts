import { randomBytes } from 'node:crypto';
import { announce, enqueue, tryAcquire } from '../../support/driver-calls.js';
import { afterEach, describe, expect, it } from 'vitest';
import { BackendUnavailableError } from '../../../lib/errors.js';
import type { RedisDriver, RedisDriverSettings } from '../../../lib/drivers/redis/index.js';
import { freshName, granted, recordingContext, renewed, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

/** Long enough that a busy machine does not let it pass between two steps of a test. */
const TTL = 20_000;
/** For tests that wait for its end. */
const SHORT_TTL = 2_000;

describe('a node that has forgotten its keys', () => {
  const drivers: RedisDriver[] = [];

  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
    await stopAllRedis();
  });

  async function started(urls: string | readonly string[], settings: Partial<RedisDriverSettings> = {}) {
    const context = recordingContext();
    const driver = driverOn(urls, context, { ttl: TTL, commandTimeout: 5000, ...settings });
    drivers.push(driver);
    await driver.start();
    return { driver, context };
  }

  async function refusal(driver: RedisDriver, name: string): Promise<BackendUnavailableError> {
    const error: unknown = await tryAcquire(driver, request(name, SHORT_TTL)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof BackendUnavailableError) return error;
    throw new Error('the node granted a lock, or called it busy');
  }

  it('refuses a client that is newer than the restart, and says how long and why', async () => {
    const server = await startRedis();
    const { driver } = await started(server.url);
    const name = freshName();
    granted(await tryAcquire(driver, request(name)));
    await server.restart();
    const { driver: newer, context } = await started(server.url);
    const error = await refusal(newer, name);
    expect(error.message).toMatch(/grants nothing for another \d+ ms: it has lost its keys or is new/);
    expect(error.endsIn).toBeGreaterThan(0);
    expect(error.endsIn).toBeLessThanOrEqual(TTL + 1000);
    await refusal(newer, name);
    // One line for the operator, not one per call.
    expect(context.warnings).toHaveLength(1);
    expect(context.warnings[0]).toMatch(/has lost its keys or is new: it grants no lock for \d+ ms/);
  });

  it('refuses when it was flushed under a client that is connected', async () => {
    const server = await startRedis();
    const { driver } = await started(server.url);
    const { driver: other } = await started(server.url);
    const name = freshName();
    granted(await tryAcquire(driver, request(name)));
    await server.client().flushall();
    await refusal(other, name);
    await refusal(driver, freshName());
  });

  it('refuses when it was flushed before anybody wrote a record', async () => {
    const server = await startRedis({ fresh: true });
    const client = server.client();
    await eventually(
      async () => Number(/uptime_in_seconds:(\d+)/.exec(await client.info('server'))?.[1]) > 3,
    );
    await client.flushall();
    const { driver } = await started(server.url, { ttl: SHORT_TTL });
    await refusal(driver, freshName());
  });

  it('grants again when the longest ttl is over, to those who wait too', async () => {
    const server = await startRedis();
    const { driver } = await started(server.url, { ttl: SHORT_TTL });
    const name = freshName();
    granted(await tryAcquire(driver, request(name, SHORT_TTL)));
    // It is up somewhat before that is seen here.
    const before = performance.now();
    await server.restart();
    await eventually(async () => {
      const reply = await tryAcquire(driver, request(name, SHORT_TTL)).catch(
        () => ({ granted: false }) as const,
      );
      return reply.granted;
    });
    expect(performance.now() - before).toBeGreaterThanOrEqual(SHORT_TTL);
  });

  it('sits out the longest ttl that any client has told it of, and not only its own', async () => {
    const server = await startRedis();
    const { driver } = await started(server.url, { ttl: SHORT_TTL, maxTtl: TTL });
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName(), TTL))));
    const { driver: other } = await started(server.url, { ttl: SHORT_TTL });
    await server.client().flushall();
    // Whoever comes first tells it to the others.
    await refusal(driver, freshName());
    expect((await refusal(other, freshName())).endsIn).toBeGreaterThan(SHORT_TTL);
  });

  it('is no hindrance while a quorum remembers, and gives its vote again later', async () => {
    const servers = await startRedisNodes(3);
    const list = servers.map(({ url }) => url);
    const { driver } = await started(list, { ttl: SHORT_TTL });
    await servers[0]?.restart();
    const { driver: newer, context } = await started(list, { ttl: SHORT_TTL });
    const name = freshName();
    const grant = granted(await tryAcquire(newer, request(name, SHORT_TTL)));
    expect(await servers[0]?.client().exists(`coordination:lock:${name}`)).toBe(0);
    await newer.locks.release(grant);
    expect(context.warnings).toHaveLength(1);
    await eventually(async () => {
      const lease = granted(await tryAcquire(driver, request(name, SHORT_TTL)));
      const voted = await servers[0]?.client().exists(`coordination:lock:${name}`);
      await driver.locks.release(lease);
      return voted === 1;
    });
  });

  it('counts on all nodes at once too', async () => {
    const servers = await startRedisNodes(3);
    const list = servers.map(({ url }) => url);
    await started(list);
    await Promise.all(servers.map((server) => server.restart()));
    const { driver } = await started(list);
    expect((await refusal(driver, freshName())).message).toContain('3 of 3 nodes');
  });

  it('sits nothing out when it is declared to keep every write', async () => {
    const server = await startRedis({ fresh: true });
    const { driver, context } = await started(server.url, { persistent: true });
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName()))));
    // It does not, and that can be seen.
    expect(context.warnings).toEqual([
      expect.stringMatching(/is declared to keep every write .* and does not/),
    ]);
  });

  it('is believed when it does keep every write', async () => {
    const server = await startRedis({ fresh: true, args: ['appendonly yes', 'appendfsync always'] });
    const { driver, context } = await started(server.url, { persistent: true });
    const grant = granted(await tryAcquire(driver, request(freshName())));
    await server.restart();
    await eventually(() => renewed(driver, grant, TTL).catch(() => false));
    // It may have been asked while it loaded.
    expect(context.warnings.filter((warning) => !warning.includes('LOADING'))).toEqual([]);
  });

  it('is believed also when it is found loading what it has kept', async () => {
    // So slow, in µs per key, that it is asked meanwhile.
    const args = ['appendonly yes', 'appendfsync always', 'aof-use-rdb-preamble no', 'key-load-delay 1000'];
    const server = await startRedis({ fresh: true, args });
    const { driver, context } = await started(server.url, { persistent: true });
    const many = server.client().pipeline();
    for (let index = 0; index < 3000; index += 1) many.set(`key-${index}`, index);
    await many.exec();
    await server.restart();
    await eventually(() => context.changes.length === 3);
    expect(context.warnings).toEqual([expect.stringMatching(/still loading/)]);
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName()))));
  });

  it('grants nothing too soon when it is found loading what it had stored before the lease', async () => {
    const server = await startRedis({ args: ['key-load-delay 2000'] });
    const ttl = 8000;
    const { driver, context } = await started(server.url, { ttl });
    const { driver: other } = await started(server.url, { ttl });
    // So much, in megabytes, that it answers while it loads, and not to be compressed.
    const many = server.client().pipeline();
    for (let index = 0; index < 1000; index += 1) many.set(`key-${index}`, randomBytes(20_000));
    await many.exec();
    // So that both know its record, and it is stored.
    await other.locks.release(granted(await tryAcquire(other, request(freshName(), ttl))));
    await server.client().save();
    const name = freshName();
    const taken = performance.now();
    granted(await tryAcquire(driver, request(name, ttl)));
    await server.restart();
    const { error } = await eventually(async () => {
      const reply = await tryAcquire(other, request(name, ttl)).catch((reason: unknown) => ({
        error: reason as Error,
      }));
      if ('error' in reply) return /lost its keys or is new/.test(reply.error.message) && reply;
      throw new Error(`it was granted ${Math.round(performance.now() - taken)} ms after the lease had begun`);
    });
    expect(context.warnings).toContainEqual(expect.stringMatching(/still loading/));
    expect(error).toBeInstanceOf(BackendUnavailableError);
  });

  it('is as old as its server when it has never had a record', async () => {
    const server = await startRedis({ fresh: true });
    const client = server.client();
    await eventually(
      async () => Number(/uptime_in_seconds:(\d+)/.exec(await client.info('server'))?.[1]) > 3,
    );
    const { driver, context } = await started(server.url, { ttl: SHORT_TTL });
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName(), SHORT_TTL))));
    expect(context.warnings).toEqual([]);
  });

  it('has lost the last writes perhaps, when it restarts with what it had stored', async () => {
    const server = await startRedis({ args: ['appendonly yes', 'appendfsync no'] });
    const { driver } = await started(server.url);
    const name = freshName();
    const grant = granted(await tryAcquire(driver, request(name)));
    await eventually(async () => (await server.client().info('persistence')).includes('aof_enabled:1'));
    await server.restart();
    const { driver: newer } = await started(server.url);
    await refusal(newer, freshName());
    // What it does remember can be renewed.
    await eventually(() =>
      renewed(driver, grant, TTL).then(
        () => true,
        () => false,
      ),
    );
  });

  it('is one too when it was the replica of the node before, however long it has been up', async () => {
    const master = await startRedis();
    const replica = await startRedis({ fresh: true });
    const client = replica.client();
    await client.replicaof('127.0.0.1', master.port);
    const { driver } = await started(master.url);
    await eventually(async () => (await client.get('coordination:node'))?.includes(' 1 '));
    await eventually(
      async () => Number(/uptime_in_seconds:(\d+)/.exec(await client.info('server'))?.[1]) > 3,
    );
    // What the master does from now on is not replicated any more.
    await client.replicaof('NO', 'ONE');
    const name = freshName();
    granted(await tryAcquire(driver, request(name, SHORT_TTL)));
    const { driver: newer } = await started(replica.url);
    await refusal(newer, name);
  });

  it('sits out the longest ttl that whoever comes first has ever read in its record', async () => {
    const server = await startRedis();
    const { driver } = await started(server.url, { ttl: SHORT_TTL });
    const { driver: other } = await started(server.url, { ttl: TTL });
    // That other one has a longer ttl is in the record, and read at the latest by the next acquisition.
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName(), SHORT_TTL))));
    await other.stop();
    await server.client().flushall();
    expect((await refusal(driver, freshName())).endsIn).toBeGreaterThan(SHORT_TTL);
  });

  it('has been told of a longer ttl before a lease has it, also while a heartbeat tells a shorter one', async () => {
    const server = await startRedis();
    const { driver } = await started(server.url);
    const beat = announce(driver, 'member', TTL);
    granted(await tryAcquire(driver, request(freshName(), 2 * TTL)));
    await beat;
    expect(await server.client().get('coordination:node')).toMatch(new RegExp(`^\\w+ 1 0 ${2 * TTL} `));
  });

  it('lets no lease be longer than the longest that it would sit out', async () => {
    const server = await startRedis();
    const { driver } = await started(server.url, { maxTtl: TTL });
    await expect(tryAcquire(driver, request('too-long', TTL + 1))).rejects.toThrow(
      /Lock "too-long": its ttl of 20001 ms is above redis.maxTtl/,
    );
  });

  it('lets no lease be longer than maxTtl, whatever longer one it has been told of by others', async () => {
    const server = await startRedis();
    await started(server.url, { maxTtl: 2 * TTL });
    const { driver } = await started(server.url, { maxTtl: TTL });
    // By now the record has been read, which names the longer one.
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName()))));
    const tooLong = request('too-long', TTL + 1);
    await expect(tryAcquire(driver, tooLong)).rejects.toThrow(
      /ttl of 20001 ms is above redis.maxTtl \(20000 ms\)/,
    );
    await expect(enqueue(driver, tooLong, () => undefined).tryAcquire()).rejects.toThrow(
      /above redis.maxTtl/,
    );
  });

  it('is told of longer leases as they come, and the log warns once of each, without maxTtl', async () => {
    const server = await startRedis();
    const { driver, context } = await started(server.url);
    for (const [name, ttl] of [
      ['usual', TTL],
      ['long', 60_000],
      ['as-long', 60_000],
      ['longer', 90_000],
      ['long-again', 60_000],
    ] as const) {
      await driver.locks.release(granted(await tryAcquire(driver, request(name, ttl))));
    }
    expect(context.warnings).toEqual([
      expect.stringMatching(/^Lock "long": its ttl of 60000 ms .* give redis.maxTtl on every replica/),
      expect.stringMatching(/^Lock "longer": its ttl of 90000 ms .* give redis.maxTtl on every replica/),
    ]);
  });

  it('has no leases to sit out where it keeps every write, so that long ones are no reason to warn', async () => {
    const server = await startRedis({ args: ['appendonly yes', 'appendfsync always'] });
    const { driver, context } = await started(server.url, { persistent: true });
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName(), 60_000))));
    expect(context.warnings).toEqual([]);
  });
});
