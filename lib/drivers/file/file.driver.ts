import { randomUUID } from 'node:crypto';
import { BackendUnavailableError } from '../../errors.js';
import type {
  Claim,
  Driver,
  DriverContext,
  Grant,
  Granted,
  Holder,
  LockStore,
  QueuedWaiter,
  RenewOutcome,
  Taken,
  Traits,
  WaitQueue,
} from '../driver.js';
import { nextFencingToken } from '../fencing-token.js';
import { breakLock, holderOf } from './holder/break-lock.js';
import { failedOn, notRunning, shorten } from './file.messages.js';
import { finishAll } from './finish-all.js';
import { DirectoryGuard } from './directory/directory-guard.js';
import { FileHealth } from './file-health.js';
import { HeldLocks } from './holder/held-locks.js';
import { Housekeeping } from './directory/housekeeping.js';
import type { FileWaiter } from './queue/file-queue.js';
import { FileQueues } from './queue/file-queues.js';
import { LockFile } from './kernel/lock-file.js';
import { lockFiles } from './directory/housekeeping.js';
import { loadNativeLock, type NativeLock } from './kernel/native-lock.js';
import { FileRecords } from './records/file-records.js';
import { Peers } from './peers/peers.js';
import { Instance, Instances } from './directory/instance.js';
import { SocketFolder } from './directory/socket-folder.js';
import { StateDirectory } from './directory/state-directory.js';
import { Tickets } from './queue/tickets.js';
import { TokenFloor } from './directory/token-floor.js';
import { Turnstile } from './queue/turnstile.js';
import { WakeServer } from './peers/wake-server.js';

const STORE = 'store who holds';
/** Of leases that are held, and of those that queue up, so many are seen to in one turn of the event loop: about a ms of work. */
const AT_ONCE = 100;
const TAKEN: Taken = { granted: false };

/** What exists between start and stop only. */
interface Running {
  readonly native: NativeLock;
  readonly instance: Instance;
  readonly server: WakeServer;
  readonly queues: FileQueues;
  readonly guard: DirectoryGuard;
  readonly housekeeping: Housekeeping;
}

/**
 * Locks for the processes of one machine: a lock is a file in one directory, locked by the kernel for its holder.
 *
 * A holder that dies frees its locks at once; one that is stopped keeps them. Who finds a lock taken draws a ticket,
 * which gives the order over all processes. Each driver listens on a Unix socket, where the others wait for the locks
 * that it holds, and for those of its waiters that come before them.
 */
export class FileDriver implements Driver, LockStore, WaitQueue {
  readonly description: string;
  readonly traits: Traits = { lifetime: 'process', modes: ['exclusive'], renewBatch: Infinity };
  readonly locks = this;
  readonly queue = this;
  readonly records: FileRecords;

