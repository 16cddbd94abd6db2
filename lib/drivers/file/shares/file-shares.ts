import type { Claim, Grant, Holder } from '../../driver.js';
import type { StateDirectory } from '../directory/index.js';
import { brokenBy, fileGone, isSame, look } from '../kernel/index.js';
import { type Ticket, Tickets } from '../queue/index.js';

interface HeldShare {
  readonly grant: Grant;
  readonly ticket: Ticket;
  readonly onRevoked: Claim['onRevoked'];
}

export interface FileSharesContext {
  readonly directory: StateDirectory;
  /** The number of this driver's instance. */
  readonly instance: number;
  readonly instances: { isTaken(number: number): boolean; socketOf(number: number): string | undefined };
  /** Whether the others know this driver. */
  readonly isSeated: () => boolean;
  /** Told of every share that has ended, after its link was removed. */
  readonly onFreed: (id: string, name: string) => void;
}

/**
 * The shares of locks. A share is a link to the lock's file, as a ticket is: the kernel counts them, so who locks a file that is not
 * shared sees that at no cost, and the share of a process that has died is one whose instance is free.
 *
 * The file is locked while a link is made, and whoever locks it to be alone looks for links afterwards. So a share never comes to a
 * holder that is alone, and no holder is alone beside a share.
 */
export class FileShares {
  readonly #held = new Map<string, HeldShare>();
  readonly #links: Tickets;
  /** Those that have ended, and keep others off for a while. */
  readonly #kept: Tickets;

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
        context.instances,
        () => undefined,
        `.${kind}`,
      );
    this.#links = linksOf('share');
    this.#kept = linksOf('kept');
  }

  /** Whether this driver has shares, which the others believe in as long as it keeps its instance. */
  get some(): boolean {
    return this.#held.size > 0;
  }

  /** Makes a share. The lock's file has to be locked by the caller. */
  add(grant: Omit<Grant, 'id'>, onRevoked: Claim['onRevoked']): Grant {
    const ticket = this.#links.draw(grant.name);
    const share = { ...grant, id: ticket.id };
    this.#held.set(share.id, { grant: share, ticket, onRevoked });
    return share;
  }

  /** Whether a process shares the lock, or has kept it. Asked by who has locked its file, and for a file that has links. */
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

  /** Ends a share; undefined when it was none of this driver, and otherwise whether it still shared the lock. */
  free({ id }: Grant): boolean | undefined {
    const held = this.#held.get(id);
    if (!held) return undefined;
    const inPlace = this.#isInPlace(held);
    this.#drop(held);
    return inPlace;
  }

  /** As `free`, and keeps all who want to be alone off the lock until the function that it returns is called. */
  keep({ id, name }: Grant): (() => void) | undefined {
    const held = this.#held.get(id);
    if (!held) return undefined;
    const kept = this.#kept.draw(name);
    this.#drop(held);
    return () => {
      this.#kept.giveUp(kept);
      this.context.onFreed(kept.id, name);
    };
  }

  revoke(id: string, pid: number): boolean {
    const held = this.#held.get(id);
    if (held) this.#lose(held, brokenBy(pid));
    return held !== undefined;
  }

  /** Those of all processes. */
  holdersOf(name: string): Holder[] {
    const all = this.#links.of(name);
    this.#links.lastBefore(all.filter(({ id }) => !this.#links.holds(id)));
    return all
      .filter((ticket) => this.#links.holds(ticket.id) || this.#isAlive(ticket))
      .map(({ id }) => ({ name, key: name, id, holds: 'yes' }));
  }

  /** Where the holder of a share of another driver can be asked, which shares the lock; undefined when there is none. */
  otherOf(name: string): { readonly grantId: string; readonly socket: string } | undefined {
    const other = this.#links
      .of(name)
      .find((ticket) => !this.#links.holds(ticket.id) && this.#isAlive(ticket));
    const socket = other && this.context.instances.socketOf(other.instance);
    return other && socket !== undefined ? { grantId: other.id, socket } : undefined;
  }

  /** Where the driver can be asked that has that share. */
  socketOf(name: string, id: string): string | undefined {
    const ticket = this.#links.of(name).find((each) => each.id === id);
    return ticket && this.context.instances.socketOf(ticket.instance);
  }

  grants(): Grant[] {
    return Array.from(this.#held.values(), ({ grant }) => grant);
  }

  /** Ends a share that others do not see any more. */
  loseIfGone({ id }: Grant): void {
    const held = this.#held.get(id);
    if (held && !this.#isInPlace(held))
      this.#lose(held, fileGone(this.context.directory.lock(held.grant.name)));
  }

  #isAlive(ticket: Ticket): boolean {
    const { instance, instances } = this.context;
    return (
      ticket.instance !== instance && this.#links.isInPlace(ticket) && instances.isTaken(ticket.instance)
    );
  }

  /** The link is there, leads to the file that others would lock, and they know whose it is. */
  #isInPlace({ grant, ticket }: HeldShare): boolean {
    const [link, file] = [look(ticket.path), look(this.context.directory.lock(grant.name))];
    return link !== undefined && file !== undefined && isSame(link, file) && this.context.isSeated();
  }

  #lose(held: HeldShare, message: string): void {
    this.#drop(held);
    held.onRevoked({ reason: 'broken', message });
  }

  #drop({ grant, ticket }: HeldShare): void {
    this.#held.delete(grant.id);
    this.#links.giveUp(ticket);
    this.context.onFreed(grant.id, grant.name);
  }
}
