import {
  closeSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isMissing } from '../kernel/index.js';
import type { Instance, Instances, StateDirectory } from '../directory/index.js';

/** The lock, the number and the instance of a {@link Ticket}. */
const FILE_NAME = /^[0-9a-f]{64}\.(\d+)\.(\d+)(?:\.[a-z]+)?$/;
/** Other processes may remove what a ticket needs while it is drawn. Once is chance; this many times is not. */
const MOST_TRIES = 20;

/** Tells which instances have a driver that runs. */
type Taken = Pick<Instances, 'isTaken'>;

/** A place in the order of the waiters for one lock, over all processes. */
export interface Ticket {
  readonly path: string;
  /** The name of its file. Other drivers ask for the ticket by it. */
  readonly id: string;
  /** When it was drawn: µs since the machine started, or more where this driver has used that number already. */
  readonly sequence: number;
  /** The instance of its driver. It orders two tickets with the same number. */
  readonly instance: number;
}

/**
 * The order in which the processes of one machine wait for their locks: one file per waiter, with its number in its name.
 *
 * The number is the time of a clock that all processes of a machine share and that never goes back. So drawing a ticket is one
 * step, making a link, and its cost does not depend on the length of the queue. A process that dies before that step has drawn
 * nothing. A process that is stopped before it gets, once it goes on, the place that it would have had. Two processes that read the
 * same µs are ordered by their instances.
 *
 * A ticket is a link to the file of the lock. So the kernel counts the tickets in that file, and a process that comes to lock it sees
 * the count at no cost. Tickets only give the order: only the kernel's lock gives the lock away. Where the lock's file was removed
 * in the moment before the link, the ticket still counts among the waiters, and a newcomer may miss it until the next waiter joins.
 *
 * The ticket of a dead process is one whose instance is free. Any process that comes across it removes it.
 */
export class Tickets {
  /** The tickets that this driver drew and still has. */
  readonly #ours = new Set<string>();
  #last = 0;

  /**
   * @param instance that of this driver
   * @param onGone gets the id of every ticket of this driver that has ended
   * @param ending the suffix of the file names, for links that are not places of waiters
   */
  constructor(
    private readonly directory: Pick<StateDirectory, 'lock' | 'queue'>,
    private readonly instance: Pick<Instance, 'number' | 'isInPlace'>,
    private readonly instances: Taken,
    private readonly onGone: (id: string) => void,
    private readonly ending = '',
  ) {}

  /**
   * Removes the tickets of dead processes. If a process dies later, the driver that takes its instance does not know its tickets, and
   * says so when it is asked for them.
   *
   * @param sharers as `instances`, for links that are not places of waiters
   * @param own the instance of a driver that starts: it has drawn nothing yet, so what carries that number is left from a driver before it
   */
  static *sweep(queues: string, instances: Taken, sharers: Taken, own?: number): Generator<void> {
    for (const bucket of entriesOf(queues)) {
      const owners = isOfWaiters(bucket) ? instances : sharers;
      const taken = new Map<number | undefined, boolean | undefined>([[own, false]]);
      for (const { instance, path } of ticketsIn(join(queues, bucket))) {
        if (!taken.has(instance)) taken.set(instance, owners.isTaken(instance));
        if (!taken.get(instance)) remove(path);
      }
      yield;
    }
  }

  /** Whether that instance has a link which is not the place of a waiter. */
  static hasShares(queues: string, number: number): boolean {
    return entriesOf(queues).some(
      (bucket) =>
        !isOfWaiters(bucket) && ticketsIn(join(queues, bucket)).some(({ instance }) => instance === number),
    );
  }

  /** Whether that ticket stands for a waiter of this driver. */
  holds(id: string): boolean {
    return this.#ours.has(id);
  }

  /** All tickets for a lock, in their order. */
  of(name: string): Ticket[] {
    const { folder, stem } = this.directory.queue(name);
    return ticketsIn(folder, stem).toSorted(inOrder);
  }

