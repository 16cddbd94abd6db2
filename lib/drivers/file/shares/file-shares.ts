import type { Claim, Grant, Holder } from '../../driver.js';
import type { Instance, StateDirectory } from '../directory/index.js';
import { brokenBy, fileGone, finishAll, isSame, look, seatGone } from '../kernel/index.js';
import { type Ticket, Tickets } from '../queue/index.js';
import type { Sharers } from './sharers.js';

interface HeldShare {
  readonly grant: Grant;
  readonly ticket: Ticket;
  readonly onRevoked: Claim['onRevoked'];
}

export interface FileSharesContext {
  readonly directory: StateDirectory;
  /** This driver's. Others respect its shares while it is in place. */
  readonly instance: Pick<Instance, 'number' | 'isInPlace'>;
  readonly sharers: Pick<Sharers, 'isTaken' | 'socketOf'>;
  /** Called for every share that has ended, after its link was removed. */
  readonly onFreed: (id: string, name: string) => void;
}

/**
 * The shares of locks. A share is a link to the lock's file, as a ticket is. The kernel counts the links, so a process that locks a file
 * without shares sees that at no cost. The share of a dead process is one whose instance is free.
 *
 * A process makes a link only while it has the file locked. A process that locks it for an exclusive lease looks for links afterwards.
 * So no share is made beside an exclusive lease, and no exclusive lease beside a share.
 */
export class FileShares {
  readonly #held = new Map<string, HeldShare>();
  readonly #links: Tickets;
  /** The shares that have ended, and block exclusive claims for a while. */
  readonly #kept: Tickets;
  /** The links that have ended, and could not be removed. Other drivers respect them as long as they are there. */
  readonly #left = new Set<Ticket>();

  constructor(private readonly context: FileSharesContext) {
    const linksOf = (kind: string): Tickets =>
      new Tickets(
        {
          lock: (name) => context.directory.lock(name),
          queue: (name) => {
            const { folder, stem } = context.directory.queue(name);
            return { folder: `${folder}.${kind}`, stem };
          },
        },
        context.instance,
        context.sharers,
        () => undefined,
        `.${kind}`,
      );
    this.#links = linksOf('share');
    this.#kept = linksOf('kept');
  }

  /** Whether this driver has shares. Other drivers respect them as long as it keeps its instance. */
  get some(): boolean {
    return this.#held.size > 0;
  }

  /**
   * Makes a share. The caller must have the lock's file locked.
   * @throws BackendUnavailableError when other drivers would not respect it
   */
  add(grant: Omit<Grant, 'id'>, onRevoked: Claim['onRevoked']): Grant {
    const { instance, directory } = this.context;
    const ticket = this.#links.draw(grant.name);
    let isSeen = false;
    try {
      // Only now: a driver that starts takes no number that has a link.
      isSeen = instance.isInPlace();
    } finally {
      if (!isSeen) this.#remove(this.#links, ticket);
    }
    if (!isSeen) throw seatGone(directory.instancesFolder);
    const share = { ...grant, id: ticket.id };
    this.#held.set(share.id, { grant: share, ticket, onRevoked });
    return share;
  }

  /** Whether a process shares the lock, or keeps it blocked after a share. The caller has the file locked, and has seen that it has links. */
  isShared(name: string): boolean {
    return [this.#links, this.#kept].some((links) => {
      const all = links.of(name);
      return all.some(({ id }) => links.holds(id)) || links.lastBefore(all) !== undefined;
    });
  }

  holds(id: string): boolean {
    return this.#held.has(id);
  }

  isHeld({ id }: Grant): boolean {
    const held = this.#held.get(id);
    return held !== undefined && this.#isInPlace(held);
  }

  /** Ends a share, even if it throws. Returns undefined when it is not a share of this driver, and otherwise whether it still shared the lock. */
  free({ id }: Grant): boolean | undefined {
    const held = this.#held.get(id);
    if (!held) return undefined;
    try {
      return this.#isInPlace(held);
    } finally {
      this.#drop(held);
    }
  }

  /** As `free`, but blocks exclusive claims until the function that it returns is called. */
  keep({ id, name }: Grant): (() => void) | undefined {
    const held = this.#held.get(id);
    if (!held) return undefined;
    let kept: Ticket;
    try {
      kept = this.#kept.draw(name);
    } finally {
      this.#drop(held);
    }
    return () => {
      this.#remove(this.#kept, kept);
      this.context.onFreed(kept.id, name);
    };
  }

  revoke(id: string, pid: number): boolean {
    const held = this.#held.get(id);
    if (held) this.#lose(held, brokenBy(pid));
    return held !== undefined;
  }

  /** The holders of shares, in all processes. */
  holdersOf(name: string): Holder[] {
    const all = this.#links.of(name);
    this.#links.lastBefore(all.filter(({ id }) => !this.#links.holds(id)));
    return all
      .filter((ticket) => this.#links.holds(ticket.id) || this.#links.isAlive(ticket))
      .map(({ id }) => ({ name, key: name, id, holds: 'yes' }));
  }

  /** A share of another driver, and the socket of that driver; undefined when there is none. */
  otherOf(name: string): { readonly grantId: string; readonly socket: string } | undefined {
    const other = this.#links
      .of(name)
      .find((ticket) => !this.#links.holds(ticket.id) && this.#links.isAlive(ticket));
    const socket = other && this.context.sharers.socketOf(other.instance);
    return other && socket !== undefined ? { grantId: other.id, socket } : undefined;
  }

  /** The driver that has that share, and its socket if that is known; undefined when no driver has it. */
  sharerOf(name: string, id: string): { readonly socket: string | undefined } | undefined {
    const ticket = this.#links.of(name).find((each) => each.id === id);
    return ticket && this.#links.isAlive(ticket)
      ? { socket: this.context.sharers.socketOf(ticket.instance) }
      : undefined;
  }

  grants(): Grant[] {
    return Array.from(this.#held.values(), ({ grant }) => grant);
  }

  /** Ends a share that other drivers no longer see. */
  loseIfGone({ id }: Grant): void {
    const held = this.#held.get(id);
    if (held && !this.#isInPlace(held))
      this.#lose(held, fileGone(this.context.directory.lock(held.grant.name)));
  }

  /** Removes the links that could not be removed when they ended. */
  tidy(): void {
    const remove = (link: Ticket): void => {
      this.#links.discard(link);
      this.#left.delete(link);
    };
    finishAll(Array.from(this.#left, (link) => () => remove(link)));
  }

  /** The link is there, it leads to the file that others would lock, and others see the instance that it belongs to. */
  #isInPlace({ grant, ticket }: HeldShare): boolean {
    const [link, file] = [look(ticket.path), look(this.context.directory.lock(grant.name))];
    return (
      link !== undefined && file !== undefined && isSame(link, file) && this.context.instance.isInPlace()
    );
  }

  #lose(held: HeldShare, message: string): void {
    this.#drop(held);
    held.onRevoked({ reason: 'broken', message });
  }

  #drop({ grant, ticket }: HeldShare): void {
    this.#held.delete(grant.id);
    this.#remove(this.#links, ticket);
    this.context.onFreed(grant.id, grant.name);
  }

  #remove(links: Tickets, link: Ticket): void {
    if (!links.giveUp(link)) this.#left.add(link);
  }
}
