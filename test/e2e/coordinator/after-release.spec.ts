import { setTimeout as after } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackendUnavailableError, CoordinatorService } from 'nestjs-coordination';
import { RELEASE, RENEW } from '../../../lib/drivers/redis/scripts/index.js';
import { eventually } from '../../support/eventually.js';
import { monitorRedis } from '../../support/redis-monitor.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { RedisServer, stopAllRedis } from '../../support/redis-server.js';

const LEASES = 300;
const NAMES = 10;

beforeAll(() => {
  RecordedLog.install();
});
afterAll(stopAllRedis);

/** Every command that the server runs, also from within scripts, in its order. To be called while it is idle. */
async function listenTo(server: RedisServer) {
  const commands: (readonly string[])[] = [];
  const client = server.client();
  await client.ping();
  const { close } = await monitorRedis(server.url, ({ args }) => commands.push(args));
  /** Waits for all that was done before. */
  const catchUp = async (text: string): Promise<void> => {
    await client.echo(text);
    await eventually(() => commands.some((args) => args[1] === text));
  };
  return { commands, catchUp, close };
}

describe('after its release', () => {
  it('no lease is renewed: Redis hears no more of it', async () => {
    const server = await RedisServer.start();
    // A ttl that a busy machine does not outlast: what it is tested for are the renewals, one every 2 ms.
    const coordinator = new CoordinatorService({ backendUrl: server.url, ttl: 30_000, heartbeat: 2 });
    const { commands, catchUp, close } = await listenTo(server);
    await coordinator.start();
    // Without what was tried out when it connected.
    await catchUp('it has started');
    commands.length = 0;
    await Promise.all(
      Array.from({ length: NAMES }, async (_, name) => {
        for (let lease = 0; lease < LEASES / NAMES; lease += 1) {
          await coordinator.using(`lock-${name}`, () => after(Math.random() * 10));
        }
      }),
    );
    // Longer than any renewal that was still appointed.
    await after(100);
    await coordinator.stop();
    await catchUp('that was all');
    close();

    const released = new Map<string, number>();
    for (const [index, [command, script, keys, ...args]] of commands.entries()) {
      const id = args[Number(keys)];
      if (command === 'evalsha' && script === RELEASE.sha && id !== undefined) released.set(id, index);
    }
    expect(released.size).toBe(LEASES);
    const mentions = commands.flatMap((args, index) => args.map((arg) => ({ arg, index })));
    const late = mentions.filter(({ arg, index }) => index > (released.get(arg) ?? Infinity));
    expect(late).toEqual([]);
    // Renewals and releases have met.
    const renewals = commands.filter(([command, script]) => command === 'evalsha' && script === RENEW.sha);
    const renewed = renewals.reduce((sum, [, , leases]) => sum + Number(leases), 0);
    expect(renewed).toBeGreaterThan(LEASES / 2);
    await server.stop();
  });

  it('no renewal that Redis gets to late brings the lock back, or touches the next lease', async () => {
    const server = await RedisServer.start();
    const options = { backendUrl: `${server.url}?commandTimeout=2000`, ttl: 30_000, heartbeat: 10 };
    const [first, next] = [new CoordinatorService(options), new CoordinatorService(options)];
    await Promise.all([first.start(), next.start()]);
    const lock = first.getLock('lock');
    expect(await lock.acquire(false)).toBe(true);
    // With ten renewals under way in it, or unread in its socket, the server stands still.
    await after(50);
    server.pause();
    await after(30);
    await expect(lock.release()).rejects.toBeInstanceOf(BackendUnavailableError);
    expect(lock.acquired).toBe(false);
    server.resume();
    // What it had not read yet, and what the first one still owes it, is done now.
    const taken = next.getLock('lock');
    expect(await taken.acquire(20_000)).toBe(true);
    await eventually(() =>
      first
        .getLock('other')
        .acquire(1000)
        .catch(() => false),
    );
    expect(await taken.isStillOwner()).toBe(true);
    expect(await taken.release()).toBe(true);
    const client = server.client();
    expect(await client.exists('coordination:lock:lock')).toBe(0);
    await Promise.all([first.stop(), next.stop()]);
    await server.stop();
  });
});
