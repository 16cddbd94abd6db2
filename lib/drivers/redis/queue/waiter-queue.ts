import { type Moment, momentOf } from '../../../common/clock.js';
import type { DriverContext } from '../../driver.js';
import { isShare } from '../../share-id.js';
import { giveBack, type RedisNode } from '../node/index.js';
import type { Busy, NodeSet } from '../quorum/index.js';
import type { HolderIds } from '../scripts/index.js';
import { ContendedLocks } from './contended-locks.js';
import { Joining } from './joining.js';
import type { NodeQueue, QueueEntry } from './node-queue.js';
import { type LockSeen, type Look, looksFor, lookAt } from './queue-look.js';
import { RefreshTimers } from './refresh-timers.js';
import { TurnChannels } from './turn-channels.js';
import { Waiters } from './waiters.js';

/** How often the nodes are told that our waiters are alive, ms. A lost message costs no more than that. Less often with many locks. */
const SHORTEST_PERIOD = 200;
const LONGEST_PERIOD = 1000;
const PERIOD_PER_LOCK = 0.2;

/** How many periods a waiter may miss before it is passed over. */
const PERIODS_ALIVE = 3;

/** How long after a look at the node a waiter is believed to be in its queue: in ms, and in periods. */
const SURE = 500;
const PERIODS_SURE = 2.5;

/**
 * The waiters of this process in the queues of the nodes. One command per node and period keeps them alive, however many they are; its
 * answer goes to the waiters. It looks only at the first waiters of each lock.
 *
 * A lost message or a lost queue is noticed at the next refresh.
 */
export class WaiterQueue {
  readonly #ids: HolderIds;
  readonly #nodeSet: NodeSet;
  readonly #context: DriverContext;
  readonly #channels: TurnChannels;
  readonly #waiters = new Waiters();
  readonly #contended: ContendedLocks;
  readonly #joining: Joining;
  readonly #timers: RefreshTimers;
  #stopped = false;

