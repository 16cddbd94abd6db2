import type { Redis } from 'ioredis';
import { connect, disconnect } from '../locks/clients.js';
import type { Handle, LockKind } from '../locks/locks.js';
import { loadPeer } from './load-peer.js';

interface Settings {
  readonly lockTimeout: number;
}

interface RedisSemaphore {
  readonly Mutex: new (client: Redis, key: string, settings: Settings) => Handle;
  readonly RedlockMutex: new (clients: readonly Redis[], key: string, settings: Settings) => Handle;
}

/** As shipped it polls every 10 ms, and gives up after 10 s. */
export const redisSemaphore: LockKind = {
  id: 'redis-semaphore',
  name: 'redis-semaphore 5.8',
  beatOf: ({ ttl }) => 0.8 * ttl,
  open: async ({ nodes, ttl }) => {
    const { Mutex, RedlockMutex } = loadPeer('redis-semaphore') as RedisSemaphore;
    const clients = await connect(nodes);
    const [only] = clients;
    const settings = { lockTimeout: ttl };
    return {
      lock: (key) =>
        only && clients.length === 1
          ? new Mutex(only, key, settings)
          : new RedlockMutex(clients, key, settings),
      close: () => {
        disconnect(clients);
        return Promise.resolve();
      },
    };
  },
};
