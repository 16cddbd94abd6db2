import Redlock, { ExecutionError } from 'redlock';
import { afterAll, describe, expect, it } from 'vitest';
import { CoordinatorService } from 'nestjs-coordination';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

afterAll(stopAllRedis);

/** Redlock as its README shows it; our declaration of the package has only what the driver uses. */
type BareRedlock = new (
  clients: Iterable<unknown>,
  settings: { readonly retryCount: number },
) => { acquire(keys: string[], ttl: number): Promise<{ release(): Promise<unknown> }> };

/** Keys as docs/moving.md gives them, for a lock named share-7. */
const KEYS: [who: string, lockKey: (name: string) => string][] = [
  ['redis-semaphore', (name) => `mutex:${name}`],
  ['murlock', (name) => name],
  ['Tooz', (name) => `_tooz_${name}_lock`],
];

async function started(lockKey: (name: string) => string) {
  const server = await startRedis();
  const coordinator = new CoordinatorService({
    backendUrl: `${server.url}?commandTimeout=5000`,
    redis: { lockKey },
    ttl: 2000,
  });
  await coordinator.start();
  return { redis: server.client(), coordinator, lock: coordinator.getLock('share-7') };
}

describe('while an application moves, a lock excludes', () => {
  it('a client of redlock, in both directions', async () => {
    const { redis, coordinator, lock } = await started((name) => `locks:${name}`);
    const redlock = new (Redlock as unknown as BareRedlock)([redis], { retryCount: 0 });
    const theirs = await redlock.acquire(['locks:share-7'], 5000);
    expect(await lock.acquire(false)).toBe(false);
    await theirs.release();
    expect(await lock.acquire()).toBe(true);
    await expect(redlock.acquire(['locks:share-7'], 5000)).rejects.toThrow(ExecutionError);
    expect(await lock.release()).toBe(true);
    await (await redlock.acquire(['locks:share-7'], 5000)).release();
    await coordinator.stop();
  });

  // All three set a value with a ttl where there is no key, and delete the key where it has their value.
  it.each(KEYS)('what sets its key as %s does, in both directions', async (_who, lockKey) => {
    const { redis, coordinator, lock } = await started(lockKey);
    const key = lockKey('share-7');
    expect(await redis.set(key, 'theirs', 'PX', 5000, 'NX')).toBe('OK');
    expect(await lock.acquire(false)).toBe(false);
    expect(await redis.get(key)).toBe('theirs');
    await redis.del(key);
    expect(await lock.acquire()).toBe(true);
    expect(await redis.set(key, 'theirs', 'PX', 5000, 'NX')).toBeNull();
    expect(await redis.pttl(key)).toBeGreaterThan(0);
    expect(await lock.release()).toBe(true);
    expect(await redis.set(key, 'theirs', 'PX', 5000, 'NX')).toBe('OK');
    await coordinator.stop();
  });
});
