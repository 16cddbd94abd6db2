import { tryAcquire } from '../../support/driver-calls.js';
import { afterEach, describe, expect, it } from 'vitest';
import type { Grant, RenewOutcome } from '../../../lib/drivers/driver.js';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { BackendUnavailableError } from '../../../lib/errors.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { startCluster } from '../../support/redis-deployments.js';
import { driverOn } from '../../support/redis-drivers.js';
import { type RedisServer, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

/** Long enough that no healthy node is late with an answer on a busy machine, ms. */
const COMMAND_TIMEOUT = 1500;
const TTL = 60_000;

describe('leases that are renewed together on Redis', () => {
  const drivers: RedisDriver[] = [];

  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
    await stopAllRedis();
  });

  async function started(servers: readonly RedisServer[], url?: string): Promise<RedisDriver> {
    const limits = { ttl: TTL, commandTimeout: COMMAND_TIMEOUT, connectTimeout: COMMAND_TIMEOUT };
    const driver = driverOn(url ?? servers.map((server) => server.url), recordingContext(), limits);
    drivers.push(driver);
    await driver.start();
    return driver;
  }

  async function take(
    driver: RedisDriver,
    count: number,
    name: (index: number) => string = () => freshName(),
  ) {
    const replies = Array.from({ length: count }, (_, index) =>
      tryAcquire(driver, request(name(index), 10_000)),
    );
    return (await Promise.all(replies)).map(granted);
  }

  const keyOf = ({ name }: Grant): string => `coordination:lock:${name}`;
  const kinds = (outcomes: readonly RenewOutcome[]): string[] =>
    outcomes.map((outcome) => (outcome.kind === 'lost' ? outcome.loss.reason : outcome.kind));

  /** How often the server was told to run a script since the last `CONFIG RESETSTAT`. */
  async function scriptsRun(server: RedisServer): Promise<number> {
    const stats = await server.client().info('commandstats');
    const calls = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].map(([, count]) => Number(count));
    return calls.reduce((sum, count) => sum + count, 0);
  }

  const reset = (servers: readonly RedisServer[]): Promise<unknown> =>
    Promise.all(servers.map((server) => server.client().config('RESETSTAT')));

  it.each([1, 3])('take one command on each of %i nodes', async (count) => {
    const servers = await startRedisNodes(count);
    const driver = await started(servers);
    const grants = await take(driver, 500);
    await reset(servers);
    expect(new Set(kinds(await driver.locks.renew(grants, TTL)))).toEqual(new Set(['renewed']));
    for (const server of servers) {
      expect(await scriptsRun(server)).toBe(1);
      const client = server.client();
      for (const grant of grants.slice(0, 5)) expect(await client.pttl(keyOf(grant))).toBeGreaterThan(30_000);
    }
  });

  it.each([1, 3])('have an outcome each, on %i nodes', async (count) => {
    const servers = await startRedisNodes(count);
    const driver = await started(servers);
    const grants = await take(driver, 6);
    const [, gone, taken, wrong] = grants as [Grant, Grant, Grant, Grant];
    for (const server of servers) {
      const client = server.client();
      await client.del(keyOf(gone));
      await client.set(keyOf(taken), 'other');
      await client.multi().del(keyOf(wrong)).lpush(keyOf(wrong), 'another type').exec();
    }
    const outcomes = await driver.locks.renew(grants, TTL);
    expect(kinds(outcomes)).toEqual(['renewed', 'broken', 'taken-over', 'failed', 'renewed', 'renewed']);
    const { error } = outcomes[3] as Extract<RenewOutcome, { kind: 'failed' }>;
    expect(error).toBeInstanceOf(BackendUnavailableError);
    expect(error.message).toContain(`renew the lease of "${wrong.name}"`);
    expect(error.message).toContain('WRONGTYPE');
    const client = servers[0]!.client();
    expect(await client.exists(keyOf(gone))).toBe(0);
    expect(await client.get(keyOf(taken))).toBe('other');
  });

  it('are decided by the nodes that answer while one of three hangs', async () => {
    const servers = await startRedisNodes(3);
    const driver = await started(servers);
    const grants = await take(driver, 5);
    const [, gone, taken] = grants as [Grant, Grant, Grant];
    for (const server of servers.slice(0, 2)) {
      await server.client().del(keyOf(gone));
      await server.client().set(keyOf(taken), 'other');
    }
    servers[2]!.pause();
    const start = performance.now();
    const expected = ['renewed', 'broken', 'taken-over', 'renewed', 'renewed'];
    expect(kinds(await driver.locks.renew(grants, TTL))).toEqual(expected);
    expect(performance.now() - start).toBeLessThan(COMMAND_TIMEOUT / 2);
  });

  it('fail only where the nodes that answer do not agree while one of three hangs', async () => {
    const servers = await startRedisNodes(3);
    const driver = await started(servers);
    const grants = await take(driver, 4);
    // One node has forgotten it, one knows it, and the third would have to say.
    await servers[0]!.client().del(keyOf(grants[2]!));
    servers[2]!.pause();
    const outcomes = await driver.locks.renew(grants, TTL);
    expect(kinds(outcomes)).toEqual(['renewed', 'renewed', 'failed', 'renewed']);
    const { error } = outcomes[2] as Extract<RenewOutcome, { kind: 'failed' }>;
    expect(error.message).toContain(`renew the lease of "${grants[2]!.name}" on 1 of 3 nodes`);
    expect((error as BackendUnavailableError).partial).toBe(true);
  });

  it('all fail with one error when no quorum answers', async () => {
    const servers = await startRedisNodes(3);
    const driver = await started(servers);
    const grants = await take(driver, 3);
    for (const server of servers.slice(1)) await server.kill();
    const outcomes = await driver.locks.renew(grants, TTL);
    expect(kinds(outcomes)).toEqual(['failed', 'failed', 'failed']);
    const errors = new Set(outcomes.map((outcome) => outcome.kind === 'failed' && outcome.error));
    expect(errors.size).toBe(1);
    expect(String([...errors][0])).toContain(
      `renew the lease of "${grants[0]!.name}" and of 2 more locks on 2 of 3 nodes`,
    );
  });

  it('are renewed by a node that has forgotten its scripts', async () => {
    const servers = await startRedisNodes(3);
    const driver = await started(servers);
    const grants = await take(driver, 3);
    for (const server of servers.slice(1)) await server.client().script('FLUSH');
    expect(kinds(await driver.locks.renew(grants, TTL))).toEqual(['renewed', 'renewed', 'renewed']);
    await reset(servers);
    expect(kinds(await driver.locks.renew(grants, TTL))).toEqual(['renewed', 'renewed', 'renewed']);
    for (const server of servers) expect(await scriptsRun(server)).toBe(1);
  });

  it('take one command for each hash tag on a Cluster, and one for each lock without', async () => {
    const { masters, url } = await startCluster();
    const driver = await started(masters, url);
    const tags = ['{a}', '{b}', '{c}'];
    const tagged = await take(driver, 60, (index) => freshName(tags[index % 3]));
    const plain = await take(driver, 20);
    // Only one of the shards had the script.
    await driver.locks.renew([...tagged, ...plain], TTL);
    await reset(masters);
    const outcomes = await driver.locks.renew([...tagged, ...plain], TTL);
    expect(new Set(kinds(outcomes))).toEqual(new Set(['renewed']));
    const commands = await Promise.all(masters.map(scriptsRun));
    expect(commands.reduce((sum, each) => sum + each, 0)).toBe(3 + 20);
  });

  it('on a Cluster fail where their shard is away, and only there', async () => {
    const { masters, url } = await startCluster();
    const driver = await started(masters, url);
    const grants = await take(driver, 30);
    const shard = masters[1]!.client();
    const there = new Set((await shard.keys('coordination:lock:*')).map(String));
    expect(there.size).toBeGreaterThan(0);
    await shard.script('FLUSH');
    expect(new Set(kinds(await driver.locks.renew(grants, TTL)))).toEqual(new Set(['renewed']));
    masters[1]!.pause();
    expect(kinds(await driver.locks.renew(grants, TTL))).toEqual(
      grants.map((grant) => (there.has(keyOf(grant)) ? 'failed' : 'renewed')),
    );
  });
});
