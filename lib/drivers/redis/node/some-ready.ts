import type { Clock, Timer } from '../../../common/clock.js';
import { cleanError, type NodeError } from '../errors/index.js';

/**
 * Resolves when all tries have succeeded or failed, but at most `grace` ms after the first success.
 * @returns the first failure so far
 */
export function someReady(
  tries: readonly Promise<void>[],
  clock: Clock,
  grace: number,
): Promise<NodeError | undefined> {
  return new Promise((resolve) => {
    let failure: NodeError | undefined;
    let giveUp: Timer | undefined;
    const ready = (): void => {
      giveUp ??= clock.setTimer(grace, () => resolve(failure));
    };
    const failed = (error: unknown): void => {
      failure ??= cleanError(error);
    };
    void Promise.all(tries.map((each) => each.then(ready, failed))).then(() => {
      giveUp?.cancel();
      resolve(failure);
    });
  });
}