  #directory: StateDirectory;
  #health: FileHealth;
  #sockets: SocketFolder;
  #peers: Peers;
  #joins: Turnstile;
  #floor?: TokenFloor;
  #heldLocks = new HeldLocks(({ id, name }) => {
    this.#running?.server.freed(id);
    this.#running?.queues.freed(name);
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
    this.#health = new FileHealth(context.onBackendChange, context.clock);
    this.#sockets = new SocketFolder(this.#directory.instancesFolder);
    this.#peers = new Peers(context.clock, (socket) => this.#sockets.addressOf(socket));
    this.#joins = new Turnstile(context.clock, AT_ONCE);
    this.records = new FileRecords({
      clock: context.clock,
      directory: this.#directory,
      native: () => this.#get().native,
      attempt: (what, path, work) => this.#attempt(what, undefined, path, work),
      beforePut: (ttl) => this.#lookAround(ttl),
    });
  }

  async start(): Promise<void> {
    const native = await loadNativeLock();
    await this.#directory.prepare(native, this.context.warn);
    const { instancesFolder, queuesFolder } = this.#directory;
    const instances = new Instances(instancesFolder, native);
    // An instance says when it was taken last, and none is old enough to be removed here.
    const sweeps: [string, Generator<void>][] = [
      [queuesFolder, Tickets.sweep(queuesFolder, instances)],
      [instancesFolder, Instance.sweep(instancesFolder, native, -Infinity)],
    ];
    for (const [path, sweep] of sweeps) this.#attempt('tidy up', undefined, path, () => [...sweep]);
    const { place } = this.#directory;
    const instance = this.#attempt('take an instance', undefined, instancesFolder, () =>
      Instance.take(instancesFolder, native, place),
    );
    const tickets = new Tickets(this.#directory, instance.number, instances, (id) => server.freed(id));
    const server = new WakeServer(
      {
        holds: (id) => this.#heldLocks.holds(id) || tickets.holds(id),
        revoke: (grantId, pid) => this.#heldLocks.revoke(grantId, pid),
      },
      this.context.clock,
    );
    try {
      await server.listen(instance.address);
    } catch (error) {
      finishAll([() => instance.leave(), () => this.#sockets.close()]);
      throw failedOn(instancesFolder, 'listen for its neighbours', error);
    }
    if (this.#stopping) {
      await server.close();
      finishAll([() => instance.leave(), () => this.#sockets.close()]);
      throw notRunning(this.description);
    }
    const { clock, random } = this.context;
    const directory = this.#directory;
    const queues = new FileQueues({
      clock,
      peers: this.#peers,
      instances,
      tickets,
      readOwner: (name) => this.#readOwner(name),
      heldHere: (name) => this.#heldLocks.has(name),
      isSeated: () => instance.isInPlace(),
    });
    const guard = new DirectoryGuard({
      directory,
      instance,
      instances,
      clock,
      onMoved: () => this.#loseAllGone(),
    });
    const floor = new TokenFloor(directory.tokens, native);
    const housekeeping = new Housekeeping({ directory, native, instances, floor, clock, random });
    this.#floor = floor;
    this.#running = { native, instance, server, queues, guard, housekeeping };
    housekeeping.start();
    this.#health.stored();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  keyOf(name: string): string {
    return name;
  }

  async acquire(request: Claim): Promise<Granted | Taken> {
    const { queues } = this.#get();
    return this.#tryAsNewcomer(request, () => queues.inspect(request.name));
  }

  enqueue(request: Claim, wake: () => void): QueuedWaiter {
    const waiter: FileWaiter = { wake };
    return {
      tryAcquire: async () => this.#tryInLine(request, waiter),
      ready: () => undefined,
      leave: () => this.#running?.queues.leave(request.name, waiter) as undefined,
    };
  }

  #tryInLine(request: Claim, waiter: FileWaiter): Granted | Taken | Promise<Granted | Taken> {
    if (waiter.ticket) return this.#tryInTurn(request, waiter);
    // Those who wait here already go first.
    const reply = this.#get().queues.has(request.name) ? TAKEN : this.#tryAsNewcomer(request);
    if (reply.granted) return reply;
    const entered = this.#joins.enter();
    return entered ? entered.then(() => this.#join(request, waiter)) : this.#join(request, waiter);
  }

  #join(request: Claim, waiter: FileWaiter): Granted | Taken {
    const { name } = request;
    this.#attempt('queue up for', name, undefined, () => this.#get().queues.join(name, waiter));
    return this.#tryInTurn(request, waiter);
  }

  #tryInTurn(request: Claim, waiter: FileWaiter): Granted | Taken {
    const { name } = request;
    const { queues } = this.#get();
    // Also just after lining up: the lock may have been freed in between.
    if (!this.#attempt('queue up for', name, undefined, () => queues.isTurnOf(name, waiter))) return TAKEN;
    let reply: Granted | Taken;
    try {
      reply = this.#take(request);
    } catch (error) {
      // Who cannot take it does not keep off those who can.
      queues.leave(name, waiter);
      throw error;
    }
    if (reply.granted) queues.serve(name, waiter);
    else queues.foundTaken(name);
    return reply;
  }

  /** Those who wait go first, though the lock be free for the moment. */
  #tryAsNewcomer(request: Claim, onBehind?: () => void): Granted | Taken {
    const { queues } = this.#get();
    let behind = false;
    // Each ticket is a link to the lock's file, beside its own.
    const reply = this.#take(request, (links) => {
      behind = links > 1 && queues.isWaitedFor(request.name);
      return !behind;
    });
    if (behind) onBehind?.();
    return reply;
  }

  /** @param admits whether it may be tried at all, by the number of links to the file */
  #take(request: Claim, admits?: (links: number) => boolean): Granted | Taken {
    const { native } = this.#get();
    const { name } = request;
    if (this.#heldLocks.has(name)) return TAKEN;
    const path = this.#directory.lock(name);
    const file = this.#attempt('lock', name, path, () => LockFile.take(path, native, admits));
    if (!file) {
      this.#health.reached();
      return TAKEN;
    }
    try {
      return this.#hold(file, request);
    } catch (error) {
      freeQuietly(file);
      throw error;
    }
  }

  /** Makes a lease of a file that is locked; where it throws there is none. */
  #hold(file: LockFile, request: Claim): Granted | Taken {
    const { instance, guard } = this.#get();
    const { name, key, tokens } = request;
    const { path } = file;
    this.#attempt('lock', name, path, () => guard.confirm(file));
    this.#health.reached();
    const id = randomUUID();
    const owner = {
      pid: process.pid,
      memberId: request.memberId,
      grantId: id,
      socket: instance.socket,
      name,
    };
    // The counter is the last token of those that are reserved. A file without one may be that of a name that had another.
    const count =
      tokens > 0
        ? (last: number) =>
            nextFencingToken(last || (this.#floor?.read() ?? 0), this.context.clock.wall()) + tokens - 1
        : undefined;
    // Nothing is granted that is not written down: without its record nobody could find the holder, and without its token the
    // next lease could get the same.
    const counter = this.#attempt(STORE, name, path, () => file.store(owner, count));
    this.#health.stored();
    const reserved = tokens > 0 && { tokens: { first: counter - tokens + 1, count: tokens } };
    const grant: Grant = { name, key, id, ...reserved };
    this.#heldLocks.add(grant, file, request.onRevoked);
    return { granted: true, grant };
  }

  /** A lease here lasts as long as its process: there is nothing to renew, and nobody asks. */
  async renew(grants: readonly Grant[]): Promise<readonly RenewOutcome[]> {
    return grants.map((grant) =>
      this.#heldLocks.isHeld(grant)
        ? { kind: 'renewed' }
        : {
            kind: 'lost',
            loss: { reason: 'broken', message: 'the lock file is not locked by this lease any more' },
          },
    );
  }

  async release(grant: Grant, keepFor = 0): Promise<boolean> {
    return this.#attempt('free', grant.name, undefined, () =>
      keepFor > 0 ? this.#keep(grant, keepFor) : this.#heldLocks.free(grant),
    );
  }

  /** The file stays locked meanwhile, though not for longer than this process lives. */
  #keep(grant: Grant, ms: number): boolean {
    const held = this.#heldLocks.isHeld(grant);
    const kept = this.#heldLocks.keep(grant);
    if (kept) this.context.clock.setTimer(ms, () => this.#freeKept(kept), 'background');
    return held;
  }

  #freeKept(kept: Grant): void {
    try {
      this.#heldLocks.free(kept);
    } catch (error) {
      // The file is closed all the same.
      this.context.warn(failedOn(this.#directory.lock(kept.name), 'free', error).message);
    }
  }

  async holders(name: string): Promise<readonly Holder[]> {
    const { native } = this.#get();
    const path = this.#directory.lock(name);
    const held = this.#attempt('look at', name, path, () => this.#heldLocks.holderOf(name));
    if (held) return [held];
    const holder = this.#attempt('look at', name, path, () => holderOf(path, native));
    return holder ? [{ ...holder, name, key: name }] : [];
  }

  async revoke({ name, id }: Holder): Promise<boolean> {
    const { native } = this.#get();
    if (this.#heldLocks.revoke(id, process.pid)) return true;
    const path = this.#directory.lock(name);
    try {
      return await breakLock({ name, id, path }, native, this.#peers, this.context.clock);
    } catch (error) {
      throw error instanceof BackendUnavailableError
        ? error
        : failedOn(path, `break ${shorten(name)}`, error);
    }
  }

  async list(): Promise<readonly Holder[]> {
    const { native } = this.#get();
    const { locks } = this.#directory;
    const holders: Holder[] = [];
    const files = this.#attempt('list the locks', undefined, locks, () => lockFiles(locks));
    for (const [index, path] of files.entries()) {
      if (index % AT_ONCE === AT_ONCE - 1) await this.#pause();
      const holder = this.#attempt('list the locks', undefined, path, () => holderOf(path, native));
      if (holder) holders.push(this.#heldLocks.holderWith(holder.id) ?? holder);
    }
    return holders;
  }

  /** The heartbeat puts a record; that is also when it is looked whether the directory and the files of leases are still there. */
  async #lookAround(ttl: number): Promise<void> {
    const { guard } = this.#get();
    const { path } = this.#directory;
    const problems: unknown[] = [];
    const note = (error: unknown): void => void problems.push(error);
    try {
      this.#attempt('look after the directory', undefined, path, () => guard.look(ttl));
    } catch (error) {
      note(error);
    }
    await this.#lookAfterLeases().catch(note);
    this.#get();
    if (problems.length > 0) throw problems[0];
    this.#health.reached();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.context.clock.afterInput(resolve));
  }

  #get(): Running {
    if (!this.#running) throw notRunning(this.description);
    return this.#running;
  }

  #attempt<T>(what: string, name: string | undefined, path: string | undefined, work: () => T): T {
    try {
      return work();
    } catch (cause) {
      const error =
        cause instanceof BackendUnavailableError
          ? cause
          : failedOn(
              path ?? this.#directory.lock(name ?? ''),
              name === undefined ? what : `${what} ${shorten(name)}`,
              cause,
            );
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

  /** A little at a time: there may be many. */
  async #lookAfterLeases(): Promise<void> {
    for (const [index, grant] of this.#heldLocks.grants().entries()) {
      if (index % AT_ONCE === AT_ONCE - 1) await this.#pause();
      this.#attempt('look at', grant.name, undefined, () => this.#heldLocks.loseIfGone(grant));
    }
  }

  #loseAllGone(): void {
    finishAll(this.#heldLocks.grants().map((grant) => () => this.#heldLocks.loseIfGone(grant)));
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    running?.housekeeping.close();
    running?.queues.close();
    this.#running = undefined;
    this.#peers.close();
    this.records.close();
    if (!running) return;
    await running.server.close();
    try {
      finishAll([
        () => running.instance.leave(),
        // After the socket was unlinked.
        () => this.#sockets.close(),
      ]);
    } catch (error) {
      // The files are closed all the same; the socket that may be left is removed by whoever starts next.
      this.context.warn(failedOn(this.#directory.instancesFolder, 'tidy up', error).message);
    }
  }
}

/** For after a failure, which tells more than one of this would. The file is closed in any case. */
function freeQuietly(file: LockFile): void {
  try {
    file.free();
  } catch {
    // See above.
  }
}
