import { type Clock, outsideCalls } from './common/clock.js';
import type { CoordinatorEmitter } from './common/coordinator.emitter.js';
import { retry } from './common/retry.js';
import type { ResolvedOptions } from './coordination.options.js';
import type { CoordinatorLog } from './coordinator.log.js';
import type { BackendChange, Driver } from './drivers/driver.js';
import { BackendUnavailableError } from './errors.js';
import { MemberReport } from './inspection/index.js';
import { LockManager } from './lock/index.js';

/** The parts of a coordinator that run from a start to the next stop. */
export interface Engine {
  readonly driver: Driver;
  readonly manager: LockManager;
}

export interface EngineContext {
  readonly options: ResolvedOptions;
  readonly memberId: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: CoordinatorLog;
  readonly events: CoordinatorEmitter;
  readonly onBackendChange: (driver: Driver, change: BackendChange) => void;
}

/**
 * Connects to the back end and announces the member. Tries for up to `startTimeout` ms while the back end is down.
 *
 * @param signal cuts that short
 * @throws what the driver throws; BackendUnavailableError when it was cut short
 */
export async function connectEngine(context: EngineContext, signal: AbortSignal): Promise<Engine> {
  const { clock, log, options, memberId } = context;
  const { startTimeout } = options;
  try {
    return await retry(
      async () => {
        // A driver is started once, so each try makes a new one.
        const engine = await createEngine(context);
        await startEngine(engine, signal);
        return engine;
      },
      {
        clock,
        timeout: startTimeout,
        signal,
        onRetry: (error) => log.startsLater(startTimeout, error),
      },
    );
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new BackendUnavailableError(
      `The coordinator of member ${memberId} was stopped before it had started; call start() again`,
      { cause: error },
    );
  }
}

async function createEngine(context: EngineContext): Promise<Engine> {
  const { clock, random, log, events, memberId, onBackendChange } = context;
  const { createDriver, ...settings } = context.options;
  const driver = await createDriver({
    clock,
    random,
    ttl: settings.ttl,
    prefix: settings.prefix,
    onBackendChange: (change) => onBackendChange(driver, change),
    warn: (message) => outsideCalls(() => log.warn(message)),
  });
  const manager = new LockManager({ ...settings, memberId }, { driver, clock, events, log });
  manager.accompany(new MemberReport(manager));
  return { driver, manager };
}

/**
 * Starts the driver, then the manager. When one of them fails, the driver is stopped again.
 *
 * @param signal cuts the connecting short, and nothing after it: a member that was announced has to be withdrawn
 * @throws what the driver throws
 */
async function startEngine({ driver, manager }: Engine, signal: AbortSignal): Promise<void> {
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
