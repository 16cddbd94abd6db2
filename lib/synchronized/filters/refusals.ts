import { Logger } from '@nestjs/common';
import { type Clock, systemClock, type Timer } from '../../common/clock.js';
import { logSafely } from '../../common/log-safely.js';
import { CoordinationError } from '../../errors.js';

/** How long refused calls are counted before one line reports them, ms. */
const PERIOD = 60_000;

const MISTAKE = 500;

interface Count {
  times: number;
  last: CoordinationError;
}

/**
 * The log lines about calls that a coordination error has ended. Nest logs no HttpException, and a client learns only
 * the kind of the error.
 *
 * - A mistake in the application is an error line.
 * - An event that was not handled is a warning: its sender gets no answer, and cannot know that it has to send the event again.
 * - Every other refused call has an answer. Such calls are counted, and one warning a minute tells how many there were; each of
 *   them has a line at debug.
 */
export class Refusals {
  readonly #logger = new Logger('Synchronized');
  /** An error passes several places on its way out of the application. */
  readonly #told = new WeakSet<CoordinationError>();
  readonly #counts = new Map<number, Count>();
  #timer: Timer | undefined;

  constructor(private readonly clock: Clock) {}

  /** @param event the handler, when an event has failed: no client waits for an answer */
  tell(error: CoordinationError, event?: string): void {
    if (this.#told.has(error)) return;
    this.#told.add(error);
    if (error.getStatus() === MISTAKE) logSafely(() => this.#logger.error(error.message, error.stack));
    else if (event !== undefined)
      logSafely(() => this.#logger.warn(`${event} did not handle an event: ${error.message}`));
    else this.#count(error);
  }

  /** Logs nothing of a call whose client has left: the call was not refused. */
  overlook(error: CoordinationError): void {
    this.#told.add(error);
  }

  /** Logs the calls that were counted so far. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#counts.size === 0) return;
    const counts = [...this.#counts.entries()].toSorted(([, a], [, b]) => b.times - a.times);
    this.#counts.clear();
    const calls = counts.reduce((sum, [, { times }]) => sum + times, 0);
    const kinds = counts.map(([status, { times, last }]) => `${times} × ${last.name} (${status})`).join(', ');
    const [[, { last }] = [0, { last: undefined }]] = counts;
    logSafely(() =>
      this.#logger.warn(
        `${calls} ${calls === 1 ? 'call was' : 'calls were'} refused in the last minute: ${kinds}; the last: ${last?.message}`,
      ),
    );
  }

  #count(error: CoordinationError): void {
    const status = error.getStatus();
    const count = this.#counts.get(status);
    this.#counts.set(status, { times: (count?.times ?? 0) + 1, last: error });
    this.#timer ??= this.clock.setTimer(PERIOD, () => this.flush(), 'background');
  }
}

/** One for this process: handlers of several applications in it may be of one class. */
export const refusals = new Refusals(systemClock);
