import { announce, tryAcquire } from '../../support/driver-calls.js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { CoordinatorService } from '../../../lib/coordinator.service.js';
import type { Grant } from '../../../lib/drivers/driver.js';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { freshName, granted, recordingContext, renewed, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';
import { redisVersion } from '../../support/redis-version.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

const TTL = 1000;

/** A managed endpoint: the old master goes on over the connections that it has, as a replica; new ones go to the new master. */
async function startEndpoint() {
  const old = await startRedis({ args: ['repl-diskless-sync-delay 0'] });
  const next = await startRedis({ args: [`replicaof 127.0.0.1 ${old.port}`] });
  const replica = next.client();
  await eventually(async () => (await replica.info('replication')).includes('master_link_status:up'));
  let target = old.port;
  const proxy = await TcpProxy.start(() => target);
  const failOver = async (): Promise<void> => {
    target = next.port;
    await replica.replicaof('NO', 'ONE');
    await next.settle();
    await old.client().replicaof('127.0.0.1', next.port);
  };
  return { old, next, proxy, failOver };
}

const states = ({ changes }: ReturnType<typeof recordingContext>): string[] =>
  changes.map(({ state }) => state);

/** Takes and frees a lock, again and again until that works. */
async function untilUsable(driver: RedisDriver): Promise<void> {
  await eventually(async () => {
    const reply = await tryAcquire(driver, request(freshName(), TTL)).catch(() => undefined);
    return reply?.granted === true && (await driver.locks.release(reply.grant));
  });
}

describe('a master that becomes a replica and keeps its connections', () => {
  afterEach(stopAllRedis);

  it('is left for the new one, which is told as an outage', async () => {
    const { proxy, failOver } = await startEndpoint();
    const context = recordingContext();
    const driver = driverOn(`redis://127.0.0.1:${proxy.port}`, context, { ttl: TTL, commandTimeout: 5000 });
    await driver.start();
    await failOver();
    await expect(tryAcquire(driver, request(freshName(), TTL))).rejects.toThrow(/READONLY/);
    await untilUsable(driver);
    expect(states(context)).toEqual(['up', 'down', 'up']);
    expect(context.changes[1]?.cause?.message).toContain('is a replica and cannot be written to (READONLY)');
    await driver.stop();
    await proxy.stop();
  });

  it.each([
    ['as it is', {}],
    [
      'with a reconnectOnError of its own',
      { reconnectOnError: (error: Error) => /READONLY/.test(error.message) },
    ],
  ])('is left for the new one by a ready client, %s', async (_how, options) => {
    const { old, next, proxy, failOver } = await startEndpoint();
    const client = old.client({ port: proxy.port, ...options });
    const context = recordingContext();
    const driver = new RedisDriver([client], { ttl: TTL }, context);
    await driver.start();
    await failOver();
    await untilUsable(driver);
    expect(states(context)).toEqual(['up', 'down', 'up']);
    expect(await client.info('server')).toContain(`tcp_port:${next.port}`);
    await driver.stop();
    await proxy.stop();
  });

  it.each([
    ['a renewal', (driver: RedisDriver, held: Grant) => renewed(driver, held, TTL)],
    ['the heartbeat', (driver: RedisDriver) => announce(driver, 'member', TTL)],
  ])('is left for the new one when %s shows it', async (_what, show) => {
    const { next, proxy, failOver } = await startEndpoint();
    const context = recordingContext();
    const driver = driverOn(`redis://127.0.0.1:${proxy.port}`, context, { ttl: TTL, commandTimeout: 5000 });
    await driver.start();
    const held = granted(await tryAcquire(driver, request(freshName(), 60_000)));
    await announce(driver, 'member', TTL);
    await failOver();
    await expect(show(driver, held)).rejects.toThrow(/READONLY/);
    await eventually(() => states(context).length === 3);
    expect(states(context)).toEqual(['up', 'down', 'up']);
    await announce(driver, 'other', TTL);
    expect(await next.client().exists('coordination:record:{members}:other')).toBe(1);
    await driver.stop();
    await proxy.stop();
  });

  it('is said to have refused the renewals of a lease that is lost, where no other master is found', async () => {
    const [server, other] = await startRedisNodes(2);
    const coordinator = new CoordinatorService({ backendUrl: server!.url, ttl: 3000, heartbeat: 200 });
    await coordinator.start();
    const lease = await coordinator.getLock('held').hold();
    await server!.client().replicaof('127.0.0.1', other!.port);
    await eventually(() => lease.signal.aborted, { within: 20_000 });
    expect(lease.signal.reason).toMatchObject({ reason: 'backend-down' });
    expect((lease.signal.reason as Error).message).toMatch(/the back end refused to renew it: .*READONLY/);
    await coordinator.stop();
  });

  it('is not left by a ready client that does not reconnect by itself, which stays open', async () => {
    const { proxy, failOver } = await startEndpoint();
    const fixed = new Redis({ host: '127.0.0.1', port: proxy.port });
    fixed.on('error', () => undefined);
    // As ioredis documents it for a client that is not to reconnect.
    fixed.options.retryStrategy = null as never;
    const context = recordingContext();
    const driver = new RedisDriver([fixed], { ttl: TTL }, context);
    await driver.start();
    await failOver();
    await expect(tryAcquire(driver, request(freshName(), TTL))).rejects.toThrow(/READONLY/);
    await eventually(() => states(context).at(-1) === 'down');
    expect(await fixed.ping()).toBe('PONG');
    fixed.disconnect();
    await driver.stop();
    await proxy.stop();
  });

  it('is named in the log when it is one of three, and has its vote again when it is a master again', async () => {
    const servers = await startRedisNodes(3);
    const context = recordingContext();
    const driver = driverOn(
      servers.map(({ url }) => url),
      context,
      { ttl: TTL, commandTimeout: 5000 },
    );
    await driver.start();
    const [demoted, other] = [servers[2]!, servers[1]!];
    await demoted.client().replicaof('127.0.0.1', other.port);
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName(), TTL))));
    await eventually(() => context.warnings.length > 0);
    expect(context.warnings[0]).toMatch(`127.0.0.1:${demoted.port} is down: is a replica`);
    await demoted.client().replicaof('NO', 'ONE');
    await eventually(() => context.warnings.at(-1)?.includes('can be used again'));
    expect(states(context)).toEqual(['up']);
    await driver.stop();
  });
});

