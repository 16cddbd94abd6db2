import { BackendUnavailableError } from '../errors.js';
import { Backoff } from './backoff.js';
import type { Clock } from './clock.js';

/** Between two attempts, ms. */
const PAUSES = { first: 100, longest: 1000 };

export interface RetryContext {
  readonly clock: Clock;
  /** For how long failed attempts are repeated, ms. An attempt that is under way then is not cut short. */
  readonly timeout: number;
  /** When it aborts, nothing is repeated any more. */
  readonly signal: AbortSignal;
  /** Called for the first failure only, and only when another attempt follows. */
  readonly onRetry: (error: BackendUnavailableError) => void;
}

/**
 * Repeats an attempt that failed with BackendUnavailableError.
 * @throws what the last attempt threw; at once when that was anything but BackendUnavailableError
 */
export async function retry<T>(attempt: () => Promise<T>, context: RetryContext): Promise<T> {
  const { clock, timeout, signal, onRetry } = context;
  const end = clock.monotonic() + timeout;
  const backoff = new Backoff(PAUSES);
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      const left = end - clock.monotonic();
      if (!(error instanceof BackendUnavailableError) || left <= 0 || signal.aborted) throw error;
      if (tries === 1) onRetry(error);
      await sleep(clock, Math.min(backoff.next(), left), signal);
      if (signal.aborted) throw error;
    }
  }
}

/** Waits for `ms` ms, or until the signal aborts. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = clock.setTimer(ms, wake);
    signal.addEventListener('abort', wake);
  });
}
