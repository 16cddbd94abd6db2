import { Logger, type LoggerService, type LogLevel } from '@nestjs/common';
import { systemClock } from './common/clock.js';
import { logSafely } from './common/log-safely.js';
import type { BackendChange, Driver } from './drivers/driver.js';
import type { LockManager } from './lock/index.js';
import type { LockLog } from './lock/lease/index.js';
import { quoted } from './common/quoted.js';

/** For how long a logger's answer about debug lines is kept, ms: Nest's own logger sorts its levels at each question. */
const LEVEL_STAYS = 50;

/** A logger that tells its levels, as Nest's ConsoleLogger and many others do. */
interface LevelAwareLogger extends LoggerService {
  isLevelEnabled?(level: LogLevel): boolean;
}

/** The log lines of a coordinator. Nothing here fails when the application's logger does. */
export class CoordinatorLog implements LockLog {
  readonly #logger = new Logger('CoordinatorService');
  readonly #who: string;
  /** The logger that was asked last whether it writes debug lines, its answer, and until when the answer is kept. */
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
   * Asks the logger that would write the line. `Logger.isLevelEnabled` knows only levels that were set by a list. On Nest 11 it says no
   * when no list was set, though every line is printed. On every version it goes by the list after another logger has replaced it.
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
