import { type Moment, momentOf, type Timer } from '../../../common/clock.js';
import type { DriverContext } from '../../driver.js';
import type { Busy, NodeSet } from '../quorum/index.js';
import { Joining } from './joining.js';
import {
  type HolderIds,
  listOf,
  oneOf,
  positiveNumber,
  queueOf,
  REFRESH,
  ScriptKeys,
  textOf,
  waitersOf,
  wholeNumber,
} from '../scripts/index.js';
import type { NodeQueue } from './node-queue.js';
import { giveBack, NodeSubscriber, type RedisNode } from '../node/index.js';
import type { QueueEntry } from './node-queue.js';
import { Waiters } from './waiters.js';

/**
 * How often the nodes are told that we still wait, ms: what a lost message costs at most. A process that waits for very
 * many locks looks at each less often.
 */
const SHORTEST_PERIOD = 200;
const LONGEST_PERIOD = 1000;
const PERIOD_PER_LOCK = 0.2;

/** How many periods a waiter may miss before it is passed over. */
const PERIODS_ALIVE = 3;

/** How long after the node was asked a place is believed to be in the queue, ms, and in periods. */
const SURE = 500;
const PERIODS_SURE = 2.5;

/** How many locks and waiters one command looks at; the node does nothing else meanwhile. */
const MOST_LOCKS = 50;
const MOST_WAITERS = 500;

/** How long the connections for messages stay when nobody waits any more, ms. */
const CONNECTION_LINGER = 10_000;

/** The longest that a waiter waits for its subscription, ms; it then relies on the refreshments. */
const LONGEST_READY = 1000;

/** For how long a lock that was found taken is expected to be contended, ms. */
const CONTENDED = 1000;
const MOST_CONTENDED = 1000;

/** A line, and those of it that are looked at. */
interface Look {
  readonly line: NodeQueue;
  readonly waiters: readonly QueueEntry[];
}

/** Somebody who waits until it is clear whether messages will come. */
interface Unready {
  /** True when it is clear by now; told once. */
  readonly look: () => boolean;
  readonly end: () => void;
}

/**
 * The places of this process in the queues of the nodes: keeps them alive with one command per node and period, however
 * many they are, and passes on what the nodes tell. Only the first of each lock are looked at.
 *
 * A message only saves time. What is lost with it, or with a queue, shows at the next refreshment.
 */
export class WaiterQueue {
  readonly #ids: HolderIds;
  readonly #nodeSet: NodeSet;
  readonly #context: DriverContext;
  readonly #commandTimeout: number;
  /** Of the nodes where somebody has waited. */
  readonly #subscribers = new Map<RedisNode, NodeSubscriber>();
  readonly #waiters = new Waiters();
  readonly #contended = new Map<string, number>();
  readonly #joining: Joining;
  readonly #unready = new Set<Unready>();
  #refreshing: Timer | undefined;
  #resting: Timer | undefined;
  #expiry: Timer | undefined;
  #stopped = false;

  constructor(nodeSet: NodeSet, ids: HolderIds, commandTimeout: number, context: DriverContext) {
    this.#nodeSet = nodeSet;
    this.#ids = ids;
    this.#context = context;
    this.#commandTimeout = commandTimeout;
    this.#joining = new Joining(nodeSet.nodes, context.clock, () => this.alive);
  }

  /** For how long the nodes may believe that we wait, without another sign, ms. */
  get alive(): number {
    return PERIODS_ALIVE * this.#period;
  }

