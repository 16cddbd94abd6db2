import type { Handle } from './locks.js';

/** Acquires and releases. */
export function pairOf(handle: Handle): () => Promise<void> {
  return async () => {
    await handle.acquire();
    await handle.release();
  };
}
