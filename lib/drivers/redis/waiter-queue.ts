import { type Moment, momentOf, type Timer } from '../../common/clock.js';
import type { DriverContext } from '../driver.js';
import type { Electorate } from './electorate.js';
import { queueOf, waitersOf } from './keys.js';
import type { NodePlan } from './node-plans.js';
import { NodeSubscriber } from './node-subscriber.js';
import type { RedisNode } from './redis-node.js';
import { ScriptKeys } from './script.js';
import { REFRESH } from './scripts.js';
import { giveBack } from './voter.js';
import type { WaiterIds } from './waiter-id.js';
import { type QueuedWaiter, Waiters } from './waiters.js';

/**
 * How often the nodes are told that we still wait, ms: what a lost message costs at most. A process that waits for very
 * many locks looks at each less often.
 */
const SHORTEST_PERIOD = 200;
const LONGEST_PERIOD = 1000;
const PERIOD_PER_LOCK = 0.2;

/** How many periods a waiter may miss before it is passed over. */
const PERIODS_ALIVE = 3;

/** How many locks one command looks at; the node does nothing else meanwhile. */
const MOST_LOCKS = 50;

/** How long the connections for messages stay when nobody waits any more, ms. */
const CONNECTION_LINGER = 10_000;

/** The longest that a waiter waits for its subscription, ms; it then relies on the refreshments. */
const LONGEST_READY = 1000;

/** For how long a lock that was found taken is expected to be contended, ms. */
const CONTENDED = 1000;
const MOST_CONTENDED = 1000;

/**
 * The places of this process in the queues of the nodes: keeps them alive with one command per node and period, however
 * many they are, and passes on what the nodes tell.
 *
 * A message only saves time. What is lost with it, or with a queue, shows at the next refreshment.
 */
export class WaiterQueue {
  readonly #ids: WaiterIds;
  readonly #electorate: Electorate;
  readonly #context: DriverContext;
  readonly #subscribers: readonly NodeSubscriber[];
  readonly #waiters = new Waiters();
  readonly #contended = new Map<string, number>();
  /** Called when it may have become clear whether messages will come. */
  readonly #unready = new Set<() => void>();
  #refreshing: Timer | undefined;
  #resting: Timer | undefined;
  #expiry: Timer | undefined;
  #stopped = false;

  constructor(
    electorate: Electorate,
    ids: WaiterIds,
    plans: readonly NodePlan[],
    commandTimeout: number,
    context: DriverContext,
  ) {
    this.#electorate = electorate;
    this.#ids = ids;
    this.#context = context;
    this.#subscribers = plans.map(
      (plan) =>
        new NodeSubscriber(plan, commandTimeout, context, {
          onMessage: (_channel, message) => this.#told(message),
          onChange: () => {
            for (const look of this.#unready) look();
          },
          onMissed: () => this.#refreshNow(),
        }),
    );
  }

  /** For how long the nodes may believe that we wait, without another sign, ms. */
  get alive(): number {
    return PERIODS_ALIVE * this.#period;
  }

