import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { connect, disconnect } from './clients.js';
import type { Handle, LockKind, Place } from './locks.js';
import { poll } from './polling.js';

const COMPARE_AND_DELETE = `
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('del', KEYS[1])
end
return 0
`;

/**
 * The least that a lock on these nodes can cost: SET NX PX on all of them, then a script that compares and deletes,
 * each until a majority has answered.
 */
class RawLocks {
  private constructor(
    private readonly clients: readonly Redis[],
    private readonly hash: string,
    private readonly ttl: number,
  ) {}

  static async open({ nodes, ttl }: Place): Promise<RawLocks> {
    const clients = await connect(nodes);
    const hashes = await Promise.all(clients.map((client) => client.script('LOAD', COMPARE_AND_DELETE)));
    return new RawLocks(clients, String(hashes[0]), ttl);
  }

  /** The id of the lease; undefined when somebody else has it. */
  async try(key: string): Promise<string | undefined> {
    const id = randomUUID();
    const replies = this.clients.map((client) => client.set(key, id, 'PX', this.ttl, 'NX'));
    if (await majority(replies, isOk)) return id;
    await this.#giveBack(key, id, replies);
    return undefined;
  }

  async free(key: string, id: string): Promise<void> {
    await majority(
      this.clients.map((client) => client.evalsha(this.hash, 1, key, id)),
      () => true,
    );
  }

  close(): Promise<void> {
    disconnect(this.clients);
    return Promise.resolve();
  }

  /** The votes of a minority. */
  async #giveBack(key: string, id: string, replies: readonly Promise<string | null>[]): Promise<void> {
    const votes = this.clients.map(async (client, node) => {
      if (isOk((await replies[node]) ?? null)) await client.evalsha(this.hash, 1, key, id);
    });
    await Promise.all(votes);
  }
}

function isOk(reply: string | null): boolean {
  return reply === 'OK';
}

/** Whether most of the replies are good, as soon as that is clear. */
export async function majority<T>(
  replies: readonly Promise<T>[],
  isGood: (reply: T) => boolean,
): Promise<boolean> {
  const [only] = replies;
  if (only && replies.length === 1) return isGood(await only);
  return new Promise((resolve, reject) => {
    const enough = Math.floor(replies.length / 2) + 1;
    let good = 0;
    let bad = 0;
    const count = (reply: T): void => {
      if (isGood(reply)) good += 1;
      else bad += 1;
      if (good === enough) resolve(true);
      if (bad > replies.length - enough) resolve(false);
    };
    for (const reply of replies) reply.then(count, reject);
  });
}

function rawHandle(locks: RawLocks, key: string): Handle {
  let id = '';
  return {
    acquire: async () => {
      id = (await locks.try(key)) ?? (await poll(() => locks.try(key)));
    },
    release: () => locks.free(key, id),
  };
}

/** Tries again and again while somebody else has the lock. */
export const raw: LockKind = {
  id: 'raw',
  name: 'raw commands',
  open: async (place) => {
    const locks = await RawLocks.open(place);
    return { lock: (key) => rawHandle(locks, key), close: () => locks.close() };
  },
};

/** The waiters of this process line up before they ask Redis. */
export const queuedRaw: LockKind = {
  id: 'raw-queue',
  name: 'a queue in front of raw commands',
  open: async (place) => {
    const locks = await RawLocks.open(place);
    const lines = new Map<string, Promise<void>>();
    return {
      lock: (key) => {
        const handle = rawHandle(locks, key);
        let leave = (): void => undefined;
        return {
          acquire: async () => {
            const before = lines.get(key);
            lines.set(key, new Promise((resolve) => (leave = resolve)));
            await before;
            await handle.acquire();
          },
          release: async () => {
            await handle.release();
            leave();
          },
        };
      },
      close: () => locks.close(),
    };
  },
};
