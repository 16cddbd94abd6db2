import type { Driver, DriverContext, DriverFactoryContext, Traits } from '../driver.js';
import { FileCalls } from './file-calls.js';
import { FileLocks } from './file-locks.js';
import type { FileParts, RunningFiles } from './file-parts.js';
import { FileWaitQueue } from './file-wait-queue.js';
import { LeaseUpkeep } from './lease-upkeep.js';
import { failedOn, finishAll, loadNativeLock, LockFile, notRunning } from './kernel/index.js';
import {
  DirectoryGuard,
  Instance,
  Instances,
  SocketFolder,
  StateDirectory,
  TokenFloor,
} from './directory/index.js';
import { FileHealth } from './file-health.js';
import { HeldLocks } from './holder/index.js';
import { Housekeeping } from './housekeeping.js';
import { FileQueues, Tickets } from './queue/index.js';
import { FileRecords } from './records/index.js';
import { FileShares, Sharers } from './shares/index.js';
import { Peers, WakeServer } from './peers/index.js';

/** The parts that exist only between start and stop. */
interface Running extends RunningFiles {
  readonly server: WakeServer;
  readonly housekeeping: Housekeeping;
}

/**
 * Locks for the processes of one machine: a lock is a file in one directory, locked by the kernel for its holder.
 *
 * A holder that dies frees its locks at once; one that is stopped keeps them. A waiter that finds a lock taken draws a ticket,
 * which gives the order over all processes. Each driver listens on a Unix socket. Other drivers connect to it, and wait there for
 * the locks that it holds and for its waiters that are ahead of theirs.
 */
export class FileDriver implements Driver {
  readonly description: string;
  readonly traits: Traits = { lifetime: 'process', modes: ['exclusive', 'shared'], renewBatch: Infinity };
  readonly locks: FileLocks;
  readonly queue: FileWaitQueue;
  readonly records: FileRecords;

