import type { Redis } from 'ioredis';
import { connect, disconnect } from './clients.js';
import type { Handle, LockKind } from './locks.js';

/**
 * The least that it can take to pass something on through Redis: a list with one element, for which the next ones wait in
 * BLPOP. It is not a lock: who dies with the element takes it along.
 */
export const baton: LockKind = {
  id: 'baton',
  name: 'a bare baton (BLPOP, RPUSH), no lock',
  open: async ({ nodes }) => {
    const [client] = (await connect(nodes.slice(0, 1))) as [Redis];
    const blocked: Redis[] = [];
    return {
      lock: (key) => {
        // BLPOP keeps its connection to itself.
        const own = client.duplicate();
        blocked.push(own);
        return batonHandle(client, own, `baton-${key}`);
      },
      close: () => {
        disconnect([client, ...blocked]);
        return Promise.resolve();
      },
    };
  },
};

function batonHandle(client: Redis, blocked: Redis, key: string): Handle {
  const make = async (): Promise<void> => {
    if (await client.set(`${key}-made`, '', 'NX')) await client.rpush(key, '');
  };
  let made: Promise<void> | undefined;
  return {
    acquire: async () => {
      await (made ??= make());
      await blocked.blpop(key, 0);
    },
    release: () => client.rpush(key, ''),
  };
}
