import type { Driver } from './drivers/driver.js';
import type { LockManager } from './lock/index.js';

/** What runs from a start of a coordinator to its next stop. */
export interface Engine {
  readonly driver: Driver;
  readonly manager: LockManager;
}

/**
 * Connects to the back end and announces the member; on failure nothing of it is left.
 *
 * @param signal cuts the connecting short. Past that nothing is cut: what the member has announced has to be withdrawn.
 * @throws what the driver throws
 */
export async function startEngine({ driver, manager }: Engine, signal: AbortSignal): Promise<void> {
  const cut = (): void => void driver.stop();
  signal.addEventListener('abort', cut);
  try {
    const starting = driver.start();
    if (signal.aborted) cut();
    await starting.finally(() => signal.removeEventListener('abort', cut));
    await manager.start();
  } catch (error) {
    await driver.stop();
    throw error;
  }
}
