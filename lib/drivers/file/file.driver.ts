import { randomUUID } from 'node:crypto';
import { BackendUnavailableError } from '../../errors.js';
import type {
  AcquireReply,
  AcquireRequest,
  Driver,
  DriverContext,
  Grant,
  Place,
  RenewOutcome,
} from '../driver.js';
import { nextFencingToken } from '../fencing-token.js';
import { breakLock } from './break-lock.js';
import { failedOn, notRunning, shorten } from './file.messages.js';
import { Health } from './health.js';
import { Holdings } from './holdings.js';
import type { Waiter } from './line.js';
import { Lines } from './lines.js';
import { LockFile } from './lock-file.js';
import { Members } from './members.js';
import { loadNativeLock, type NativeLock } from './native-lock.js';
import { Peers } from './peers.js';
import { Seat, Seats } from './seat.js';
import { StateDirectory } from './state-directory.js';
import { Tickets } from './tickets.js';
import { WakeServer } from './wake-server.js';

const STORE = 'store who holds';
const TAKEN: AcquireReply = { granted: false };

/** What exists between start and stop only. */
interface Running {
  readonly native: NativeLock;
  readonly seat: Seat;
  readonly server: WakeServer;
  readonly members: Members;
  readonly lines: Lines;
}

/**
 * Locks for the processes of one machine: a lock is a file in one directory, locked by the kernel for its holder.
 *
 * A holder that dies frees its locks at once; one that is stopped keeps them. Who finds a lock taken draws a ticket,
 * which gives the order over all processes. Each driver listens on a Unix socket, where the others wait for the locks
 * that it holds, and for those of its waiters that come before them.
 */
export class FileDriver implements Driver {
  readonly description: string;
  readonly leasesExpire = false;
  readonly renewsAtOnce = Infinity;

