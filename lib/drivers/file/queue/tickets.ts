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
import type { Instances, StateDirectory } from '../directory/index.js';

/** Which lock, which number, and whose; see {@link Ticket}. */
const FILE_NAME = /^[0-9a-f]{64}\.(\d+)\.(\d+)(?:\.[a-z]+)?$/;
/** What is needed for a ticket is removed while it is drawn: once is chance, this often is not. */
const MOST_TRIES = 20;

/** A place in the order of those who wait for one lock, over all processes. */
export interface Ticket {
  readonly path: string;
  /** The name of its file, which is how others ask for it. */
  readonly id: string;
  /** When it was drawn: µs since the machine has started, or more where that one is in use here already. */
  readonly sequence: number;
  /** Of the driver that has it; two that drew at the same time have their order from it. */
  readonly instance: number;
}

/**
 * The order in which the processes of one machine wait for their locks: a file each, its number in its name.
 *
 * The number is the time by the clock that all processes of a machine share, which never goes back. So drawing a ticket is one
 * step, making a link, at a cost that does not depend on the length of the queue. A process that dies before that step
 * has drawn nothing, and one that stops before it comes to stand where it would have stood. Two that read the same
 * µs have their order by their instances.
 *
 * A ticket is a link to the file of the lock, so that the kernel keeps their number in that file, where who comes
 * to lock it finds it at no cost. Who comes first is all that they say: only the kernel's lock gives the lock away. Where
 * the lock's file was removed in the moment before the link, the ticket still counts among those who wait, and a
 * newcomer may miss it until the next one enters the queue.
 *
 * The ticket of a dead process is one whose instance is free; whoever comes across it removes it.
 */
export class Tickets {
  /** Those that were drawn here, and not given up or taken away. */
  readonly #ours = new Set<string>();
  #last = 0;

  /**
   * @param instance that of this driver
   * @param onGone is told the id of every ticket of this driver that is one no more
   * @param ending of the names of their files, where they are no places of waiters
   */
  constructor(
    private readonly directory: Pick<StateDirectory, 'lock' | 'queue'>,
    private readonly instance: number,
    private readonly instances: Pick<Instances, 'isTaken'>,
    private readonly onGone: (id: string) => void,
    private readonly ending = '',
  ) {}

  /**
   * Removes those of processes that have died. If one dies later, whoever takes its instance knows nothing of its tickets, and
   * says so when it is asked for them.
   */
  static *sweep(queues: string, instances: Pick<Instances, 'isTaken'>): Generator<void> {
    for (const bucket of entriesOf(queues)) {
      const taken = new Map<number, boolean>();
      for (const { instance, path } of ticketsIn(join(queues, bucket))) {
        if (!taken.has(instance)) taken.set(instance, instances.isTaken(instance));
        if (!taken.get(instance)) remove(path);
      }
      yield;
    }
  }

  /** Whether that ticket stands for somebody who waits here. */
  holds(id: string): boolean {
    return this.#ours.has(id);
  }

  /** All tickets for a lock, in their order. */
  of(name: string): Ticket[] {
    const { folder, stem } = this.directory.queue(name);
    return ticketsIn(folder, stem).toSorted(inOrder);
  }

  /** A new one, behind all that are drawn already. */
  draw(name: string): Ticket {
    const { folder, stem } = this.directory.queue(name);
    for (let tries = 1; ; tries += 1) {
      const sequence = this.#next();
      const id = `${stem}.${sequence}.${this.instance}${this.ending}`;
      const path = join(folder, id);
      try {
        linkSync(this.directory.lock(name), path);
        this.#ours.add(id);
        return { path, id, sequence, instance: this.instance };
      } catch (error) {
        if (tries === MOST_TRIES) throw error;
        if (isMissing(error)) this.#prepare(name, folder);
        // Of a driver that had this instance before the machine was started anew.
        else if (!isThere(error)) throw error;
      }
    }
  }

  /** Whether it is there still: others remove those of a driver that does not answer. */
  isInPlace({ path }: Ticket): boolean {
    return existsSync(path);
  }

  giveUp(ticket: Ticket): void {
    if (!this.#ours.delete(ticket.id)) return;
    try {
      unlinkSync(ticket.path);
    } catch {
      // Others have passed it over, or cannot be kept waiting by it: asked for it, this driver does not know it.
    }
    this.onGone(ticket.id);
  }

  /**
   * The last one that stands for somebody, of those before `ticket` or of all. Removes the others on its way.
   *
   * @param all in their order; those that are there no more are taken out
   * @param ticket the first one of this driver, if it has one: another one of it before that is a leftover
   */
  lastBefore(all: Ticket[], ticket?: Ticket): Ticket | undefined {
    for (let index = all.length - 1; index >= 0; index -= 1) {
      const other = all[index]!;
      if (ticket && inOrder(other, ticket) >= 0) continue;
      if (other.instance !== this.instance && this.isInPlace(other) && this.instances.isTaken(other.instance))
        return other;
      all.splice(index, 1);
      remove(other.path);
    }
    return undefined;
  }

  /** Sends all of its driver who wait for that lock to the tail: they draw another when they find theirs gone. */
  passOver({ path, id, instance }: Ticket): void {
    for (const other of ticketsIn(dirname(path), stemOf(id)))
      if (other.instance === instance) remove(other.path);
  }

  /** Removes one that stands for nobody. */
  discard(ticket: Ticket): void {
    remove(ticket.path);
  }

  #next(): number {
    this.#last = Math.max(this.#last + 1, Number(process.hrtime.bigint() / 1000n));
    return this.#last;
  }

  /** Makes what may be missing for a link, unless the directory itself is away. */
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
    // Somebody else was quicker.
    if (!isMissing(error)) throw error;
  }
}

function isThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