interface Refusal {
  readonly words: string;
  readonly args?: (directory: string) => readonly string[];
  readonly refuse: (admin: Redis, directory: string) => Promise<unknown>;
  readonly relent: (admin: Redis) => Promise<unknown>;
}

/** The client whose script does not end. */
const endless: { script?: Redis } = {};

const saved = (admin: Redis, status: string): Promise<unknown> =>
  eventually(async () => {
    await admin.bgsave().catch(() => undefined);
    return (await admin.info('persistence')).includes(`rdb_last_bgsave_status:${status}`);
  });

const ALL_REFUSALS: readonly Refusal[] = [
  {
    words: 'OOM',
    refuse: (admin) => admin.config('SET', 'maxmemory', '1'),
    relent: (admin) => admin.config('SET', 'maxmemory', '0'),
  },
  {
    words: 'NOREPLICAS',
    refuse: (admin) => admin.config('SET', 'min-replicas-to-write', '1'),
    relent: (admin) => admin.config('SET', 'min-replicas-to-write', '0'),
  },
  {
    words: 'MISCONF',
    args: (directory) => [`dir ${directory}`],
    refuse: async (admin, directory) => {
      await rm(directory, { recursive: true });
      await admin.config('SET', 'save', '3600 1');
      await saved(admin, 'err');
    },
    // It need not be able to save, then.
    relent: (admin) => admin.config('SET', 'save', ''),
  },
  {
    words: 'BUSY',
    args: () => ['lua-time-limit 1'],
    refuse: async (admin) => {
      endless.script = admin.duplicate({ enableReadyCheck: false });
      endless.script.on('error', () => undefined);
      endless.script.eval('while true do end', 0).catch(() => undefined);
      await eventually(() =>
        admin.ping().then(
          () => false,
          (error: Error) => error.message.startsWith('BUSY'),
        ),
      );
    },
    relent: async (admin) => {
      await admin.script('KILL');
      endless.script?.disconnect();
    },
  },
  {
    words: 'NOPERM',
    refuse: (admin) => admin.acl('SETUSER', 'default', '-zadd', '-set'),
    relent: (admin) => admin.acl('SETUSER', 'default', '+@all'),
  },
];

