import { randomUUID } from 'node:crypto';
import type { LockKind, Place } from '../locks/locks.js';
import { POLL } from '../locks/polling.js';
import { loadPeer } from './load-peer.js';

interface Options {
  readonly redisOptions: { readonly url: string | undefined };
  /** The first pause after a try, ms, and by how much each pause is longer than the one before, unless it is blocking. */
  readonly wait: number;
  readonly maxAttempts: number;
  readonly logLevel: 'error';
  readonly blocking?: boolean;
}

/**
 * Its public `runWithLock` is these two, and an async context, which Node would have every promise of this process
 * follow, those of others too.
 */
interface Service {
  onModuleInit(): Promise<void>;
  onApplicationShutdown(): Promise<void>;
  acquireLock(key: string, clientId: string, ttl: number): Promise<void>;
  releaseLock(key: string, clientId: string): Promise<void>;
}

interface Murlock {
  readonly MurLockService: new (options: Options, contexts: undefined) => Service;
}

function murlock(id: string, name: string, polling: Omit<Options, 'redisOptions' | 'logLevel'>): LockKind {
  return {
    id,
    name,
    open: async ({ nodes, ttl }: Place) => {
      if (nodes.length > 1) throw new Error('knows one node only');
      const { MurLockService } = loadPeer('murlock/dist/murlock.service.js') as Murlock;
      const options: Options = { redisOptions: { url: nodes[0] }, logLevel: 'error', ...polling };
      const service = new MurLockService(options, undefined);
      await service.onModuleInit();
      return {
        lock: (key) => {
          let clientId = '';
          return {
            acquire: () => service.acquireLock(key, (clientId = randomUUID()), ttl),
            release: () => service.releaseLock(key, clientId),
          };
        },
        close: () => service.onApplicationShutdown(),
      };
    },
  };
}

/** With the settings of its README. */
export const shippedMurlock = murlock('murlock', 'murlock 4.4', { wait: 1000, maxAttempts: 3 });

export const tunedMurlock = murlock('murlock-tuned', 'murlock 4.4, tuned to poll every 10 ms', {
  wait: POLL.delay,
  maxAttempts: 1,
  blocking: true,
});
