import type { LockOptions } from 'nestjs-coordination';
import { startCoordinator } from './coordinators.js';
import type { LockKind } from './locks.js';

function ours(id: string, name: string, options: LockOptions): LockKind {
  return {
    id,
    name,
    beatOf: ({ ttl, heartbeat = ttl / 3 }) => heartbeat,
    open: async ({ backendUrl, ttl, heartbeat }) => {
      const coordinator = await startCoordinator(backendUrl, { ttl, heartbeat });
      return {
        lock: (key) => coordinator.getLock(key, options),
        close: () => coordinator.stop(),
      };
    },
  };
}

export const plain = ours('ours', 'nestjs-coordination', {});

/** In the order of arrival over all processes. */
export const fair = ours('ours-fair', 'nestjs-coordination, fair', { fair: true });
