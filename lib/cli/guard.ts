import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { endGroup } from './process-group.js';

/** The one argument by which the tool runs itself as a guard. */
export const GUARD = '--guard-of-a-locked-command';

/** The messages to the guard, one line each. */
type Message =
  /** The command runs, as the leader of this process group. */
  | { readonly is: 'running'; readonly group: number }
  /** The lease lasts for so long from now on, ms; null: as long as the tool lives. */
  | { readonly is: 'held'; readonly ms: number | null }
  /** The command has ended. */
  | { readonly is: 'done' };

export interface GuardSettings {
  /** How long the command gets to end after SIGTERM, ms. */
  readonly grace: number;
  /** The same time when the tool was killed, and another holder may have the lock already, ms; 0: SIGKILL at once. */
  readonly graceAfterCrash: number;
}

/**
 * A process beside the tool that ends the command when the tool cannot: when it was killed, or does not run for so long that its lease
 * ends. It leads a session of its own, so that the signals of the tool's terminal do not reach it.
 */
export class Guard {
  readonly #child;

  constructor({ grace, graceAfterCrash }: GuardSettings) {
    const [, script = ''] = process.argv;
    this.#child = spawn(process.execPath, [script, GUARD, String(grace), String(graceAfterCrash)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    // The guard is gone only when it was killed; the tool goes on without it.
    this.#child.on('error', () => undefined);
    this.#child.stdin?.on('error', () => undefined);
    this.#child.unref();
  }

  tell(message: Message): void {
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  /** Ends the guard: it is needed no more. */
  end(): void {
    this.tell({ is: 'done' });
    this.#child.stdin?.end();
  }
}

/** Runs the guard. Resolves when it is needed no more. */
export async function runGuard([grace, graceAfterCrash]: readonly string[]): Promise<void> {
  // The guard runs until its tool is gone.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)
    process.on(signal, () => undefined);
  let group: number | undefined;
  let done = false;
  let heldUntil = Infinity;
  let timer: NodeJS.Timeout | undefined;
  const left = (): number => Math.max(0, heldUntil - performance.now());
  for await (const line of createInterface({ input: process.stdin })) {
    const message = JSON.parse(line) as Message;
    if (message.is === 'running') group = message.group;
    else if (message.is === 'done') done = true;
    else {
      heldUntil = performance.now() + (message.ms ?? Infinity);
      clearTimeout(timer);
      if (message.ms !== null)
        timer = setTimeout(() => void (group && endGroup(group, Number(grace))), left());
    }
  }
  clearTimeout(timer);
  if (group === undefined || done) return;
  await endGroup(group, Math.min(Number(graceAfterCrash), left()));
}
