import { tryAcquire } from '../../support/driver-calls.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Redis } from 'ioredis';
import { OrphanedKeys, MOST_ORPHANED_KEYS } from '../../../lib/drivers/redis/node/orphaned-keys.js';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { LockKeys } from '../../../lib/drivers/redis/scripts/lock-keys.js';
import { cleanError } from '../../../lib/drivers/redis/errors/node-error.js';
import { NODE_RECORD } from '../../../lib/drivers/redis/node/node-epoch.js';
import { WINDOW } from '../../../lib/drivers/redis/node/send-window.js';
import { sendScript } from '../../../lib/drivers/redis/scripts/script.js';
import { RELEASE } from '../../../lib/drivers/redis/scripts/index.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { FakeClock } from '../../support/fake-clock.js';
import { startRedis, stopAllRedis, type RedisServer } from '../../support/redis-server.js';

const COMMAND_TIMEOUT = 1000;
const TTL = 60_000;

describe('leases that a node may hold although they were given up', () => {
  let server: RedisServer;
  let client: Redis;
  let clock: FakeClock;
  let orphanedKeys: OrphanedKeys;

  beforeAll(async () => {
    server = await startRedis();
    client = server.client();
  });

  let freeing: Promise<unknown>[];
  let most: number;
  let tooMany: number;

  beforeEach(() => {
    clock = new FakeClock();
    freeing = [];
    most = 0;
    tooMany = 0;
    let open = 0;
    orphanedKeys = new OrphanedKeys({
      clock,
      commandTimeout: COMMAND_TIMEOUT,
      free: (key, id, onDone) => {
        open += 1;
        most = Math.max(most, open);
        const freed = sendScript(client, RELEASE, new LockKeys(key, key).plain, [id, '?']).then(
          () => undefined,
          (error: unknown) => cleanError(error),
        );
        freeing.push(
          freed.then((error) => {
            open -= 1;
            onDone(error);
          }),
        );
      },
      onTooMany: () => (tooMany += 1),
    });
  });

  afterEach(() => orphanedKeys.close());
  afterAll(stopAllRedis);

  async function held(id: string): Promise<string> {
    const key = freshName();
    await client.set(key, id, 'PX', TTL);
    return key;
  }

  /** Until all that was sent has been answered. */
  async function settle(): Promise<void> {
    orphanedKeys.settle();
    let seen: number;
    do {
      seen = freeing.length;
      await Promise.all(freeing);
    } while (freeing.length > seen);
  }

  it('are freed, and again as long as their acquisition may still be on its way', async () => {
    const key = await held('id');
    orphanedKeys.add(key, 'id', TTL);
    await settle();
    expect(await client.exists(key)).toBe(0);
    await client.set(key, 'id', 'PX', TTL);
    await clock.advance(COMMAND_TIMEOUT);
    await eventually(async () => (await client.exists(key)) === 0);
    await eventually(() => clock.timers === 0);
    expect(orphanedKeys.size).toBe(0);
  });

  it('are not freed when somebody else has the lock', async () => {
    const key = await held('another');
    orphanedKeys.add(key, 'id', TTL);
    await settle();
    expect(await client.get(key)).toBe('another');
  });

  it('are freed however many they are, and not all at once', async () => {
    const count = 10_000;
    const ids = Array.from({ length: count }, (_, index) => `id-${index}`);
    await client.mset(ids.flatMap((id) => [`many:${id}`, id]));
    for (const id of ids) orphanedKeys.add(`many:${id}`, id, TTL);
    await clock.advance(COMMAND_TIMEOUT);
    await settle();
    expect(await client.exists(ids.map((id) => `many:${id}`))).toBe(0);
    expect(orphanedKeys.size).toBe(0);
    expect(most).toBeLessThanOrEqual(2 * WINDOW);
    expect(clock.timers).toBe(0);
  });

  it('are forgotten when the node has forgotten them too, and not before', async () => {
    const [early, late] = [await held('early'), await held('late')];
    orphanedKeys.add(early, 'early', TTL);
    await clock.advance(TTL / 2);
    orphanedKeys.add(late, 'late', TTL);
    await clock.advance(TTL / 2);
    await settle();
    expect(await client.get(early)).toBe('early');
    expect(await client.exists(late)).toBe(0);
  });

  it('have a bound, and whoever reads the log is told once that some are forgotten', async () => {
    for (let id = 0; id < MOST_ORPHANED_KEYS + 3; id += 1) orphanedKeys.add('key', `id-${id}`, TTL);
    expect(orphanedKeys.size).toBe(MOST_ORPHANED_KEYS);
    expect(tooMany).toBe(1);
  });

  it('are nobody’s business after stop, also when they are just being freed', async () => {
    orphanedKeys.add(await held('id'), 'id', TTL);
    await settle();
    expect(clock.timers).toBe(1);
    orphanedKeys.settle();
    orphanedKeys.close();
    await Promise.all(freeing);
    await settle();
    expect(clock.timers).toBe(0);
  });

  it('are nobody’s business after a stop that comes while a ready client is probed', async () => {
    const ready = server.client();
    const keyOf = (name: string): string => name;
    const settings = { ttl: 10_000, commandTimeout: COMMAND_TIMEOUT, keyOf };
    const driver = new RedisDriver([ready], settings, recordingContext());
    await driver.start();
    const grant = granted(await tryAcquire(driver, request(freshName(), 60_000)));
    server.pause();
    await expect(driver.locks.release(grant)).rejects.toThrow(/no answer within/);
    // The release may have reached the server, and the orphan is to be seen.
    let stopped: Promise<void> | undefined;
    const info = ready.info.bind(ready);
    vi.spyOn(ready, 'info').mockImplementationOnce(() => {
      void ready.multi().set(grant.name, grant.id, 'PX', 60_000).del(NODE_RECORD).exec();
      stopped = driver.stop();
      return info();
    });
    server.resume();
    await eventually(() => stopped !== undefined);
    // The probe goes on, and what follows on the record is its last step.
    await eventually(async () => (await ready.exists(NODE_RECORD)) === 1);
    for (let round = 0; round < 3; round += 1) expect(await ready.get(grant.name)).toBe(grant.id);
  });
});
