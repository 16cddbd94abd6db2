import type { Claim, Granted, QueuedWaiter, Taken, WaitQueue } from '../driver.js';
import type { FileCalls } from './file-calls.js';
import { type FileLocks, TAKEN } from './file-locks.js';
import { AT_ONCE, type RunningFiles } from './file-parts.js';
import { type FileQueues, type FileWaiter, Turnstile } from './queue/index.js';
import type { Clock } from '../../common/clock.js';

export interface FileWaitQueueContext {
  readonly clock: Clock;
  readonly calls: FileCalls;
  readonly locks: FileLocks;
  /** @throws BackendUnavailableError when the driver does not run */
  readonly running: () => Pick<RunningFiles, 'queues'>;
  /** Undefined when the driver does not run. */
  readonly queues: () => FileQueues | undefined;
}

/** The order of the waiters: a waiter that finds a lock taken draws a ticket, which gives the order over all processes. */
export class FileWaitQueue implements WaitQueue {
  readonly #joins: Turnstile;

  constructor(private readonly context: FileWaitQueueContext) {
    this.#joins = new Turnstile(context.clock, AT_ONCE);
  }

  enqueue(request: Claim, wake: () => void): QueuedWaiter {
    const waiter: FileWaiter = { wake };
    return {
      tryAcquire: async () => this.#tryInLine(request, waiter),
      ready: () => undefined,
      leave: () => this.context.queues()?.leave(request.name, waiter) as undefined,
    };
  }

  #tryInLine(request: Claim, waiter: FileWaiter): Granted | Taken | Promise<Granted | Taken> {
    if (waiter.ticket) return this.#tryInTurn(request, waiter);
    // The waiters of this driver go first.
    const reply = this.context.running().queues.has(request.name)
      ? TAKEN
      : this.context.locks.takeAsNewcomer(request);
    if (reply.granted) return reply;
    const entered = this.#joins.enter();
    return entered ? entered.then(() => this.#join(request, waiter)) : this.#join(request, waiter);
  }

  #join(request: Claim, waiter: FileWaiter): Granted | Taken {
    const { name } = request;
    this.context.calls.attempt('queue up for', name, undefined, () =>
      this.context.running().queues.join(name, waiter),
    );
    return this.#tryInTurn(request, waiter);
  }

  #tryInTurn(request: Claim, waiter: FileWaiter): Granted | Taken {
    const { name } = request;
    const { queues } = this.context.running();
    // Try also right after joining: the lock may have been freed in between.
    if (!this.context.calls.attempt('queue up for', name, undefined, () => queues.isTurnOf(name, waiter)))
      return TAKEN;
    let reply: Granted | Taken;
    try {
      reply = this.context.locks.take(request);
    } catch (error) {
      // A waiter that cannot take the lock must not block others that can.
      queues.leave(name, waiter);
      throw error;
    }
    if (reply.granted) queues.serve(name, waiter);
    else queues.foundTaken(name);
    return reply;
  }
}
