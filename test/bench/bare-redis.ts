import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import Redlock from 'redlock';

/** Long enough that nothing ends while a benchmark runs, ms. */
export const TTL = 10_000;

const COMPARE_AND_DELETE = `
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('del', KEYS[1])
end
return 0
`;

/** Redlock as a user would have it; our declaration of the package shows only what the driver uses. */
type BareRedlock = new (
  clients: Iterable<Redis>,
  settings?: { readonly retryCount?: number; readonly retryDelay?: number; readonly retryJitter?: number },
) => { acquire(keys: string[], ttl: number): Promise<{ release(): Promise<unknown> }> };

export const bareRedlock = Redlock as unknown as BareRedlock;

/**
 * The least that a lock on these nodes can cost: SET NX PX on all of them, then a script that compares and deletes,
 * each until a majority has answered.
 */
export async function rawLock(clients: readonly Redis[]): Promise<{
  acquire: (key: string) => Promise<string>;
  release: (key: string, id: string) => Promise<void>;
}> {
  const hashes = await Promise.all(clients.map((client) => client.script('LOAD', COMPARE_AND_DELETE)));
  const hash = String(hashes[0]);
  return {
    acquire: async (key) => {
      const id = randomUUID();
      await majority(clients.map((client) => client.set(key, id, 'PX', TTL, 'NX')));
      return id;
    },
    release: async (key, id) => {
      await majority(clients.map((client) => client.evalsha(hash, 1, key, id)));
    },
  };
}

async function majority(replies: readonly Promise<unknown>[]): Promise<void> {
  const [only] = replies;
  if (replies.length === 1) return void (await only);
  await new Promise<void>((resolve, reject) => {
    let missing = Math.floor(replies.length / 2) + 1;
    const count = (): void => {
      missing -= 1;
      if (missing === 0) resolve();
    };
    for (const reply of replies) reply.then(count, reject);
  });
}
