import { constants } from 'node:os';
import { Logger } from '@nestjs/common';
import type { Command } from 'commander';
import { msOf } from '../../common/duration.js';
import { quoted } from '../../common/quoted.js';
import { resolveOptions } from '../../coordination.options.js';
import { CoordinatorService } from '../../coordinator.service.js';
import { LimitReachedError, LockAcquireFailedError } from '../../errors.js';
import type { Lease } from '../../lock/lease/index.js';
import { coordinationOptions, type GlobalOptions } from '../connect.js';
import { EXIT, SIGNALLED } from '../exit-codes.js';
import { CliError } from '../failure.js';
import { duration, say } from '../output.js';
import { Guard, type GuardSettings } from '../guard.js';
import { Forwarding } from './forwarding.js';
import { runCommand } from './run-command.js';

interface LockOptions extends GlobalOptions {
  readonly wait?: string;
  readonly permits?: string;
  readonly shared?: boolean;
  readonly grace: string;
}

/** The signals that end the tool while it waits for the lock. */
const STOPPING = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** A signal came while the tool waited. */
class Interrupted extends Error {
  constructor(readonly by: NodeJS.Signals) {
    super(by);
  }
}

/** Adds `lock NAME -- COMMAND`. */
export function addLock(program: Command): void {
  program
    .command('lock')
    .description('run a command under a lock; ends with its exit code')
    .usage('[options] NAME -- COMMAND [ARGUMENT…]')
    .argument('<name>', "the lock's name, without the prefix")
    .argument('<command...>', 'the command and its arguments')
    .option('--wait <duration>', 'how long to wait for the lock, as 30s; 0: one try; default: for ever')
    .option('-n, --permits <number>', 'a semaphore: so many commands at a time')
    .option('--shared', 'together with others that share the lock')
    .option(
      '--grace <duration>',
      'how long the command has to end after SIGTERM when the lease is lost',
      '5s',
    )
    .action(async (name: string, words: readonly string[], _options: unknown, command: Command) => {
      process.exitCode = await lockAndRun(name, words, command.optsWithGlobals<LockOptions>());
    });
}

async function lockAndRun(name: string, words: readonly string[], given: LockOptions): Promise<number> {
  const wait = given.wait === undefined ? true : msIn('--wait', given.wait);
  const grace = msIn('--grace', given.grace);
  const permits = given.permits === undefined ? undefined : Number(given.permits);
  if (permits !== undefined && given.shared)
    throw new CliError(
      '--permits and --shared do not go together: permits are always shared by their holders',
    );
  const options = coordinationOptions(given);
  Logger.overrideLogger({
    log: () => undefined,
    debug: () => undefined,
    warn: sayWarning,
    error: sayWarning,
  });
  const coordinator = new CoordinatorService(options);
  const { ttl, heartbeat } = resolveOptions(options);
  const interruption = new Interruption();
  try {
    await coordinator.start();
    const lease = await hold(coordinator, name, { wait, permits, shared: given.shared }, interruption.signal);
    // Not before: a waiting tool needs no guard.
    const settings: GuardSettings = {
      grace,
      graceAfterCrash: Number.isFinite(lease.deadline) ? safeAfterCrash(grace, ttl, heartbeat) : 0,
    };
    const guard = new Guard(settings);
    const forwarding = new Forwarding();
    // Only now: a signal that nothing listens to ends the tool.
    interruption.end();
    try {
      interruption.signal.throwIfAborted();
      return await runCommand(name, words, lease, guard, forwarding, settings);
    } finally {
      forwarding.end();
      guard.end();
      await lease.release();
    }
  } catch (error) {
    return codeOf(error, name, wait);
  } finally {
    interruption.end();
    await coordinator.stop();
  }
}

/** A lease that was renewed a heartbeat ago lasts for so long at least. */
function safeAfterCrash(grace: number, ttl: number, heartbeat: number): number {
  return Math.min(grace, Math.max(0, ttl - 2 * heartbeat));
}

function hold(
  coordinator: CoordinatorService,
  name: string,
  {
    wait,
    permits,
    shared,
  }: {
    readonly wait: number | true;
    readonly permits?: number | undefined;
    readonly shared?: boolean | undefined;
  },
  signal: AbortSignal,
): Promise<Lease> {
  const blocking = wait === 0 ? false : wait;
  if (permits !== undefined) return coordinator.getSemaphore(name, permits).hold({ blocking, signal });
  return coordinator.getLock(name, { shared: shared === true, fencing: true }).hold({ blocking, signal });
}

/** @throws the error, unless it tells that the lock was taken */
function codeOf(error: unknown, name: string, wait: number | true): number {
  if (error instanceof Interrupted) return SIGNALLED + constants.signals[error.by];
  if (!(error instanceof LockAcquireFailedError || error instanceof LimitReachedError)) throw error;
  const within = wait === 0 || wait === true ? 'now' : `within ${duration(wait)}`;
  say(`nestjs-coordination: the lock ${quoted(name)} was not to be had ${within}; nothing was run`);
  return EXIT.notAcquired;
}

/** A signal while the tool waits ends the wait. */
class Interruption {
  readonly #controller = new AbortController();
  readonly #onSignal = (by: NodeJS.Signals): void => this.#controller.abort(new Interrupted(by));

  constructor() {
    for (const signal of STOPPING) process.on(signal, this.#onSignal);
    // A tool that a terminal stops could not renew its lease.
    process.on('SIGTSTP', ignore);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    for (const signal of STOPPING) process.off(signal, this.#onSignal);
  }
}

function ignore(): void {
  // The listener itself is enough: with one, the signal does not stop the tool.
}

function sayWarning(message: unknown): void {
  say(`nestjs-coordination: ${String(message)}`);
}

function msIn(option: string, text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : msOf(text);
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new CliError(`${option} must be a duration such as 30s, 5m or 500 (ms), got ${quoted(text)}`);
}