  /** Draws a new ticket, behind all that were drawn before. */
  draw(name: string): Ticket {
    const { folder, stem } = this.directory.queue(name);
    for (let tries = 1; ; tries += 1) {
      const sequence = this.#next();
      const id = `${stem}.${sequence}.${this.instance.number}${this.ending}`;
      const path = join(folder, id);
      try {
        linkSync(this.directory.lock(name), path);
        this.#ours.add(id);
        return { path, id, sequence, instance: this.instance.number };
      } catch (error) {
        if (tries === MOST_TRIES) throw error;
        if (isMissing(error)) this.#prepare(name, folder);
        // The file is left from a driver that had this instance before the machine restarted: take the next number.
        else if (!isThere(error)) throw error;
      }
    }
  }

  /** Whether its file is still there: other drivers remove the tickets of a driver that does not answer. */
  isInPlace({ path }: Ticket): boolean {
    return existsSync(path);
  }

  /** Whether it is the ticket of another driver that runs. */
  isAlive(ticket: Ticket): boolean {
    // Where others do not see this driver, another one may have its number.
    if (ticket.instance === this.instance.number && this.instance.isInPlace()) return false;
    return this.isInPlace(ticket) && this.instances.isTaken(ticket.instance) === true;
  }

  /** @returns false when its file stays. That keeps no waiter back: asked for it, this driver says that it has ended. */
  giveUp(ticket: Ticket): boolean {
    if (!this.#ours.delete(ticket.id)) return true;
    let removed = true;
    try {
      remove(ticket.path);
    } catch {
      // The result tells.
      removed = false;
    }
    this.onGone(ticket.id);
    return removed;
  }

  /**
   * The last ticket of a living driver before `ticket`, or among all. Removes the dead ones that it passes.
   *
   * @param all in their order; the function takes the removed ones out
   * @param ticket the first one of this driver, if it has one: an earlier ticket of this driver is a leftover
   */
  lastBefore(all: Ticket[], ticket?: Ticket): Ticket | undefined {
    for (let index = all.length - 1; index >= 0; index -= 1) {
      const other = all[index]!;
      if (ticket && inOrder(other, ticket) >= 0) continue;
      if (this.isAlive(other)) return other;
      all.splice(index, 1);
      remove(other.path);
    }
    return undefined;
  }

  /** Sends all waiters of that driver for the lock to the tail: they draw new tickets when they find theirs gone. */
  passOver({ path, id, instance }: Ticket): void {
    for (const other of ticketsIn(dirname(path), stemOf(id)))
      if (other.instance === instance) remove(other.path);
  }

  /** Removes a ticket that stands for no waiter. */
  discard(ticket: Ticket): void {
    remove(ticket.path);
  }

  #next(): number {
    this.#last = Math.max(this.#last + 1, Number(process.hrtime.bigint() / 1000n));
    return this.#last;
  }

  /** Makes the file and the folder that a link needs, unless the directory itself is gone. */
  #prepare(name: string, folder: string): void {
    const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
    closeSync(openSync(this.directory.lock(name), O_RDWR | O_CREAT | O_NOFOLLOW, 0o600));
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      if (!isThere(error)) throw error;
    }
  }
}

/** Other links are in folders with a suffix. */
function isOfWaiters(bucket: string): boolean {
  return !bucket.includes('.');
}

function inOrder(a: Ticket, b: Ticket): number {
  return a.sequence - b.sequence || a.instance - b.instance;
}

function ticketsIn(folder: string, stem = ''): Ticket[] {
  const tickets: Ticket[] = [];
  for (const id of entriesOf(folder)) {
    const [sequence, instance] = (id.startsWith(stem) && FILE_NAME.exec(id)?.slice(1)) || [];
    if (instance === undefined) continue;
    tickets.push({ path: join(folder, id), id, sequence: Number(sequence), instance: Number(instance) });
  }
  return tickets;
}

function stemOf(id: string): string {
  return id.slice(0, id.indexOf('.'));
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    // Another process has removed it already.
    if (!isMissing(error)) throw error;
  }
}

function isThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