  #directory: StateDirectory;
  #health: Health;
  #peers: Peers;
  #holdings = new Holdings(({ id, name }) => {
    this.#running?.server.freed(id);
    this.#running?.lines.freed(name);
  });
  #running?: Running;
  #stopping?: Promise<void>;

  /**
   * @param directory undefined for a directory of this user, `$XDG_STATE_HOME/nestjs-coordination`.
   */
  constructor(
    directory: string | undefined,
    private readonly context: DriverContext,
  ) {
    this.#directory = new StateDirectory(directory);
    this.description = `file ${this.#directory.path}`;
    this.#health = new Health(context.onBackendChange);
    this.#peers = new Peers(context.clock);
  }

  async start(): Promise<void> {
    const native = await loadNativeLock();
    await this.#directory.prepare(native, this.context.warn);
    const { instances, members: memberFiles, queues } = this.#directory;
    const seats = new Seats(instances, native);
    this.#attempt('start in', memberFiles, memberFiles, () => Members.sweep(memberFiles, native));
    this.#attempt('start in', queues, queues, () => Tickets.sweep(queues, seats));
    const seat = this.#attempt('start in', instances, instances, () => Seat.take(instances, native));
    const tickets = new Tickets(this.#directory, seat.number, seats, (id) => server.freed(id));
    const server = new WakeServer(
      {
        holds: (id) => this.#holdings.holds(id) || tickets.holds(id),
        revoke: (grantId, pid) => this.#holdings.revoke(grantId, pid),
      },
      this.context.clock,
    );
    try {
      await server.listen(seat.socket);
    } catch (error) {
      seat.leave();
      throw failedOn(seat.socket, 'listen for its neighbours', error);
    }
    if (this.#stopping) {
      await server.close();
      seat.leave();
      throw notRunning(this.description);
    }
    const members = new Members(native, seat.socket, this.context.warn);
    const lines = new Lines({
      clock: this.context.clock,
      peers: this.#peers,
      seats,
      tickets,
      readOwner: (name) => this.#readOwner(name),
      heldHere: (name) => this.#holdings.has(name),
      isSeated: () => seat.isInPlace(),
    });
    this.#running = { native, seat, server, members, lines };
    this.#health.stored();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async tryAcquire(request: AcquireRequest): Promise<AcquireReply> {
    const { lines } = this.#get();
    return this.#tryAsNewcomer(request, () => lines.inspect(request.name));
  }

  lineUp(request: AcquireRequest, wake: () => void): Place {
    const waiter: Waiter = { wake };
    return {
      tryAcquire: async () => this.#tryInLine(request, waiter),
      ready: () => undefined,
      leave: () => this.#running?.lines.leave(request.name, waiter) as undefined,
    };
  }

  #tryInLine(request: AcquireRequest, waiter: Waiter): AcquireReply {
    const { name } = request;
    const { lines } = this.#get();
    if (!waiter.ticket) {
      const reply = this.#tryAsNewcomer(request);
      if (reply.granted) return reply;
      this.#attempt('line up for', name, undefined, () => lines.join(name, waiter));
    }
    // Also just after lining up: the lock may have been freed in between.
    if (!this.#attempt('line up for', name, undefined, () => lines.isTurnOf(name, waiter))) return TAKEN;
    let reply: AcquireReply;
    try {
      reply = this.#take(request);
    } catch (error) {
      // Who cannot take it does not keep off those who can.
      lines.leave(name, waiter);
      throw error;
    }
    if (reply.granted) lines.serve(name, waiter);
    else lines.foundTaken(name);
    return reply;
  }

  /** Those who wait go first, though the lock be free for the moment. */
  #tryAsNewcomer(request: AcquireRequest, onBehind?: () => void): AcquireReply {
    const { lines } = this.#get();
    let behind = false;
    // Each ticket is a link to the lock's file, beside its own.
    const reply = this.#take(request, (links) => {
      behind = links > 1 && lines.isWaitedFor(request.name);
      return !behind;
    });
    if (behind) onBehind?.();
    return reply;
  }

  /** @param admits whether it may be tried at all, by the number of links to the file */
  #take(request: AcquireRequest, admits?: (links: number) => boolean): AcquireReply {
    const { native, seat } = this.#get();
    const { name, fencing, tokens = 1 } = request;
    if (this.#holdings.has(name)) return TAKEN;
    const path = this.#directory.lock(name);
    const file = this.#attempt('lock', name, path, () => LockFile.take(path, native, admits));
    this.#health.reached();
    if (!file) return TAKEN;
    const id = randomUUID();
    const owner = {
      pid: process.pid,
      memberId: request.memberId,
      grantId: id,
      socket: seat.socket,
      name,
    };
    // The counter is the last token of those that are reserved.
    const count = fencing
      ? (last: number) => nextFencingToken(last, this.context.clock.wall()) + tokens - 1
      : undefined;
    const counter = this.#attempt(STORE, name, path, () => storeOrFree(file, owner, count));
    this.#health.stored();
    const grant: Grant = { name, id, ...(fencing && { fencingToken: counter - tokens + 1 }) };
    this.#holdings.add(grant, file, request.onRevoked);
    return { granted: true, grant };
  }

  /** A lease here lasts as long as its process: there is nothing to renew, and nobody asks. */
  async renew(grants: readonly Grant[]): Promise<readonly RenewOutcome[]> {
    return grants.map((grant) =>
      this.#holdings.isHeld(grant)
        ? { kind: 'renewed' }
        : {
            kind: 'lost',
            loss: { reason: 'broken', message: 'the lock file is not locked by this lease any more' },
          },
    );
  }

  async release(grant: Grant): Promise<boolean> {
    return this.#attempt('free', grant.name, undefined, () => this.#holdings.free(grant));
  }

  async isOwner(grant: Grant): Promise<boolean> {
    return this.#attempt('look at', grant.name, undefined, () => this.#holdings.isHeld(grant));
  }

  async break(name: string): Promise<boolean> {
    const { native } = this.#get();
    if (this.#holdings.revokeName(name, process.pid)) return true;
    const path = this.#directory.lock(name);
    try {
      return await breakLock(name, path, native, this.#peers, this.context.clock);
    } catch (error) {
      throw error instanceof BackendUnavailableError
        ? error
        : failedOn(path, `break ${shorten(name)}`, error);
    }
  }

  async announce(memberId: string): Promise<void> {
    const { members } = this.#get();
    const path = this.#directory.member(memberId);
    this.#attempt('announce member', memberId, path, () => members.announce(memberId, path));
    this.#health.reached();
  }

  async withdraw(memberId: string): Promise<void> {
    this.#running?.members.withdraw(memberId);
  }

  #get(): Running {
    if (!this.#running) throw notRunning(this.description);
    return this.#running;
  }

  #attempt<T>(what: string, name: string, path: string | undefined, work: () => T): T {
    try {
      return work();
    } catch (cause) {
      const error = failedOn(path ?? this.#directory.lock(name), `${what} ${shorten(name)}`, cause);
      if (what === STORE) this.#health.unwritable(error);
      else this.#health.unreachable(error);
      throw error;
    }
  }

  /** For those who wait: a file that cannot be read now names nobody, and the next attempt to lock it says why. */
  #readOwner(name: string) {
    try {
      return LockFile.read(this.#directory.lock(name));
    } catch {
      // As above: waiters then look every 250 ms.
      return undefined;
    }
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    running?.lines.close();
    this.#running = undefined;
    this.#peers.close();
    if (!running) return;
    await running.server.close();
    try {
      running.members.close();
      running.seat.leave();
    } catch (error) {
      // The files are closed all the same; the socket that may be left is removed by whoever starts next.
      this.context.warn(failedOn(this.#directory.instances, 'tidy up', error).message);
    }
  }
}

/**
 * Nothing is granted that is not written down: without its record nobody could find the holder, and without its
 * token the next lease could get the same.
 */
function storeOrFree(file: LockFile, ...what: Parameters<LockFile['store']>): number {
  try {
    return file.store(...what);
  } catch (error) {
    file.free();
    throw error;
  }
}