/** Redis 6 lets scripts write with however few replicas. */
const REFUSALS = ALL_REFUSALS.filter(({ words }) => words !== 'NOREPLICAS' || redisVersion() >= 7);

describe('a node that refuses for a while', () => {
  afterEach(stopAllRedis);

  it.each(REFUSALS)('with $words is down meanwhile, and keeps its connection', async (refusal) => {
    const { words, args, refuse, relent } = refusal;
    const directory = await mkdtemp(join(tmpdir(), 'coordination-refusal-'));
    const server = await startRedis({ args: args?.(directory) ?? [] });
    const admin = server.client();
    const context = recordingContext();
    const driver = driverOn(server.url, context, { ttl: 60_000, commandTimeout: 5000 });
    await driver.start();
    const held = granted(await tryAcquire(driver, request(freshName())));
    const connections = async (): Promise<number> =>
      Number(/total_connections_received:(\d+)/.exec(await admin.info())![1]);
    const before = await connections();
    await refuse(admin, directory);
    await expect(tryAcquire(driver, request(freshName()))).rejects.toThrow(words);
    await eventually(() => states(context).at(-1) === 'down');
    expect(context.changes.at(-1)?.cause?.message).toContain(words);
    await relent(admin);
    await eventually(() => states(context).at(-1) === 'up');
    expect(await renewed(driver, held, 10_000)).toBe(true);
    expect(await driver.locks.release(held)).toBe(true);
    expect(states(context)).toEqual(['up', 'down', 'up']);
    expect(await connections()).toBe(before + (words === 'BUSY' ? 1 : 0));
    await driver.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('frees what was given back to it in vain as soon as it can', async () => {
    const server = await startRedis();
    const admin = server.client();
    const driver = driverOn(server.url, recordingContext(), { ttl: 60_000, commandTimeout: 5000 });
    await driver.start();
    const held = granted(await tryAcquire(driver, request(freshName(), 60_000)));
    await admin.acl('SETUSER', 'default', '-del');
    await expect(driver.locks.release(held)).rejects.toThrow('NOPERM');
    await admin.acl('SETUSER', 'default', '+@all');
    await eventually(async () => (await admin.exists(`coordination:lock:${held.name}`)) === 0);
    await driver.stop();
  });

  it('is not judged by one lock that it refuses', async () => {
    const server = await startRedis();
    const admin = server.client();
    const context = recordingContext();
    const driver = driverOn(server.url, context, { ttl: 60_000, keyOf: (name) => name });
    await driver.start();
    await admin.acl('SETUSER', 'default', 'resetkeys', '~ours:*', '~coordination*');
    await expect(tryAcquire(driver, request('theirs:1'))).rejects.toThrow('NOPERM');
    // After it, so that it has been examined by then.
    for (let round = 0; round < 20; round += 1)
      await driver.locks.release(granted(await tryAcquire(driver, request(freshName('ours:')))));
    expect(states(context)).toEqual(['up']);
    await driver.stop();
  });

  it('is looked after over the next connection too, when it has lost one', async () => {
    const server = await startRedis();
    const admin = server.client();
    const context = recordingContext();
    const driver = driverOn(server.url, context, { ttl: 60_000, commandTimeout: 5000 });
    await driver.start();
    const held = granted(await tryAcquire(driver, request(freshName(), 60_000)));
    await admin.config('SET', 'maxmemory', '1');
    await expect(tryAcquire(driver, request(freshName()))).rejects.toThrow('OOM');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    // A release needs no memory.
    await eventually(async () => {
      await driver.locks.release(held).catch(() => false);
      return (await admin.exists(`coordination:lock:${held.name}`)) === 0;
    });
    await expect(tryAcquire(driver, request(freshName()))).rejects.toThrow('OOM');
    await eventually(() => states(context).at(-1) === 'down');
    await admin.config('SET', 'maxmemory', '0');
    await eventually(() => states(context).at(-1) === 'up');
    await driver.stop();
  });
});
