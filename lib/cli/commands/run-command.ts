import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { quoted } from '../../common/quoted.js';
import type { Lease } from '../../lock/lease/index.js';
import { EXIT, SIGNALLED } from '../exit-codes.js';
import { CliError } from '../failure.js';
import { say } from '../output.js';
import type { Guard, GuardSettings } from '../guard.js';
import { endGroup, send } from '../process-group.js';
import type { Forwarding } from './forwarding.js';

/** How often the guard is told that the lease is held, ms. */
const TELL_EVERY = 250;

/** The tool ends the command itself, if it can: the guard is later by so much, ms. */
const GUARD_LATER = 500;

/** The variables by which the command learns of its lock. */
export function lockVariables(name: string, { fencingToken }: Lease): Readonly<Record<string, string>> {
  return {
    COORDINATION_LOCK: name,
    ...(fencingToken !== undefined && { COORDINATION_FENCING_TOKEN: String(fencingToken) }),
  };
}

/**
 * Runs a command under a lease: its signals are passed on, and it is ended when the lease is lost.
 * @param name of the lock, or of the semaphore
 * @param forwarding that listens already, so that no signal ends the tool while the command is being started
 * @returns the command's own exit code, or that of a lost lease
 * @throws CliError when the command cannot be run
 */
export async function runCommand(
  name: string,
  [program = '', ...args]: readonly string[],
  lease: Lease,
  guard: Guard,
  forwarding: Forwarding,
  { grace }: GuardSettings,
): Promise<number> {
  const child = spawn(program, args, {
    stdio: 'inherit',
    env: { ...process.env, ...lockVariables(name, lease) },
    // A group of its own, so that all that it starts can be ended with it.
    detached: true,
  });
  const { pid } = child;
  if (pid !== undefined) {
    // At once: until then no process ends the command when the tool is killed.
    guard.tell({ is: 'running', group: pid });
    forwarding.to(pid);
  }
  await started(child, program);
  const group = pid as number;
  const tellHeld = (): void => {
    const ms = lease.remaining();
    guard.tell({ is: 'held', ms: Number.isFinite(ms) ? ms + GUARD_LATER : null });
  };
  tellHeld();
  const telling = setInterval(tellHeld, TELL_EVERY);
  let ending: Promise<void> | undefined;
  const onLost = (): void => {
    const { message } = lease.signal.reason as Error;
    say(`nestjs-coordination: ${message}; ending the command`);
    ending = endGroup(group, grace);
  };
  if (lease.signal.aborted) onLost();
  else lease.signal.addEventListener('abort', onLost, { once: true });
  try {
    const code = await ended(child);
    lease.signal.removeEventListener('abort', onLost);
    // The processes that the command has started may outlive it.
    if (ending) send(group, 'SIGKILL');
    return lease.signal.aborted ? EXIT.leaseLost : code;
  } finally {
    clearInterval(telling);
  }
}

function started(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT';
      const what = missing
        ? 'there is no such command'
        : `it cannot be executed (${error.code ?? error.message})`;
      reject(new CliError(`${quoted(program)}: ${what}`, missing ? EXIT.notFound : EXIT.notExecutable));
    });
  });
}

/** Its exit code, as a shell says it. */
function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(code ?? SIGNALLED + (signal ? constants.signals[signal] : 0)),
    );
  });
}
