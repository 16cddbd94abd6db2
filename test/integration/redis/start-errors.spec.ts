import { tryAcquire } from '../../support/driver-calls.js';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, it } from 'vitest';
import { BackendUnavailableError } from '../../../lib/errors.js';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { startSentinel } from '../../support/redis-deployments.js';
import { driverOn } from '../../support/redis-drivers.js';
import { freePort } from '../../support/redis-ports.js';
import { startRedis, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

const PASSWORD = 'correct-horse-battery';

/** The error of a start that has to fail, and how long it took. */
async function failedStart(driver: RedisDriver): Promise<Error> {
  const error: unknown = await driver.start().then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof BackendUnavailableError)) throw new Error(`it started, or: ${inspect(error)}`);
  expect(error.message).not.toContain('\n');
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
  return error;
}

describe('a start that fails', () => {
  afterAll(stopAllRedis);

  it('says that the connection was refused', async () => {
    const port = await freePort();
    const error = await failedStart(driverOn(`redis://127.0.0.1:${port}`));
    expect(error.message).toContain(`127.0.0.1:${port}: connection refused`);
  });

  it('says that the host was not found', async () => {
    const error = await failedStart(driverOn('redis://nobody.invalid'));
    expect(error.message).toContain('nobody.invalid:6379: host not found');
  });

  it('says that the password is wrong, without saying it', async () => {
    const { port } = await startRedis({ password: 'another' });
    const error = await failedStart(driverOn(`redis://:${PASSWORD}@127.0.0.1:${port}`));
    expect(error.message).toContain('WRONGPASS');
  });

  it('says that a password is needed', async () => {
    const { port } = await startRedis({ password: PASSWORD });
    const error = await failedStart(driverOn(`redis://127.0.0.1:${port}`));
    expect(error.message).toContain('NOAUTH');
  });

  it.each([
    'eval',
    'evalsha',
    'set',
    'get',
    'del',
    'exists',
    'pttl',
    'pexpire',
    'zadd',
    'zrange',
    'zscore',
    'zrem',
    'zremrangebyscore',
    'time',
    'info',
    'publish',
  ])('names the command %s that the ACL user may not use', async (command) => {
    const user = `app on >${PASSWORD} ~* &* +@all -${command}`;
    const { port } = await startRedis({ aclUsers: [user] });
    const error = await failedStart(driverOn(`redis://app:${PASSWORD}@127.0.0.1:${port}`));
    expect(error.message).toContain('NOPERM');
    expect(error.message).toContain('ACL SETUSER line of docs/redis.md');
    expect(error.message.toLowerCase()).toContain(command);
  });

  it('says that the ACL user may not use the keys', async () => {
    const user = `app on >${PASSWORD} ~other:* &* +@all`;
    const { port } = await startRedis({ aclUsers: [user] });
    const error = await failedStart(driverOn(`redis://app:${PASSWORD}@127.0.0.1:${port}`));
    expect(error.message).toContain('NOPERM');
  });

  it('says that TLS was spoken to a plain port', async () => {
    const { port } = await startRedis();
    const driver = driverOn(`rediss://127.0.0.1:${port}`, undefined, { connectTimeout: 500 });
    expect((await failedStart(driver)).message).toContain('use redis://');
  });

  it('says that a TLS port was spoken to in plain', async () => {
    const { port } = await startRedis({ tls: true });
    const driver = driverOn(`redis://127.0.0.1:${port}`, undefined, { connectTimeout: 500 });
    expect((await failedStart(driver)).message).toContain('use rediss://');
  });

  it('says that the certificate is not accepted', async () => {
    const { port } = await startRedis({ tls: true });
    expect((await failedStart(driverOn(`rediss://127.0.0.1:${port}`))).message).toContain(
      'redis.options.tls.ca',
    );
  });

  it('says that the node is a replica', async () => {
    const master = await startRedis();
    const { port } = await startRedis({ args: [`replicaof 127.0.0.1 ${master.port}`] });
    expect((await failedStart(driverOn(`redis://127.0.0.1:${port}`))).message).toContain('is a replica');
  });

  it('says that the node is no cluster', async () => {
    const { port } = await startRedis();
    const error = await failedStart(driverOn(`redis+cluster://127.0.0.1:${port}`));
    expect(error.message).toContain('use redis://');
  });

  it('says that no seed of a cluster answers', async () => {
    const error = await failedStart(driverOn(`redis+cluster://127.0.0.1:${await freePort()}`));
    expect(error.message).toMatch(/connection refused|no seed/);
  });

  it('says that no sentinel answers', async () => {
    const error = await failedStart(driverOn(`redis+sentinel://127.0.0.1:${await freePort()}/main`));
    expect(error.message).toMatch(/connection refused|no sentinel/);
  });

  it('says that what is given as a sentinel is a plain Redis', async () => {
    const { port } = await startRedis();
    const error = await failedStart(driverOn(`redis+sentinel://127.0.0.1:${port}/main`));
    expect(error.message).toContain('is a plain Redis and no sentinel');
  });

  it('says that the sentinels do not know the master', async () => {
    const { sentinel } = await startSentinel();
    const error = await failedStart(driverOn(`redis+sentinel://127.0.0.1:${sentinel.port}/other`));
    expect(error.message).toContain('do not know this master');
  });

  it.each([
    ['no', ''],
    ['a wrong', '?sentinelPassword=wrong'],
  ])('says that the sentinels want another password than %s one', async (_which, query) => {
    const { sentinel } = await startSentinel({ password: PASSWORD });
    const error = await failedStart(driverOn(`redis+sentinel://127.0.0.1:${sentinel.port}/main${query}`));
    expect(error.message).toContain('the sentinels refuse the credentials');
    expect(error.message).toContain('sentinelPassword');
  });

  it('says that the certificate of the sentinels is not accepted', async () => {
    const { sentinel } = await startSentinel({ tls: true });
    const redisOptions = { sentinelTLS: {} };
    const url = `redis+sentinel://127.0.0.1:${sentinel.port}/main`;
    const error = await failedStart(driverOn(url, undefined, { redisOptions }));
    expect(error.message).toContain('the TLS certificate is not accepted');
  });

  it('says so also where the watch over the sentinels learns of it later than the client', async () => {
    const { sentinel } = await startSentinel({ tls: true });
    let connections = 0;
    const late = createServer(async (socket) => {
      socket.on('error', () => undefined);
      // The watch connects first.
      if (connections++ === 0) await new Promise((resolve) => setTimeout(resolve, 500));
      const upstream = connect(sentinel.port, '127.0.0.1');
      upstream.on('error', () => undefined);
      socket.pipe(upstream).pipe(socket);
    });
    late.listen(0, '127.0.0.1');
    await once(late, 'listening');
    const url = `redis+sentinel://127.0.0.1:${(late.address() as AddressInfo).port}/main`;
    const error = await failedStart(driverOn(url, undefined, { redisOptions: { sentinelTLS: {} } }));
    late.close();
    expect(connections).toBeGreaterThan(1);
    expect(error.message).toContain('the TLS certificate is not accepted');
  });

  it('does not blame one of several sentinels for an outage of the master', async () => {
    const { master, sentinel } = await startSentinel();
    const other = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const context = recordingContext();
    const driver = driverOn(
      `redis+sentinel://127.0.0.1:${sentinel.port},127.0.0.1:${(other.address() as AddressInfo).port}/main`,
      context,
    );
    await driver.start();
    // The watch has tried the other one by then.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await master.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect.poll(() => context.changes.length).toBeGreaterThan(1);
    expect(context.changes[1]?.cause?.message).toContain('the connection was closed');
    await driver.stop();
    other.close();
  });

  it('says that a proxy may not know what is asked of it, where the connection is closed without a word', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const error = await failedStart(driverOn(`redis://127.0.0.1:${port}`));
    expect(error.message).toContain('use rediss://');
    expect(error.message).toContain('a proxy (twemproxy)');
    server.close();
  });

  it('says that the database does not exist', async () => {
    const { port } = await startRedis();
    expect((await failedStart(driverOn(`redis://127.0.0.1:${port}/999`))).message).toContain('database');
  });

  it('ends in bounded time when the server accepts connections and never answers', async () => {
    const server = await startRedis();
    server.pause();
    const start = performance.now();
    const error = await failedStart(driverOn(server.url, undefined, { connectTimeout: 300 }));
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(error.message).toContain('no answer within 300 ms');
    server.resume();
  });

  it('ends in bounded time with a ready client whose server never answers', async () => {
    const server = await startRedis();
    const client = server.client();
    await client.ping();
    server.pause();
    const driver = new RedisDriver([client], { ttl: 1000 }, recordingContext());
    const error = await failedStart(driver);
    expect(error.message).toContain(`127.0.0.1:${server.port}: no answer within`);
    server.resume();
  });

  it('says why a ready client does not connect', async () => {
    const client = new Redis({ host: '127.0.0.1', port: await freePort(), lazyConnect: true });
    const error = await failedStart(new RedisDriver([client], { ttl: 1000 }, recordingContext()));
    client.disconnect();
    expect(error.message).toContain('connection refused');
  });

  it('lists every node that failed', async () => {
    const [one] = await startRedisNodes(1);
    const [two, three] = [await freePort(), await freePort()];
    const urls = [one?.url ?? '', `redis://127.0.0.1:${two}`, `redis://127.0.0.1:${three}`];
    const error = await failedStart(driverOn(urls));
    expect(error.message).toContain('2 of 3 nodes');
    expect(error.message).toContain(`127.0.0.1:${two}: connection refused`);
    expect(error.message).toContain(`127.0.0.1:${three}: connection refused`);
  });

  it('is none when a quorum is there, and says which node is missing', async () => {
    const [one, two] = await startRedisNodes(2);
    const missing = await freePort();
    const context = recordingContext();
    const driver = driverOn([one?.url ?? '', two?.url ?? '', `redis://127.0.0.1:${missing}`], context);
    await driver.start();
    expect(context.changes).toEqual([{ state: 'up' }]);
    await expect.poll(() => context.warnings).toHaveLength(1);
    expect(context.warnings[0]).toContain(`127.0.0.1:${missing} is down: connection refused`);
    await driver.stop();
  });

  it('gives a node that is only slow its vote from the first lock on', async () => {
    const servers = await startRedisNodes(3, { args: ['enable-debug-command yes'] });
    const context = recordingContext();
    const driver = driverOn(
      servers.map(({ url }) => url),
      context,
      { commandTimeout: 5000 },
    );
    const slow = servers[2]?.client();
    const sleeping = slow?.call('DEBUG', 'SLEEP', '0.3');
    await driver.start();
    await sleeping;
    const grant = granted(await tryAcquire(driver, request(freshName())));
    await expect.poll(async () => slow?.get(`coordination:lock:${grant.name}`)).toBe(grant.id);
    expect(context.warnings).toEqual([]);
    await driver.stop();
  });

  it('is none when one of three nodes hangs', async () => {
    const servers = await startRedisNodes(3);
    servers[2]?.pause();
    const driver = driverOn(servers.map(({ url }) => url));
    await driver.start();
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName()))));
    await driver.stop();
  });

  it('leaves no connection behind', async () => {
    const [one] = await startRedisNodes(1);
    const admin = one?.client();
    const driver = driverOn([
      one?.url ?? '',
      `redis://127.0.0.1:${await freePort()}`,
      `redis://127.0.0.1:${await freePort()}`,
    ]);
    await failedStart(driver);
    await expect
      .poll(async () =>
        String(await admin?.client('LIST'))
          .trim()
          .split('\n'),
      )
      .toHaveLength(1);
  });
});
