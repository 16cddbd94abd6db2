import { closeSync, constants, linkSync, mkdirSync, openSync, readdirSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMissing } from './lock-file.js';
import type { Seats } from './seat.js';
import type { StateDirectory } from './state-directory.js';

/** Which lock, which number, and whose; see {@link Ticket}. */
const FILE_NAME = /^[0-9a-f]{64}\.(\d+)\.(\d+)$/;
/** Somebody removes what was just made for a ticket: once is chance, this often is not. */
const MOST_TRIES = 20;

/** A place in the order of those who wait for one lock, over all processes. */
export interface Ticket {
  readonly path: string;
  /** The name of its file, which is how others ask for it. */
  readonly id: string;
  /** Higher than that of every ticket that was there when it was drawn. */
  readonly sequence: number;
  /** Of the driver that has it; two that drew at the same time have their order from it. */
  readonly seat: number;
}

/**
 * The order in which the processes of one machine wait for their locks: a file each, its number in its name.
 *
 * Drawing one is reading a directory and making a link, so there is nothing to hold while it is done, and nobody to
 * wait for. It is a link to the file of the lock, so that the kernel keeps their number in that file, where who comes
 * to lock it finds it at no cost. Who comes first is all that they say: only the kernel's lock gives the lock away.
 *
 * The ticket of a dead process is one whose seat is free; whoever comes across it removes it.
 */
export class Tickets {
  /** Those that were drawn here, and not given up or taken away. */
  readonly #ours = new Set<string>();

  /**
   * @param seat that of this driver
   * @param onGone is told the id of every ticket of this driver that is one no more
   */
  constructor(
    private readonly directory: StateDirectory,
    private readonly seat: number,
    private readonly seats: Pick<Seats, 'isTaken'>,
    private readonly onGone: (id: string) => void,
  ) {}

  /**
   * Removes those of processes that have died. If one dies later, whoever takes its seat knows nothing of its tickets, and
   * says so when it is asked for them.
   */
  static sweep(queues: string, seats: Pick<Seats, 'isTaken'>): void {
    const taken = new Map<number, boolean>();
    for (const { seat, path } of entriesOf(queues).flatMap((bucket) => ticketsIn(join(queues, bucket)))) {
      if (!taken.has(seat)) taken.set(seat, seats.isTaken(seat));
      if (!taken.get(seat)) remove(path);
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

  /**
   * A new one, behind all there are.
   *
   * @param after behind this number too: of a ticket that was here, and may have been taken away
   */
  draw(name: string, after = 0): Ticket {
    const { folder, stem } = this.directory.queue(name);
    let sequence = Math.max(after, this.of(name).at(-1)?.sequence ?? 0) + 1;
    for (let tries = 1; ; tries += 1) {
      const id = `${stem}.${sequence}.${this.seat}`;
      const path = join(folder, id);
      try {
        linkSync(this.directory.lock(name), path);
        this.#ours.add(id);
        return { path, id, sequence, seat: this.seat };
      } catch (error) {
        if (tries === MOST_TRIES) throw error;
        if (isMissing(error)) this.#prepare(name, folder);
        else if (isThere(error)) sequence += 1;
        else throw error;
      }
    }
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
   * @param all as they were found just now
   * @param ticket the first one of this driver, if it has one: another one of it before that is a leftover
   */
  lastBefore(all: readonly Ticket[], ticket?: Ticket): Ticket | undefined {
    for (const other of all.toReversed()) {
      if (ticket && inOrder(other, ticket) >= 0) continue;
      if (other.seat !== this.seat && this.seats.isTaken(other.seat)) return other;
      remove(other.path);
    }
    return undefined;
  }

  /** Sends all of its driver who wait for that lock to the tail: they draw another when they find theirs gone. */
  passOver({ path, id, seat }: Ticket): void {
    for (const other of ticketsIn(dirname(path), stemOf(id))) if (other.seat === seat) remove(other.path);
  }

  /** Removes one that stands for nobody. */
  discard(ticket: Ticket): void {
    remove(ticket.path);
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
  return a.sequence - b.sequence || a.seat - b.seat;
}

function ticketsIn(folder: string, stem = ''): Ticket[] {
  const tickets: Ticket[] = [];
  for (const id of entriesOf(folder)) {
    const [sequence, seat] = (id.startsWith(stem) && FILE_NAME.exec(id)?.slice(1)) || [];
    if (seat === undefined) continue;
    tickets.push({ path: join(folder, id), id, sequence: Number(sequence), seat: Number(seat) });
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
