import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { CoordinatorService } from 'nestjs-coordination';
import { preflight } from '../../../lib/drivers/redis/node/script-preflight.js';
import { counterOf } from '../../../lib/drivers/redis/scripts/index.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

afterAll(stopAllRedis);

describe('a lockKey of the application’s', () => {
  it.each([
    ['nothing', undefined],
    ['a number', 7],
    ['an empty text', ''],
  ])('that returns %s is an error, and no call waits for it', async (_what, key) => {
    const { url } = await startRedis();
    const lockKey = ((name: string) => (name === 'share' ? key : name)) as (name: string) => string;
    const coordinator = new CoordinatorService({ backendUrl: url, redis: { lockKey } });
    await coordinator.start();
    for (const blocking of [false, 100, true])
      await expect(coordinator.getLock('share').acquire(blocking)).rejects.toThrow(
        `Lock "share": redis.lockKey must return the key, a text that is not empty, and returned ${key === '' ? "''" : key}`,
      );
    await coordinator.stop();
  });

  it('that never returns a key is told of at the start', async () => {
    const { url } = await startRedis();
    const lockKey = (() => undefined) as unknown as () => string;
    const coordinator = new CoordinatorService({ backendUrl: url, redis: { lockKey } });
    await expect(coordinator.start()).rejects.toThrow('redis.lockKey must return the key');
  });

  it('is asked once for each acquisition, whatever becomes of the lease', async () => {
    const { url } = await startRedis();
    const asked: string[] = [];
    const lockKey = (name: string): string => {
      asked.push(name);
      return name;
    };
    const [one, two] = [1, 2].map(
      () => new CoordinatorService({ backendUrl: url, redis: { lockKey }, ttl: 5000, heartbeat: 50 }),
    );
    await Promise.all([one!.start(), two!.start()]);
    asked.length = 0;
    const lease = await one!.getLock('share').hold();
    const waiting = two!.getLock('share').hold({ blocking: true });
    const { deadline } = lease;
    await expect.poll(() => lease.deadline).toBeGreaterThan(deadline);
    await lease.release();
    const next = await waiting;
    const handed = two!.getLock('share').hold();
    await expect.poll(() => asked).toHaveLength(3);
    await next.release();
    await (await handed).release();
    expect(asked).toEqual(['share', 'share', 'share']);
    await Promise.all([one!.stop(), two!.stop()]);
  });

  it('is asked once for each name of an acquisition of several, however often it tries', async () => {
    const { url } = await startRedis();
    const asked: string[] = [];
    const lockKey = (name: string): string => {
      asked.push(name);
      return name;
    };
    const [one, two] = [1, 2].map(() => new CoordinatorService({ backendUrl: url, redis: { lockKey } }));
    await Promise.all([one!.start(), two!.start()]);
    const lease = await one!.getLock('b').hold();
    asked.length = 0;
    let waits = 0;
    two!.on('lease.waiting', () => (waits += 1));
    const both = two!.getLock(['b', 'a']).hold();
    await expect.poll(() => waits).toBeGreaterThan(0);
    // Longer than a call keeps its other locks while it waits, so that it tries them again.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await lease.release();
    await (await both).release();
    expect(asked.toSorted()).toEqual(['a', 'b']);
    await Promise.all([one!.stop(), two!.stop()]);
  });

  it.each([
    ['one key for all names', () => 'app:lock'],
    ['one key for many names', (name: string) => `app:${name.split(':')[0]}`],
    [
      'a few keys for all names',
      (name: string) => `app:${name.length % 2}:${createHash('sha1').update(name).digest()[0]! % 4}`,
    ],
  ])('that gives %s lets no start and no reconnect take a lock away', async (_what, lockKey) => {
    const server = await startRedis();
    const options = { backendUrl: server.url, prefix: 'shop:', redis: { lockKey } };
    const holder = new CoordinatorService(options);
    await holder.start();
    const names = Array.from({ length: 200 }, (_, index) => `coordination-preflight:${index}`);
    const keys = new Map(names.map((name) => [lockKey(`shop:${name}`), name]));
    const leases = await Promise.all(
      [...keys.values()].map((name) => holder.getLock(name).hold({ fencing: true })),
    );
    const admin = server.client();
    const stored = async () => Promise.all([...keys.keys()].map(async (key) => [key, await admin.get(key)]));
    const before = await stored();
    const starting = Array.from({ length: 3 }, () => new CoordinatorService(options));
    await Promise.all(starting.map((each) => each.start()));
    const all = [holder, ...starting];
    let back = 0;
    for (const each of all) each.on('backend.up', () => (back += 1));
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect.poll(() => back).toBe(all.length);
    expect(await stored()).toEqual(before);
    expect(leases.map(({ signal }) => signal.aborted)).not.toContain(true);
    await Promise.all(leases.map((lease) => lease.release()));
    await Promise.all(all.map((each) => each.stop()));
  });

  it('that gives one key for all names hides no refusal of a start', async () => {
    const server = await startRedis({ aclUsers: ['app on >secret ~* &* +@all -publish'] });
    const backendUrl = server.url.replace('redis://', 'redis://app:secret@');
    const coordinator = new CoordinatorService({ backendUrl, redis: { lockKey: () => 'app:lock' } });
    await expect(coordinator.start()).rejects.toThrow(/NOPERM/);
  });

  it('that gives the scripts’ try-out the key of a free lock leaves that lock its tokens', async () => {
    const server = await startRedis();
    const client = server.client();
    const coordinator = new CoordinatorService({
      backendUrl: server.url,
      fencing: true,
      redis: { lockKey: () => 'app:lock' },
    });
    await coordinator.start();
    const first = await coordinator.getLock('l').hold();
    await first.release();
    expect(await client.exists(counterOf('app:lock'))).toBe(1);
    await preflight(client, 'app:lock', false);
    expect(await client.exists(counterOf('app:lock'))).toBe(1);
    expect(await client.exists('app:lock')).toBe(0);
    const next = await coordinator.getLock('l').hold();
    expect(next.fencingToken).toBeGreaterThan(first.fencingToken!);
    await preflight(client, 'app:lock', false);
    expect(await client.exists('app:lock')).toBe(1);
    await next.release();
    await coordinator.stop();
  });

  it('that gives each tenant another key gives none the lock of another, from whatever context the lease is used', async () => {
    const server = await startRedis();
    const client = server.client();
    const tenant = new AsyncLocalStorage<string>();
    const lockKey = (name: string): string => `${tenant.getStore() ?? 'nobody'}:${name}`;
    const coordinator = new CoordinatorService({
      backendUrl: server.url,
      redis: { lockKey },
      ttl: 5000,
      heartbeat: 50,
    });
    const lost: string[] = [];
    coordinator.on('lease.lost', ({ lock }) => lost.push(lock));
    await coordinator.start();
    const lock = (): ReturnType<typeof coordinator.getLock> => coordinator.getLock('share');
    const leases = await Promise.all(['a', 'b'].map((each) => tenant.run(each, () => lock().hold())));
    expect((await client.keys('*:share')).toSorted()).toEqual(['a:share', 'b:share']);
    const deadlines = leases.map(({ deadline }) => deadline);
    await expect.poll(() => leases.every((lease, index) => lease.deadline > deadlines[index]!)).toBe(true);
    const waiting = tenant.run('b', () => lock().hold());
    // By a third one.
    await tenant.run('c', () => leases[0]!.release());
    expect(await client.keys('*:share')).toEqual(['b:share']);
    await leases[1]!.release();
    await (await waiting).release();
    expect(await client.keys('*:share')).toEqual([]);
    expect(lost).toEqual([]);
    await coordinator.stop();
  });

  it('that throws for one name later takes no lease of another name away', async () => {
    const server = await startRedis();
    let broken = false;
    const lockKey = (name: string): string => {
      if (broken) throw new Error('no tenant here');
      return `key:${name}`;
    };
    const coordinator = new CoordinatorService({
      backendUrl: `${server.url}?commandTimeout=5000`,
      redis: { lockKey },
      ttl: 2000,
      heartbeat: 100,
    });
    await coordinator.start();
    const names = Array.from({ length: 20 }, (_, index) => `share-${index}`);
    const leases = await Promise.all(names.map((name) => coordinator.getLock(name).hold()));
    broken = true;
    const deadlines = leases.map(({ deadline }) => deadline);
    // Also when the connection has been made anew.
    const client = server.client();
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect.poll(() => leases.every((lease, index) => lease.deadline > deadlines[index]!)).toBe(true);
    await expect(coordinator.getLock('share-20').acquire(false)).rejects.toThrow('no tenant here');
    await Promise.all(leases.map((lease) => lease.release()));
    expect(await client.keys('key:*')).toEqual([]);
    await coordinator.stop();
  });
});
