import { Logger, type LoggerService, type LogLevel } from '@nestjs/common';
import { systemClock } from './common/clock.js';
import { logSafely } from './common/log-safely.js';
import type { BackendChange, Driver } from './drivers/driver.js';
import type { LockManager } from './lock/index.js';
import type { LockLog } from './lock/lease/index.js';
import { quoted } from './common/quoted.js';

/** For how long a logger is taken to write what it wrote a moment ago, ms: Nest's own sorts its levels when it is asked. */
const LEVEL_STAYS = 50;

/** As Nest's ConsoleLogger, and many another, says what it would not write. */
interface LevelAwareLogger extends LoggerService {
  isLevelEnabled?(level: LogLevel): boolean;
}

/** What a coordinator writes to the application's log. Nothing here fails when the log does. */
export class CoordinatorLog implements LockLog {
  readonly #logger = new Logger('CoordinatorService');
  readonly #who: string;
  /** Who was asked last whether debug lines are written, what that one said, and until when that is believed. */
  #asked?: LoggerService;
  #writes = false;
  #until = -Infinity;

  constructor(agentId: string, prefix: string) {
    this.#who = `agent ${quoted(agentId)}, prefix ${quoted(prefix)}`;
  }

  started(driver: Driver): void {
    this.info(`Coordinator started (${this.#who}, back end ${driver.description})`);
  }

  stopped(): void {
    this.info(`Coordinator stopped (${this.#who})`);
  }

  /** @param timeout how long they have, ms */
  stopping({ held, waiting }: LockManager['usage'], timeout: number): void {
    if (held === 0 && waiting === 0) return;
    this.info(
      `Coordinator stops in at most ${Math.ceil(timeout)} ms (stopTimeout; ${this.#who}): ${counted(held, 'lease is', 'leases are')} held, and ${counted(waiting, 'call waits', 'calls wait')} for one`,
    );
  }

  startsLater(timeout: number, { message }: Error): void {
    this.warn(
      `The coordinator cannot start yet and tries again for ${timeout} ms (startTimeout): ${message}`,
    );
  }

  startFailed(error: unknown): void {
    this.error(
      `The application cannot start, because its coordinator cannot (${this.#who}): ${error instanceof Error ? error.message : String(error)}`,
    );
  }

  backend(driver: Driver, { state, cause }: BackendChange): void {
    if (state === 'up') this.info(`Back end is up again: ${driver.description}`);
    else this.error(`Back end is down: ${driver.description}: ${cause?.message ?? 'no reason given'}`);
  }

  backendAway(driver: Driver, ms: number, { cause }: BackendChange): void {
    this.warn(
      `Back end was away for ${Math.ceil(ms)} ms and is up again: ${driver.description}: ${cause?.message ?? 'no reason given'}`,
    );
  }

  debug(message: () => string): void {
    if (this.#writesDebug()) logSafely(() => this.#logger.debug(message()));
  }

  info(message: string): void {
    logSafely(() => this.#logger.log(message));
  }

  warn(message: string): void {
    logSafely(() => this.#logger.warn(message));
  }

  error(message: string, ...error: unknown[]): void {
    logSafely(() => this.#logger.error(message, ...error));
  }

  /**
   * Asks where the line would go to. `Logger.isLevelEnabled` tells of levels that were set by a list alone: on Nest 11
   * it says no where none were, though every line is printed, and on both of a list that another logger has replaced.
   */
  #writesDebug(): boolean {
    // Undefined with `logger: false`.
    const target: LevelAwareLogger | undefined = this.#logger.localInstance;
    if (!target?.debug) return false;
    const now = systemClock.monotonic();
    if (target === this.#asked && now < this.#until) return this.#writes;
    this.#asked = target;
    this.#until = now + LEVEL_STAYS;
    try {
      this.#writes = target.isLevelEnabled?.('debug') ?? true;
    } catch {
      this.#writes = true;
    }
    return this.#writes;
  }
}

function counted(count: number, one: string, several: string): string {
  return `${count} ${count === 1 ? one : several}`;
}
