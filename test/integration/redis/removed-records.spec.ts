import { afterEach, describe, expect, it } from 'vitest';
import { CoordinatorService } from 'nestjs-coordination';
import { systemClock } from '../../../lib/common/clock.js';
import { Schedule } from '../../../lib/common/schedule.js';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { askToLetGo, isAsked, withdraw } from '../../../lib/inspection/revocations.js';
import { Presence } from '../../../lib/lock/renewal/presence.js';
import { freshName, recordingContext } from '../../support/driver-suite.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { driverOn } from '../../support/redis-drivers.js';
import { type RedisServer, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

/** Long enough that no healthy node is late with an answer on a busy machine, ms. */
const COMMAND_TIMEOUT = 1500;
const TTL = 60_000;
const LONG = 30_000;

afterEach(stopAllRedis);

describe('a record that was removed while one of three nodes hung', () => {
  let servers: RedisServer[];
  let driver: RedisDriver;

  async function started(): Promise<void> {
    servers = await startRedisNodes(3);
    driver = driverOn(
      servers.map(({ url }) => url),
      recordingContext(),
      { commandTimeout: COMMAND_TIMEOUT, connectTimeout: COMMAND_TIMEOUT, quarantine: false },
    );
    await driver.start();
    await allUp();
  }

  const allUp = (): Promise<void> =>
    expect.poll(() => driver.health().nodes.every(({ up }) => up), { timeout: LONG }).toBe(true);

  /** Runs it while that node answers nobody. */
  async function without<T>(index: number, run: () => Promise<T>): Promise<T> {
    const server = servers[index] as RedisServer;
    server.pause();
    try {
      return await run();
    } finally {
      server.resume();
      await allUp();
    }
  }

  const record = (version: number, key = 'key') => ({
    space: 'suite',
    key,
    version,
    value: `value ${version}`,
  });
  const keysOn = (index: number): Promise<string[]> =>
    (servers[index] as RedisServer).client().keys('coordination:record:*');
  const listed = async (): Promise<number[]> =>
    (await driver.records.list('suite')).map(({ version }) => version);

  afterEach(() => driver.stop());

  it('does not come back from that node', { timeout: LONG }, async () => {
    await started();
    await driver.records.put(record(7), TTL);
    await without(2, () => driver.records.remove('suite', 'key', 7));
    expect(await keysOn(2)).toHaveLength(1);
    // Its answer is one of two.
    const seen = await without(0, async () => [await driver.records.get('suite', 'key'), await listed()]);
    expect(seen).toEqual([undefined, []]);
    expect(await driver.records.get('suite', 'key')).toBeUndefined();
    expect(await listed()).toEqual([]);
    // A repair that was sent before the removal comes late.
    await driver.records.put(record(7), TTL);
    expect(await driver.records.get('suite', 'key')).toBeUndefined();
  });

  it('does not come back though each of the others is away at some time', { timeout: LONG }, async () => {
    await started();
    await without(2, () => driver.records.put(record(7), TTL));
    await without(0, () => driver.records.remove('suite', 'key', 7));
    const found = await without(1, () => driver.records.get('suite', 'key'));
    expect(found).toBeUndefined();
    expect(await driver.records.get('suite', 'key')).toBeUndefined();
  });

  it('is followed by a newer one, which is removed in turn', { timeout: LONG }, async () => {
    await started();
    await driver.records.put(record(7), TTL);
    await without(2, () => driver.records.remove('suite', 'key', Number.MAX_SAFE_INTEGER));
    expect(await driver.records.put(record(6), TTL)).toMatchObject({ version: 7, value: '' });
    expect(await driver.records.put(record(8), TTL)).toMatchObject(record(8));
    expect(await without(0, () => driver.records.get('suite', 'key'))).toMatchObject(record(8));
    expect(await listed()).toEqual([8]);
    await driver.records.remove('suite', 'key', 8);
    await driver.records.remove('suite', 'key', 8);
    expect(await driver.records.get('suite', 'key')).toBeUndefined();
    expect(await driver.records.put(record(9), TTL)).toMatchObject(record(9));
  });

  it('may be a request to let go, and another one can follow at once', { timeout: LONG }, async () => {
    await started();
    const { records } = driver;
    for (const reason of ['first', 'second', 'second']) {
      const version = await askToLetGo(records, 'grant', { by: 'member', reason });
      expect(await isAsked(records, 'grant')).toBe(true);
      const [request] = await records.list('revocations');
      expect(request).toMatchObject({ version, value: JSON.stringify({ by: 'member', reason }) });
      await withdraw(records, 'grant', version);
      expect(await isAsked(records, 'grant')).toBe(false);
    }
  });

  it('may be a member that comes back under its id', { timeout: LONG }, async () => {
    await started();
    for (const incarnation of ['first', 'second', 'third']) {
      const presence = new Presence(driver, new Schedule(systemClock), {
        memberId: 'member',
        incarnation,
        startedAt: 0,
        ttl: 5000,
        period: 1000,
        warn: expect.unreachable,
      });
      await presence.start();
      const [member] = await driver.records.list('members');
      expect(member?.value).toContain(incarnation);
      await presence.stop();
      expect(await driver.records.list('members')).toEqual([]);
    }
  });

  it('leaves a mark that ends soon after the record would have', { timeout: LONG }, async () => {
    await started();
    await driver.records.put(record(7), TTL);
    await driver.records.remove('suite', 'key', 7);
    for (const server of servers) {
      const client = server.client();
      expect(await client.keys('coordination:rem*')).toEqual(['coordination:removed:{suite}:key']);
      const left = await client.pttl('coordination:removed:{suite}:key');
      expect(left).toBeGreaterThan(TTL / 2);
      expect(left).toBeLessThanOrEqual(TTL + 10_000);
      expect(await keysOn(servers.indexOf(server))).toEqual([]);
    }
  });

  it('is stored again on a node that has only lost it', { timeout: LONG }, async () => {
    await started();
    await driver.records.put(record(7), TTL);
    await servers[0]?.client().del('coordination:record:{suite}:key');
    expect(await without(1, () => driver.records.get('suite', 'key'))).toMatchObject(record(7));
    expect(await keysOn(0)).toHaveLength(1);
  });
});

it('a single server keeps no mark of a removed record', async () => {
  const [server] = await startRedisNodes(1);
  const driver = driverOn(server?.url ?? '', recordingContext(), { quarantine: false });
  await driver.start();
  const key = freshName();
  await driver.records.put({ space: 'suite', key, version: 7, value: 'seven' }, TTL);
  await driver.records.remove('suite', key, 7);
  expect(await server?.client().keys('coordination:re*')).toEqual([]);
  expect(await driver.records.put({ space: 'suite', key, version: 7, value: 'again' }, TTL)).toMatchObject({
    value: 'again',
  });
  await driver.stop();
});

it('what was forgotten while a node hung is done once more', { timeout: LONG }, async () => {
  const log = RecordedLog.install();
  const servers = await startRedisNodes(3);
  const [first, , last] = servers;
  const coordinator = new CoordinatorService({
    backendUrl: `redis://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}?commandTimeout=${COMMAND_TIMEOUT}`,
    redis: { quarantine: false },
  });
  await coordinator.start();
  let runs = 0;
  const seed = (): Promise<boolean> => coordinator.once('seed', () => void (runs += 1));
  const back = (server?: RedisServer): Promise<void> =>
    expect
      .poll(() => log.of('warn').join(), { timeout: LONG })
      .toContain(`127.0.0.1:${server?.port} can be used again`);
  expect(await seed()).toBe(true);
  const client = last?.client();
  await expect.poll(() => client?.keys('coordination:record:{once}*')).toHaveLength(1);
  last?.pause();
  expect(await coordinator.forget('seed')).toBe(true);
  last?.resume();
  await back(last);
  expect(await client?.keys('coordination:record:{once}*')).toHaveLength(1);
  first?.pause();
  expect(await seed()).toBe(true);
  expect(runs).toBe(2);
  first?.resume();
  await back(first);
  expect(await seed()).toBe(false);
  expect(await coordinator.forget('seed')).toBe(true);
  expect(await coordinator.forget('seed')).toBe(false);
  await coordinator.stop();
});