  #directory: StateDirectory;
  #health: FileHealth;
  #sockets: SocketFolder;
  #peers: Peers;
  #calls: FileCalls;
  #heldLocks = new HeldLocks(({ id, name }) => {
    this.#running?.server.freed(id);
    this.#running?.queues.freed(name);
  });
  #leases: LeaseUpkeep;
  #running?: Running;
  /** Kept at the stop: its shares may be released after it. */
  #shares?: FileShares;
  #stopping?: Promise<void>;

  /**
   * @param directory undefined for a directory of this user, `$XDG_STATE_HOME/nestjs-coordination`.
   * @param looksOnly true for a driver that creates no directory, and needs an existing one
   */
  constructor(
    directory: string | undefined,
    private readonly context: DriverContext & Pick<DriverFactoryContext, 'ttl'>,
    private readonly looksOnly = false,
  ) {
    this.#directory = new StateDirectory(directory);
    this.description = `file ${this.#directory.path}`;
    this.#health = new FileHealth(context.onBackendChange, context.clock);
    this.#sockets = new SocketFolder(this.#directory.instancesFolder);
    this.#peers = new Peers(context.clock, (socket) => this.#sockets.addressOf(socket));
    this.#calls = new FileCalls(this.#directory, this.#health);
    const running = (): Running => this.#get();
    const parts: FileParts = {
      clock: context.clock,
      warn: context.warn,
      calls: this.#calls,
      directory: this.#directory,
      health: this.#health,
      heldLocks: this.#heldLocks,
      peers: this.#peers,
      running,
      shares: () => this.#shares,
    };
    this.locks = new FileLocks(parts);
    this.#leases = new LeaseUpkeep(parts);
    this.queue = new FileWaitQueue({
      clock: context.clock,
      calls: this.#calls,
      locks: this.locks,
      running,
      queues: () => this.#running?.queues,
    });
    this.records = new FileRecords({
      clock: context.clock,
      directory: this.#directory,
      native: () => running().native,
      attempt: (what, path, work) => this.#calls.attempt(what, undefined, path, work),
      beforePut: () => this.#lookAround(),
    });
  }

  async start(): Promise<void> {
    const native = await loadNativeLock();
    if (this.looksOnly) this.#directory.mustExist();
    await this.#directory.prepare(native, this.context.warn);
    const { instancesFolder, queuesFolder } = this.#directory;
    const instances = new Instances(instancesFolder, native);
    const sharers = new Sharers(instances, this.context.clock, this.context.ttl);
    // The sweep must remove no instance here: an instance file tells when it was last taken, and -Infinity makes none old enough.
    this.#tidy(instancesFolder, Instance.sweep(instancesFolder, native, -Infinity));
    const { place } = this.#directory;
    const instance = this.#calls.attempt('take an instance', undefined, instancesFolder, () =>
      Instance.take(instancesFolder, native, place, (number) => Tickets.hasShares(queuesFolder, number)),
    );
    const leave = (): void => finishAll([() => instance.leave(), () => this.#sockets.close()]);
    try {
      // Only now: other drivers take the shares of a dead process for shares of the driver that has its instance.
      this.#tidy(queuesFolder, Tickets.sweep(queuesFolder, instances, sharers, instance.number));
    } catch (error) {
      leave();
      throw error;
    }
    const tickets = new Tickets(this.#directory, instance, instances, (id) => server.freed(id));
    const shares = new FileShares({
      directory: this.#directory,
      instance,
      sharers,
      onFreed: (id, name) => {
        server.freed(id);
        this.#running?.queues.freed(name);
      },
    });
    const server = new WakeServer(
      {
        holds: (id) => this.#heldLocks.holds(id) || tickets.holds(id) || shares.holds(id),
        revoke: (grantId, pid) => this.#heldLocks.revoke(grantId, pid) || shares.revoke(grantId, pid),
      },
      this.context.clock,
    );
    try {
      await server.listen(instance.address);
    } catch (error) {
      leave();
      throw failedOn(instancesFolder, 'listen for its neighbours', error);
    }
    if (this.#stopping) {
      await server.close();
      leave();
      throw notRunning(this.description);
    }
    const { clock, random } = this.context;
    const directory = this.#directory;
    const queues = new FileQueues({
      clock,
      peers: this.#peers,
      instances,
      tickets,
      readOwner: (name) => this.#readOwner(name, shares),
      heldHere: (name) => this.#heldLocks.has(name),
      isSeated: () => instance.isInPlace(),
    });
    const guard = new DirectoryGuard({
      directory,
      instance,
      instances,
      clock,
      ttl: this.context.ttl,
      warn: this.context.warn,
      onMoved: () => this.#leases.loseAllGone(),
    });
    const floor = new TokenFloor(directory.tokens, native);
    const housekeeping = new Housekeeping({ directory, native, instances, sharers, floor, clock, random });
    this.#shares = shares;
    this.#running = { native, instance, server, queues, guard, floor, shares, housekeeping };
    housekeeping.start();
    this.#health.stored();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  #tidy(path: string, sweep: Generator<void>): void {
    this.#calls.attempt('tidy up', undefined, path, () => [...sweep]);
  }

  /** Runs when the heartbeat puts a record: checks that the directory and the files of the leases are still there. */
  async #lookAround(): Promise<void> {
    const { guard } = this.#get();
    const { path } = this.#directory;
    const problems: unknown[] = [];
    const note = (error: unknown): void => void problems.push(error);
    try {
      this.#calls.attempt('look after the directory', undefined, path, () => guard.look());
    } catch (error) {
      note(error);
    }
    await this.#leases.lookAfterAll().catch(note);
    this.#get();
    if (problems.length > 0) throw problems[0];
    this.#health.reached();
  }

  #get(): Running {
    if (!this.#running) throw notRunning(this.description);
    return this.#running;
  }

  /** For waiters. A file that cannot be read now gives no owner; the next attempt to lock it reports why. */
  #readOwner(name: string, shares: FileShares) {
    try {
      return shares.otherOf(name) ?? LockFile.read(this.#directory.lock(name));
    } catch {
      // As above: without an owner, waiters look every 250 ms.
      return undefined;
    }
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
        // Others respect its shares for as long as it has its instance. With shares left, the instance ends with this process.
        () => (running.shares.some ? undefined : running.instance.leave()),
        // Only now that the socket is unlinked.
        () => this.#sockets.close(),
      ]);
    } catch (error) {
      // The files are closed all the same. The next driver that starts removes a socket that is left.
      this.context.warn(failedOn(this.#directory.instancesFolder, 'tidy up', error).message);
    }
  }
}