  get #period(): number {
    return Math.min(LONGEST_PERIOD, Math.max(SHORTEST_PERIOD, PERIOD_PER_LOCK * this.#waiters.size));
  }

  newId(): string {
    return this.#ids.next();
  }

  /** Before it is sent to the node: the message may be faster than the reply. */
  add(waiter: QueuedWaiter): void {
    this.#waiters.add(waiter);
  }

  /** A waiter has been queued: from now on its node is told that it is there. */
  keepAlive(waiter: QueuedWaiter): void {
    this.#waiters.enter(waiter);
    this.#resting?.cancel();
    this.#resting = undefined;
    this.#refreshing ??= this.#later();
  }

  remove(waiter: QueuedWaiter): void {
    if (!this.#waiters.remove(waiter) || this.#waiters.queued > 0 || !this.#refreshing) return;
    this.#refreshing.cancel();
    this.#refreshing = undefined;
    this.#resting ??= this.#context.clock.setTimer(CONNECTION_LINGER, () => this.#rest(), 'background');
  }

  /** The node has the waiter under another id now. */
  rename(waiter: QueuedWaiter, id: string): void {
    this.#waiters.rename(waiter, id);
  }

  /** Leaves the queue, and frees what was granted meanwhile; never rejects. */
  leave(waiter: QueuedWaiter): Promise<void> {
    this.remove(waiter);
    return this.giveBack(waiter.key, waiter.node, waiter.id);
  }

  /** Takes an id out of the queue of a node, and frees the lock there if it has it; never rejects. */
  giveBack(key: string, index: number, id: string): Promise<void> {
    return giveBack(this.#electorate.nodes[index] as RedisNode, key, id);
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
  ready({ key, node }: QueuedWaiter): Promise<void> | undefined {
    if (this.#stopped) return undefined;
    for (const index of this.#subscribers.keys()) this.#listen(index, key);
    const subscriber = this.#subscribers[node];
    const channel = this.#channelOf(node, key);
    if (subscriber?.stateOf(channel) !== 'pending') return undefined;
    return new Promise((resolve) => {
      const done = (): void => {
        this.#unready.delete(look);
        timer.cancel();
        resolve();
      };
      const timer = this.#context.clock.setTimer(LONGEST_READY, done, 'background');
      const look = (): void => {
        if (subscriber.stateOf(channel) !== 'pending') done();
      };
      this.#unready.add(look);
      look();
    });
  }

  /** The node is down: its queue may be lost, and nobody can tell. */
  suspect(index: number): void {
    this.#subscribers[index]?.recycle();
    for (const waiter of this.#waiters.at(index)) {
      // Where the node is down, as soon as it can be reached again.
      void this.leave(waiter);
      waiter.lost();
    }
  }

  /** Looks at the lock of one waiter now; never rejects. */
  look(waiter: QueuedWaiter): Promise<void> {
    return this.#refresh(waiter.node, [waiter]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of [this.#refreshing, this.#resting, this.#expiry]) timer?.cancel();
    for (const look of [...this.#unready]) look();
    this.#waiters.clear();
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.stop()));
  }

  #listen(index: number, key: string): void {
    this.#subscribers[index]?.subscribe(this.#channelOf(index, key));
  }

  #channelOf(index: number, key: string): string {
    return `${this.#electorate.nodes[index]?.turnChannel(key)}${this.#ids.process}`;
  }

  /** Of a waiter that has left, or has its lease already, nothing needs to be told. */
  #told(message: string): void {
    const [id = '', micros] = message.split(' ');
    this.#waiters.find(id)?.granted(Number(micros));
  }

  #rest(): void {
    this.#resting = undefined;
    for (const subscriber of this.#subscribers) void subscriber.rest();
  }

  #later(): Timer {
    return this.#context.clock.setTimer(this.#period, () => this.#refreshNow(), 'background');
  }

  #refreshNow(): void {
    if (this.#waiters.queued === 0 || this.#stopped) return;
    this.#refreshing?.cancel();
    this.#refreshing = this.#later();
    for (const index of this.#electorate.nodes.keys()) {
      const waiters = this.#waiters.at(index);
      if (waiters.length > 0) void this.#refresh(index, waiters);
      // On a Cluster a subscription lasts while it is asked for.
      if (this.#electorate.nodes[index]?.sharded) for (const { key } of waiters) this.#listen(index, key);
    }
  }

  /** Resolves when the node has answered, or has failed; never rejects. */
  #refresh(index: number, waiters: readonly QueuedWaiter[]): Promise<void> {
    const node = this.#electorate.nodes[index] as RedisNode;
    const locks = byLock(waiters);
    const size = node.sharded ? 1 : MOST_LOCKS;
    const chunks = Array.from({ length: Math.ceil(locks.length / size) }, (_, at) =>
      locks.slice(at * size, (at + 1) * size),
    );
    return Promise.all(chunks.map((chunk) => this.#ask(node, index, chunk))).then(() => undefined);
  }

  #ask(
    node: RedisNode,
    index: number,
    locks: readonly (readonly [string, readonly QueuedWaiter[]])[],
  ): Promise<void> {
    const { refusal } = node;
    if (refusal instanceof Error) {
      this.suspect(index);
      return Promise.resolve();
    }
    const since = momentOf(this.#context.clock);
    const [first = ['']] = locks;
    const keys = [node.recordKey(first[0])];
    const args = [this.#ids.process, String(this.alive), node.mark, node.turnChannel(first[0])];
    for (const [key, waiters] of locks) {
      keys.push(key, queueOf(key), waitersOf(key));
      args.push(String(waiters.length), ...waiters.map(({ id }) => id));
    }
    return new Promise((resolve) => {
      const enrol = (): void => node.enrol(resolve, () => resolve());
      if (refusal === 'enrol') return enrol();
      node.run(
        REFRESH,
        new ScriptKeys(keys),
        args,
        (reply, sentAt) => {
          const [status, now, ...seen] = reply as [unknown, unknown, ...[string, unknown, ...string[]][]];
          node.observe(Number(now), sentAt);
          if (Number(status) === 3) {
            node.record?.forget();
            return enrol();
          }
          for (const [at, [, waiters]] of locks.entries()) this.#tell(waiters, seen[at] ?? ['', 0], since);
          resolve();
        },
        // What it means that the node does not answer is told by `suspect`.
        () => resolve(),
      );
    });
  }

  /** What the node said of one lock. */
  #tell(
    waiters: readonly QueuedWaiter[],
    [holder, pttl, ...missing]: readonly [string, unknown, ...string[]],
    since: Moment,
  ): void {
    const gone = new Set(missing);
    for (const waiter of waiters) {
      // It may have left, got its lease, or be trying for it, meanwhile.
      if (!this.#waiters.has(waiter) || !waiter.queued) continue;
      if (waiter.id === holder) waiter.granted();
      else if (gone.has(waiter.id)) {
        this.remove(waiter);
        waiter.lost();
      } else waiter.waited(since, Number(pttl));
    }
    const ms = Number(pttl);
    if (ms >= 0 && ms < this.#period) this.#lookIn(ms + 1);
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

function byLock(waiters: readonly QueuedWaiter[]): [string, QueuedWaiter[]][] {
  const locks = new Map<string, QueuedWaiter[]>();
  for (const waiter of waiters) {
    const others = locks.get(waiter.key);
    if (others) others.push(waiter);
    else locks.set(waiter.key, [waiter]);
  }
  return [...locks];
}