  get #period(): number {
    return Math.min(LONGEST_PERIOD, Math.max(SHORTEST_PERIOD, PERIOD_PER_LOCK * this.#waiters.lines));
  }

  newId(): string {
    return this.#ids.next();
  }

  /**
   * Before it is sent to the node: the message may be faster than the reply.
   * @returns whether somebody of this process waits for the lock there, or asked for it just before
   */
  add(waiter: QueueEntry): boolean {
    return this.#waiters.add(waiter);
  }

  /**
   * Lines the waiter up at its node alone, together with others; resolves to who has the lock then, which may be the waiter.
   * @throws NodeError
   */
  join(waiter: QueueEntry): Promise<Busy> {
    return this.#joining.join(waiter);
  }

  /** A waiter has been queued: from now on its node is told that it is there. */
  keepAlive(waiter: QueueEntry): void {
    if (this.#stopped) return;
    this.#waiters.enter(waiter);
    this.#resting?.cancel();
    this.#resting = undefined;
    this.#refreshing ??= this.#later();
  }

  remove(waiter: QueueEntry): void {
    if (!this.#waiters.remove(waiter) || this.#waiters.queued > 0 || !this.#refreshing) return;
    // A stop has cancelled the timers, and nothing may start one after it.
    if (this.#stopped) return;
    this.#refreshing.cancel();
    this.#refreshing = undefined;
    this.#resting ??= this.#context.clock.setTimer(CONNECTION_LINGER, () => this.#rest(), 'background');
  }

  /** The node has the waiter under another id now. */
  rename(waiter: QueueEntry, id: string): void {
    this.#waiters.rename(waiter, id);
  }

  /** Leaves the queue, and frees what was granted meanwhile; never rejects. */
  leave(waiter: QueueEntry): Promise<void> {
    this.remove(waiter);
    return this.giveBack(waiter.key, waiter.node, waiter.id);
  }

  /** Takes an id out of the queue of a node, and frees the lock there if it has it; never rejects. */
  giveBack(key: string, index: number, id: string): Promise<void> {
    return giveBack(this.#nodeOf(index, key), key, id);
  }

  /** Whether somebody had the lock a moment ago. */
  isContended(key: string): boolean {
    const since = this.#contended.get(key);
    return since !== undefined && this.#context.clock.monotonic() - since < CONTENDED;
  }

  foundTaken(key: string): void {
    this.#contended.delete(key);
    this.#contended.set(key, this.#context.clock.monotonic());
    if (this.#contended.size <= MOST_CONTENDED) return;
    const [oldest = key] = this.#contended.keys();
    this.#contended.delete(oldest);
  }

  /** As {@link Place.ready}, for a waiter at that node. */
  ready({ key, node }: QueueEntry): Promise<void> | undefined {
    if (this.#stopped) return undefined;
    for (const index of this.#nodeSet.nodes.keys()) this.#listen(index, key);
    const subscriber = this.#subscriberOf(this.#nodeOf(node, key));
    const channel = this.#channelOf(node, key);
    const isPending = (): boolean => subscriber.stateOf(channel) === 'pending';
    if (!isPending()) return undefined;
    return new Promise((resolve) => {
      const end = (): void => {
        this.#unready.delete(unready);
        timer.cancel();
        resolve();
      };
      const timer = this.#context.clock.setTimer(LONGEST_READY, end, 'background');
      const look = (): boolean => {
        if (isPending()) return false;
        end();
        return true;
      };
      const unready = { look, end };
      this.#unready.add(unready);
    });
  }

  /** What was told until a subscription was made has been missed: all who wait look again, and together. */
  #subscriptionsChanged(): void {
    let some = false;
    for (const { look } of [...this.#unready]) some = look() || some;
    if (!some) return;
    const now = this.#context.clock.monotonic();
    for (const index of this.#nodeSet.nodes.keys())
      for (const line of this.#waiters.linesAt(index)) line.doubt(now);
    this.#refreshNow();
  }

  /** The node is down: its queue may be lost, and nobody can tell. */
  suspect(node: RedisNode): void {
    this.#subscribers.get(node)?.recycle();
    for (const waiter of this.#waiters.queuedOnes()) {
      if (this.#nodeOf(waiter.node, waiter.key) !== node) continue;
      // Where the node is down, as soon as it can be reached again.
      void this.leave(waiter);
      waiter.lost();
    }
  }

  /** The node is used no more; never rejects. */
  async forget(node: RedisNode): Promise<void> {
    const subscriber = this.#subscribers.get(node);
    this.#subscribers.delete(node);
    await subscriber?.stop();
  }

  /** Whether the node has said not long ago that the waiter is in its queue, or somebody behind it. */
  isSure({ line }: QueueEntry): boolean {
    const ms = Math.max(SURE, PERIODS_SURE * this.#period);
    return line === undefined || line.isSure(this.#context.clock.monotonic() - ms);
  }

  /** Looks at the lock of a waiter now, for all who wait for it; never rejects. */
  look({ line }: QueueEntry): Promise<void> {
    if (!line) return Promise.resolve();
    return line.looking ?? this.#refresh([line]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of [this.#refreshing, this.#resting, this.#expiry]) timer?.cancel();
    for (const { end } of [...this.#unready]) end();
    this.#waiters.clear();
    await Promise.all([...this.#subscribers.values()].map((subscriber) => subscriber.stop()));
  }

  #listen(index: number, key: string): void {
    this.#subscriberOf(this.#nodeOf(index, key)).subscribe(this.#channelOf(index, key));
  }

  #channelOf(index: number, key: string): string {
    return `${this.#nodeOf(index, key).turnChannel(key)}${this.#ids.process}`;
  }

  #nodeOf(index: number, key: string): RedisNode {
    return this.#nodeSet.nodes[index]!.at(key);
  }

  #subscriberOf(node: RedisNode): NodeSubscriber {
    let subscriber = this.#subscribers.get(node);
    if (!subscriber) {
      subscriber = new NodeSubscriber(node.plan, this.#commandTimeout, this.#context, {
        onMessage: (_channel, message) => this.#told(message),
        onChange: () => this.#subscriptionsChanged(),
        onMissed: () => this.#refreshNow(),
      });
      this.#subscribers.set(node, subscriber);
    }
    return subscriber;
  }

  /** Of a waiter that has left, or has its lease already, nothing needs to be told. */
  #told(message: string): void {
    const [id = '', micros] = message.split(' ');
    this.#waiters.find(id)?.granted(Number(micros));
  }

  #rest(): void {
    this.#resting = undefined;
    for (const subscriber of this.#subscribers.values()) void subscriber.rest();
  }

  #later(): Timer {
    return this.#context.clock.setTimer(this.#period, () => this.#refreshNow(), 'background');
  }

  #refreshNow(): void {
    if (this.#waiters.queued === 0 || this.#stopped) return;
    this.#refreshing?.cancel();
    this.#refreshing = this.#later();
    for (const index of this.#nodeSet.nodes.keys()) {
      const lines = this.#waiters.linesAt(index);
      if (lines.length > 0) void this.#refresh(lines);
      // On a Cluster a subscription lasts while it is asked for.
      if (this.#nodeSet.nodes[index]?.sharded) for (const { key } of lines) this.#listen(index, key);
    }
    for (const [node, subscriber] of this.#subscribers) if (node.sharded) subscriber.tidy();
  }

  /**
   * Resolves when the node has answered, or has failed; never rejects.
   * @param lines of one node, at least one
   */
  #refresh(lines: readonly NodeQueue[]): Promise<void> {
    const index = lines[0]!.node;
    const chunks = inChunks(lines, this.#nodeSet.nodes[index]!.sharded ? 1 : MOST_LOCKS);
    const asked = chunks.map((chunk) => {
      const looking = this.#ask(this.#nodeOf(index, chunk[0]!.line.key), chunk).finally(() => {
        for (const { line } of chunk) if (line.looking === looking) line.looking = undefined;
      });
      for (const { line } of chunk) line.looking = looking;
      return looking;
    });
    return Promise.all(asked).then(() => undefined);
  }

  #ask(node: RedisNode, looks: readonly Look[]): Promise<void> {
    const { admission } = node;
    if (admission instanceof Error) {
      this.suspect(node);
      return Promise.resolve();
    }
    const since = momentOf(this.#context.clock);
    const first = looks[0]?.line.key ?? '';
    const keys = [node.recordKey(first)];
    const args = [this.#ids.process, String(this.alive), node.epoch, node.turnChannel(first)];
    for (const { line, waiters } of looks) {
      keys.push(line.key, queueOf(line.key), waitersOf(line.key));
      args.push(String(waiters.length));
      for (const { id } of waiters) args.push(id);
    }
    return new Promise((resolve) => {
      const sync = (): void => node.sync(resolve, () => resolve());
      if (admission === 'sync') return sync();
      node.run(
        REFRESH,
        new ScriptKeys(keys),
        args,
        (reply, sentAt) => {
          const [status, now, ...answers] = listOf(reply, 2);
          const kind = oneOf(status, 1, 3, 4);
          const changed = kind === 3;
          const moving = kind === 4;
          const seen = changed ? [] : answers.map(seenOf);
          if (!moving) node.observe(positiveNumber(now), sentAt);
          if (changed) {
            node.record?.forget();
            return sync();
          }
          for (const [at, look] of looks.entries()) this.#tell(look, seen[at] ?? ['', 0, []], since, moving);
          resolve();
        },
        // What it means that the node does not answer is told by `suspect`.
        () => resolve(),
      );
    });
  }

  /**
   * What the node said of one lock.
   * @param moving nobody is granted it when it is free, as its queue may be at another server
   */
  #tell({ line, waiters }: Look, [holder, ms, missing]: LockSeen, since: Moment, moving: boolean): void {
    line.looked(since.monotonic, ms);
    const granted = this.#waiters.byId(holder);
    // It may have left, got its lease, or be trying for it, meanwhile.
    if (granted?.line === line && granted.queued) granted.granted();
    const gone = new Set(missing);
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
      } else waiter.waited(since);
    }
    // So may those behind them be.
    if (someLost && !line.empty && !this.#stopped) void this.#refresh([line]);
    if (ms >= 0 && ms < this.#period && !this.#stopped) this.#lookIn(ms + 1);
  }

  /** The lock runs out before the next refreshment: its holder may be dead. */
  #lookIn(ms: number): void {
    this.#expiry ??= this.#context.clock.setTimer(
      ms,
      () => {
        this.#expiry = undefined;
        this.#refreshNow();
      },
      'background',
    );
  }
}

/** What a node says of one lock: its holder's id or '', how long its key lasts, and who is not in the queue. */
type LockSeen = readonly [holder: string, pttl: number, missing: readonly string[]];

function seenOf(reply: unknown): LockSeen {
  const [holder, pttl, ...missing] = listOf(reply, 2);
  return [textOf(holder), wholeNumber(pttl), missing.map(textOf)];
}

/** The first of each line, for so many locks at most in a command; a line where nobody only waits needs none. */
function inChunks(lines: readonly NodeQueue[], mostLocks: number): Look[][] {
  const chunks: Look[][] = [];
  let room = 0;
  for (const line of lines) {
    const waiters = line.first();
    if (waiters.length === 0) continue;
    const chunk = chunks.at(-1);
    room -= waiters.length;
    if (chunk && chunk.length < mostLocks && room >= 0) chunk.push({ line, waiters });
    else {
      chunks.push([{ line, waiters }]);
      room = MOST_WAITERS - waiters.length;
    }
  }
  return chunks;
}
