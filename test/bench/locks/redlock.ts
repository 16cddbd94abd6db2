import type { Redis } from 'ioredis';
import Redlock, { ExecutionError } from 'redlock';
import { connect, disconnect } from './clients.js';
import type { LockKind, Locks } from './locks.js';
import { poll } from './polling.js';

interface BareLock {
  release(): Promise<unknown>;
}

/** Redlock as a user would have it; our declaration of the package shows only what the driver uses. */
type BareRedlock = new (
  clients: Iterable<Redis>,
  settings?: { readonly retryCount?: number },
) => { acquire(keys: string[], ttl: number): Promise<BareLock> };

const Bare = Redlock as unknown as BareRedlock;

/** As its README has it: ten more tries, every 100 to 300 ms. */
export const redlock: LockKind = {
  id: 'redlock',
  name: 'redlock 5',
  open: async (place) => {
    const clients = await connect(place.nodes);
    const bare = new Bare(clients);
    return locksOf(clients, (key) => bare.acquire([key], place.ttl));
  },
};

/** Single attempts in a loop: between its own tries it keeps the votes it has, and blocks itself. */
export const tunedRedlock: LockKind = {
  id: 'redlock-tuned',
  name: 'redlock 5, tuned to poll every 10 ms',
  open: async (place) => {
    const clients = await connect(place.nodes);
    const bare = new Bare(clients, { retryCount: 0 });
    const attempt = async (key: string): Promise<BareLock | undefined> => {
      try {
        return await bare.acquire([key], place.ttl);
      } catch (error) {
        if (error instanceof ExecutionError) return undefined;
        throw error;
      }
    };
    return locksOf(clients, (key) => poll(() => attempt(key)));
  },
};

function locksOf(clients: readonly Redis[], acquire: (key: string) => Promise<BareLock>): Locks {
  return {
    lock: (key) => {
      let lock: BareLock | undefined;
      return {
        acquire: async () => {
          lock = await acquire(key);
        },
        release: async () => lock?.release(),
      };
    },
    close: () => {
      disconnect(clients);
      return Promise.resolve();
    },
  };
}
