import { announce } from '../../support/driver-calls.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../lib/common/clock.js';
import { Schedule } from '../../../lib/common/schedule.js';
import { Presence } from '../../../lib/lock/renewal/presence.js';
import { recordingContext } from '../../support/driver-suite.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

describe('the presence of a member on Redis', () => {
  afterEach(stopAllRedis);

  it.each([1, 3])('tells of two processes with one agent id, on %i nodes', async (count) => {
    const servers = await startRedisNodes(count);
    const urls = servers.map(({ url }) => url);
    const contexts = [recordingContext(), recordingContext()];
    const [one, two] = contexts.map((context) => driverOn(urls, context));
    await Promise.all([one!.start(), two!.start()]);
    const schedule = new Schedule(systemClock);
    const presences = [one!, two!].map(
      (driver, index) =>
        new Presence(driver, schedule, {
          memberId: 'member',
          incarnation: String(index),
          startedAt: 0,
          ttl: 5000,
          period: 50,
          warn: contexts[index]!.warn,
        }),
    );
    for (const presence of presences) await presence.start();
    for (const { warnings } of contexts)
      await expect
        .poll(() => warnings)
        .toEqual([
          expect.stringMatching(/^Member "member" is announced by another process too: give every process/),
        ]);
    await Promise.all(presences.map((presence) => presence.stop()));
    schedule.clear();
    await Promise.all([one!.stop(), two!.stop()]);
  });

  it('tells nothing of one that comes after a process that was killed, or after a reconnection', async () => {
    const [server] = await startRedisNodes(1);
    const context = recordingContext();
    const killed = driverOn(server!.url);
    const driver = driverOn(server!.url, context);
    await killed.start();
    await announce(killed, 'member', 60_000);
    await killed.stop();
    await driver.start();
    const schedule = new Schedule(systemClock);
    const presence = new Presence(driver, schedule, {
      memberId: 'member',
      incarnation: 'this one',
      startedAt: 0,
      ttl: 60_000,
      period: 20,
      warn: context.warn,
    });
    await presence.start();
    await server!.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect.poll(() => context.changes.length).toBe(3);
    const puts = vi.spyOn(driver.records, 'put');
    await expect.poll(() => puts.mock.calls.length).toBeGreaterThan(3);
    expect(context.warnings).toEqual([]);
    await presence.stop();
    schedule.clear();
    expect(await driver.records.list('members')).toEqual([]);
    await driver.stop();
  });

  it('costs the node no text of a script', async () => {
    const [server] = await startRedisNodes(1);
    const admin = server!.client();
    const driver = driverOn(server!.url);
    await driver.start();
    await announce(driver, 'member', 5000);
    const figures = async (): Promise<[scripts: number, texts: number]> => {
      const stats = await admin.info('commandstats');
      const calls = (name: string): number =>
        Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
      return [calls('evalsha'), calls('eval')];
    };
    const [scripts, texts] = await figures();
    const announced = async (): Promise<number> => {
      await announce(driver, 'member', 5000);
      return (await figures())[0];
    };
    // Announcements share a look at the node's record that is under way.
    await expect.poll(announced).toBeGreaterThanOrEqual(scripts + 5);
    expect((await figures())[1]).toBe(texts);
    await driver.stop();
  });

  it('comes with a look whether the node has been told to evict keys, which is told and ends nothing', async () => {
    const [server] = await startRedisNodes(1);
    const admin = server!.client();
    const context = recordingContext();
    const driver = driverOn(server!.url, context);
    await driver.start();
    await announce(driver, 'member', 5000);
    await admin.config('SET', 'maxmemory', '64mb');
    await admin.config('SET', 'maxmemory-policy', 'volatile-lru');
    for (let round = 0; round < 3; round += 1) await announce(driver, 'member', 5000);
    await expect
      .poll(() => context.warnings)
      .toEqual([expect.stringMatching(/may evict held locks .*volatile-lru.*noeviction/)]);
    expect(context.changes).toEqual([{ state: 'up' }]);
    await driver.stop();
  });
});