  constructor(nodeSet: NodeSet, ids: HolderIds, commandTimeout: number, context: DriverContext) {
    this.#nodeSet = nodeSet;
    this.#ids = ids;
    this.#context = context;
    this.#timers = new RefreshTimers(
      context.clock,
      () => this.#refreshNow(),
      () => this.#channels.rest(),
    );
    this.#contended = new ContendedLocks(context.clock);
    this.#joining = new Joining(nodeSet.nodes, context.clock, () => this.alive);
    this.#channels = new TurnChannels(nodeSet, ids.process, commandTimeout, context, {
      // A waiter that has left, or has its lease already, is not found and needs no message.
      onTurn: (id, micros) => this.#waiters.find(id)?.granted(micros),
      onReady: () => this.#lookAnew(),
      onMissed: () => this.#refreshNow(),
    });
  }

  /** How long the nodes may believe, without another sign, that our waiters wait, ms. */
  get alive(): number {
    return PERIODS_ALIVE * this.#period;
  }

  get #period(): number {
    return Math.min(LONGEST_PERIOD, Math.max(SHORTEST_PERIOD, PERIOD_PER_LOCK * this.#waiters.lines));
  }

  newId(shared = false): string {
    return shared ? this.#ids.nextShare() : this.#ids.next();
  }

  /**
   * Called before the waiter asks the node: the message may be faster than the reply.
   * @returns whether another waiter of this process waits for the lock there, or asked for it just before
   */
  add(waiter: QueueEntry): boolean {
    return this.#waiters.add(waiter);
  }

  /**
   * Puts the waiter into the queue of its node, together with others. Resolves to the holder at that time, which may be the waiter.
   * @throws NodeError
   */
  join(waiter: QueueEntry): Promise<Busy> {
    return this.#joining.join(waiter);
  }

  /** The waiter was queued: its node is told that it is alive from now on, and within the time that the waiter's own command gave. */
  keepAlive(waiter: QueueEntry): void {
    if (this.#stopped) return;
    this.#waiters.enter(waiter);
    this.#timers.begin(Math.min(this.#period, waiter.alive / PERIODS_ALIVE));
  }

  remove(waiter: QueueEntry): void {
    if (this.#waiters.remove(waiter) && this.#waiters.queued === 0) this.#timers.end();
  }

  /** The node has the waiter under another id now. */
  rename(waiter: QueueEntry, id: string): void {
    this.#waiters.rename(waiter, id);
  }

  /** Takes the waiter out of the queue, and frees the lease that it was granted meanwhile; never rejects. */
  leave(waiter: QueueEntry): Promise<void> {
    this.remove(waiter);
    return this.giveBack(waiter.key, waiter.node, waiter.id);
  }

  /** Takes an id out of the queue of a node, and frees the lock there if that id holds it; never rejects. */
  giveBack(key: string, index: number, id: string): Promise<void> {
    return giveBack(this.#nodeOf(index, key), key, id);
  }

  /** Whether the lock was found taken a moment ago. */
  isContended(key: string): boolean {
    return this.#contended.has(key);
  }

  foundTaken(key: string): void {
    this.#contended.add(key);
  }

  /** As {@link QueuedWaiter.ready}, for a waiter at that node. */
  ready({ key, node }: QueueEntry): Promise<void> | undefined {
    return this.#stopped ? undefined : this.#channels.ready(key, node);
  }

  /** The node is down, and its queue may be lost. */
  suspect(node: RedisNode): void {
    this.#channels.recycle(node);
    for (const waiter of this.#waiters.queuedOnes()) {
      if (this.#nodeOf(waiter.node, waiter.key) !== node) continue;
      // The waiter leaves the queue as soon as the node can be reached again.
      void this.leave(waiter);
      waiter.lost();
    }
  }

  /** The node is no longer used; never rejects. */
  forget(node: RedisNode): Promise<void> {
    return this.#channels.forget(node);
  }

  /** Whether the node has confirmed not long ago that the waiter, or one behind it, is in its queue. */
  isSure({ line }: QueueEntry): boolean {
    const ms = Math.max(SURE, PERIODS_SURE * this.#period);
    return line === undefined || line.isSure(this.#context.clock.monotonic() - ms);
  }

  /** Looks now at the lock of a waiter, for all its waiters; never rejects. */
  look({ line }: QueueEntry): Promise<void> {
    if (!line) return Promise.resolve();
    return line.looking ?? this.#refresh([line]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timers.stop();
    this.#waiters.clear();
    await this.#channels.stop();
  }

  #nodeOf(index: number, key: string): RedisNode {
    return this.#nodeSet.nodes[index]!.at(key);
  }

  /** Messages of the nodes may have been missed until now: looks again, for all waiters together. */
  #lookAnew(): void {
    const now = this.#context.clock.monotonic();
    for (const index of this.#nodeSet.nodes.keys())
      for (const line of this.#waiters.linesAt(index)) line.doubt(now);
    this.#refreshNow();
  }

  #refreshNow(): void {
    if (this.#waiters.queued === 0 || this.#stopped) return;
    this.#timers.restart(this.#period);
    for (const index of this.#nodeSet.nodes.keys()) {
      const lines = this.#waiters.linesAt(index);
      if (lines.length > 0) void this.#refresh(lines);
      // On a Cluster a subscription lasts only while it is asked for again and again.
      if (this.#nodeSet.nodes[index]?.sharded) for (const { key } of lines) this.#channels.listen(index, key);
    }
    this.#channels.tidy();
  }

  /**
   * Resolves when the node has answered, or has failed; never rejects.
   * @param lines the queues of one node, at least one
   */
  #refresh(lines: readonly NodeQueue[]): Promise<void> {
    const index = lines[0]!.node;
    const chunks = looksFor(lines, this.#nodeSet.nodes[index]!.sharded);
    const asked = chunks.map((chunk) => {
      const looking = this.#ask(this.#nodeOf(index, chunk[0]!.line.key), chunk).finally(() => {
        for (const { line } of chunk) line.endLook(looking);
      });
      for (const { line } of chunk) line.beginLook(looking);
      return looking;
    });
    return Promise.all(asked).then(() => undefined);
  }

  #ask(node: RedisNode, looks: readonly Look[]): Promise<void> {
    if (node.admission instanceof Error) {
      this.suspect(node);
      return Promise.resolve();
    }
    const since = momentOf(this.#context.clock);
    const looker = { process: this.#ids.process, alive: this.alive };
    return lookAt(node, looks, looker, (look, seen, moving) => this.#tell(look, seen, since, moving));
  }

  /**
   * Passes a node's answer about a lock on to the lock's waiters.
   * @param moving true while a free lock is granted to no waiter, as its slot moves
   */
  #tell({ line, waiters }: Look, seen: LockSeen, since: Moment, moving: boolean): void {
    const { holder, pttl } = seen;
    line.looked(since.monotonic, pttl);
    const granted = this.#waiters.byId(holder);
    // The waiter may have left, got its lease, or begun a try meanwhile.
    if (granted?.line === line && granted.queued) granted.granted();
    const gone = new Set(seen.missing);
    let someLost = false;
    for (const waiter of waiters) {
      if (waiter.line !== line || !waiter.queued || waiter === granted) continue;
      if (moving && holder === '') {
        void this.leave(waiter);
        waiter.lost();
        someLost = true;
      } else if (gone.has(waiter.id)) {
        this.remove(waiter);
        waiter.lost();
        someLost = true;
      }
      // A waiter with a share that was granted meanwhile is not missing either; the message about it may still be on its way.
      else if (!isShare(waiter.id)) waiter.waited(since);
    }
    // The waiters behind the lost ones may be lost too.
    if (someLost && !line.empty && !this.#stopped) void this.#refresh([line]);
    // The lock runs out before the next refresh: its holder may be dead, so look then.
    if (pttl >= 0 && pttl < this.#period) this.#timers.once(pttl + 1);
  }
}
