import type { Redis } from 'ioredis';
import { connect, disconnect } from '../locks/clients.js';
import type { LockKind } from '../locks/locks.js';
import { LONGEST_WAIT, POLL } from '../locks/polling.js';
import { loadPeer } from './load-peer.js';

interface Polling {
  readonly retryAttempts?: number;
  readonly retryDelay?: number;
}

interface Lock<Lease> {
  acquire(): Promise<Lease>;
  release(lease: Lease): Promise<unknown>;
}

interface Terms extends Polling {
  readonly key: string;
  readonly ttl: number;
}

interface RedlockUniversal<Adapter = object, Lease = object> {
  readonly IoredisAdapter: new (client: Redis) => Adapter;
  createLock(config: Terms & { readonly adapter: Adapter }): Lock<Lease>;
  createRedlock(config: Terms & { readonly adapters: readonly Adapter[] }): Lock<Lease>;
}

function redlockUniversal(id: string, name: string, polling: Polling): LockKind {
  return {
    id,
    name,
    open: async ({ nodes, ttl }) => {
      const api = loadPeer('redlock-universal') as RedlockUniversal;
      const clients = await connect(nodes);
      const adapters = clients.map((client) => new api.IoredisAdapter(client));
      const [only] = adapters;
      return {
        lock: (key) => {
          const terms = { key, ttl, ...polling };
          const lock =
            only && adapters.length === 1
              ? api.createLock({ adapter: only, ...terms })
              : api.createRedlock({ adapters, ...terms });
          let lease: object | undefined;
          return {
            acquire: async () => {
              lease = await lock.acquire();
            },
            release: async () => lease && lock.release(lease),
          };
        },
        close: () => {
          disconnect(clients);
          return Promise.resolve();
        },
      };
    },
  };
}

/** As shipped: three more tries, after 100 ms each on one node. */
export const shippedRedlockUniversal = redlockUniversal('redlock-universal', 'redlock-universal 0.8', {});

export const tunedRedlockUniversal = redlockUniversal(
  'redlock-universal-tuned',
  'redlock-universal 0.8, tuned to poll every 10 ms',
  { retryAttempts: LONGEST_WAIT / POLL.delay, retryDelay: POLL.delay },
);
