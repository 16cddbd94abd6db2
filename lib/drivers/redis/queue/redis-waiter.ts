import type { Clock } from '../../../common/clock.js';
import type { Claim, Granted, QueuedWaiter, Taken } from '../../driver.js';
import { NodeError } from '../errors/index.js';
import type { RedisNode } from '../node/index.js';
import type { LockRequest, NodeSet, RedlockVoting, VoteResult } from '../quorum/index.js';
import { isHalfDone, SHORT_GRANT } from '../scripts/index.js';
import { type EntryOwner, WaiterEntry } from './waiters.js';
import type { WaiterQueue } from './waiter-queue.js';

/**
 * How much of a short grant may be used up when the lease is asked to last longer, as its share: the node has to answer before
 * the rest is over.
 */
const FRESH = 1 / 2;

/**
 * The longest pause between two tries of a waiter that has the turn, and not yet the other nodes, ms. No message tells it that they
 * are free.
 */
const LONGEST_PAUSE_AT_TURN = 100;

export interface RedisWaiterContext {
  readonly clock: Clock;
  readonly nodeSet: NodeSet;
  readonly voting: RedlockVoting;
  readonly queue: WaiterQueue;
  /** What a request means to the nodes; throws when that may not be asked for. */
  readonly requestOf: (request: Claim) => LockRequest;
}

/**
 * A waiter for a lock, in the queue of one node, which keeps the order of all waiters.
 *
 *     out ──try──▶ entering ──taken──▶ queued ──its turn──▶ turn ──try──▶ (a lease)
 *      ▲              │ free ▶ (a lease)  │ lost              │ used up
 *      └──────────────┴───────────────────┴───────────────────┘
 *
 * At its turn the node has granted it the lock, for a short time. With one node that is a lease, which began after
 * the last time that the waiter was known to wait. With several nodes it is the right to ask the others, which no other waiter does
 * meanwhile. A waiter that finds this node free, and not the others, has the turn too.
 */
export class RedisWaiter implements QueuedWaiter, EntryOwner {
  readonly #request: Claim;
  readonly #wake: () => void;
  readonly #context: RedisWaiterContext;
  #lockRequest: LockRequest | undefined;
  #state: 'out' | 'entering' | 'queued' | 'turn' = 'out';
  #entry?: WaiterEntry;

  constructor(request: Claim, wake: () => void, context: RedisWaiterContext) {
    this.#request = request;
    this.#wake = wake;
    this.#context = context;
  }

  /** Not `async`, as every promise on the way of a lock that is free costs. */
  tryAcquire(): Promise<Granted | Taken> {
    return this.#state === 'out' ? this.#enter() : this.#tryFromQueue();
  }

  ready(): Promise<void> | undefined {
    const entry = this.#entry;
    return entry && this.#state === 'queued' ? this.#context.queue.ready(entry) : undefined;
  }

  leave(): Promise<void> | undefined {
    const entry = this.#end();
    return entry && this.#context.queue.leave(entry);
  }

  granted(entry: WaiterEntry, micros: number | undefined): void {
    if (this.#entry !== entry || this.#state === 'turn') return;
    const node = this.#nodeOf(entry);
    const jumped = micros === undefined ? undefined : node?.observe(micros, entry.since.monotonic, false);
    this.#state = 'turn';
    // Leases of others may have ended there early.
    if (jumped) void this.leave();
    this.#wake();
  }

  lost(entry: WaiterEntry): void {
    if (this.#entry !== entry) return;
    this.#entry = undefined;
    this.#state = 'out';
    this.#wake();
  }

  /** Made once: all tries of a waiter are for the same. */
  #asCandidate(): LockRequest {
    return (this.#lockRequest ??= this.#context.requestOf(this.#request));
  }

  #nodeOf(entry: WaiterEntry): RedisNode | undefined {
    return this.#context.nodeSet.nodes[entry.node]?.at(entry.key);
  }

  async #tryFromQueue(): Promise<Granted | Taken> {
    const entry = this.#entry;
    const { queue } = this.#context;
    if (entry && this.#state === 'queued' && !queue.isSure(entry)) await queue.look(entry);
    if (this.#state === 'queued') return { granted: false, remaining: this.#entry?.line?.remaining };
    return await (this.#state === 'turn' ? this.#takeTurn(this.#asCandidate()) : this.#enter());
  }

  /** Asks all nodes, and enters the queue at one of them when that says that the lock is taken. */
  #enter(): Promise<Granted | Taken> {
    let lockRequest: LockRequest;
    try {
      lockRequest = this.#asCandidate();
    } catch (error) {
      return Promise.reject(error);
    }
    const { nodeSet, queue, voting } = this.#context;
    const { key } = lockRequest;
    const node = nodeSet.queueNodeOf(key);
    if (node === -1) return voting.acquire(lockRequest).then(({ reply }) => reply);
    const entry = this.#begin(key, node, lockRequest.shared);
    const follows = queue.add(entry);
    // Those who share a lock need not stand behind one another.
    if (!lockRequest.shared && (follows || (nodeSet.nodes.length > 1 && queue.isContended(key))))
      return this.#join(entry, lockRequest);
    return voting.acquire(lockRequest, entry.waiter()).then(
      (result) => this.#entered(entry, result),
      (error: unknown) => {
        // It may stand in the queue when the others could not be asked.
        void this.leave();
        throw error;
      },
    );
  }

  #entered(entry: WaiterEntry, { reply, votes }: VoteResult): Granted | Taken {
    if (votes.queued) return this.#enqueue(entry, reply.granted ? undefined : reply.remaining);
    if (reply.granted) this.#end();
    else if (votes.answers[entry.node] === 'yes') return this.#keepTurn(entry, reply);
    // It is unknown what the node has done.
    else void this.leave();
    return reply;
  }

  /** Enters the queue at one node, which saves the others a try that would be in vain. */
  async #join(entry: WaiterEntry, lockRequest: LockRequest): Promise<Granted | Taken> {
    const { voting, queue } = this.#context;
    try {
      const { holder, pttl } = await queue.join(entry);
      if (holder !== entry.id || this.#entry !== entry) return this.#enqueue(entry, pttl);
    } catch (error) {
      this.#end();
      if (!(error instanceof NodeError)) throw error;
      // The node has entered us by half, where a key went missing while its slot moves.
      if (isHalfDone(error)) void queue.giveBack(entry.key, entry.node, entry.id);
      if (error.sent && !error.answered) this.#nodeOf(entry)?.releaseLater(entry.key, entry.id);
      return (await voting.acquire(lockRequest)).reply;
    }
    entry.answered();
    this.#state = 'turn';
    return this.#takeTurn(lockRequest);
  }

  #enqueue(entry: WaiterEntry, remaining: number | undefined): Granted | Taken {
    this.#context.queue.foundTaken(entry.key);
    // No message tells what happens in the queue of a node that has gone down meanwhile.
    if (this.#nodeOf(entry)?.up !== true) void this.leave();
    // It has left, also when it was told of a turn that it may not take.
    if (this.#entry !== entry) return { granted: false, retryAfter: 0 };
    this.#queued(entry);
    entry.answered();
    // It may be its turn by now: the message can be faster than the reply.
    if (this.#state !== 'entering') return { granted: false, retryAfter: 0 };
    this.#state = 'queued';
    return { granted: false, remaining: remaining === undefined || remaining < 0 ? undefined : remaining };
  }

  async #takeTurn(lockRequest: LockRequest): Promise<Granted | Taken> {
    const { nodeSet, voting, queue } = this.#context;
    const entry = this.#entry as WaiterEntry;
    const { name, ttl, tokens, shared } = lockRequest;
    // A clock that jumped may have ended the lease of another holder, and a young node may have forgotten one that is as long.
    const trusted = this.#nodeOf(entry)?.admissionFor(ttl) === undefined;
    const ms = Math.min(SHORT_GRANT, ttl);
    // The node lets the next ones in that share the lock when it hears that the first one has come.
    if (
      nodeSet.nodes.length === 1 &&
      tokens === 0 &&
      !shared &&
      trusted &&
      entry.age + entry.trip < FRESH * ms
    ) {
      this.#end();
      const term = { since: entry.since, ms };
      return { granted: true, grant: { name, id: entry.id, key: entry.key, term } };
    }
    // What was sent under an id is never in doubt for the next try: each has an id of its own.
    const id = queue.newId(shared);
    entry.waits(false);
    let outcome: VoteResult;
    try {
      outcome = await voting.acquire(lockRequest, entry.successor(id));
    } catch (error) {
      // The node may have us under either.
      void this.leave();
      void queue.giveBack(entry.key, entry.node, id);
      throw error;
    }
    const { reply, votes } = outcome;
    if (votes.answers[entry.node] === 'yes') {
      if (!reply.granted) {
        queue.rename(entry, id);
        return this.#keepTurn(entry, reply);
      }
      this.#end();
      return reply;
    }
    // The node says that the turn is over, or nothing. When the others gave the lease without it, it is the next one's.
    void this.leave();
    if (reply.granted) return reply;
    void queue.giveBack(entry.key, entry.node, id);
    return { ...reply, retryAfter: 0 };
  }

  #queued(entry: WaiterEntry): void {
    entry.waits(true);
    this.#context.queue.keepAlive(entry);
  }

  /** The node is ours, and the others have to be asked again. A caller that has them without this node gives them back. */
  #keepTurn(entry: WaiterEntry, reply: Taken): Taken {
    this.#state = 'turn';
    this.#queued(entry);
    const pause = Math.min(entry.age, LONGEST_PAUSE_AT_TURN);
    return { ...reply, retryAfter: Math.min(reply.retryAfter ?? Infinity, pause) };
  }

  #begin(key: string, node: number, shared: boolean | undefined): WaiterEntry {
    const { clock, queue } = this.#context;
    const entry = new WaiterEntry(queue.newId(shared), key, node, queue.alive, clock, this);
    this.#entry = entry;
    this.#state = 'entering';
    return entry;
  }

  /** Out of the queue, as far as this process is concerned. */
  #end(): WaiterEntry | undefined {
    const entry = this.#entry;
    this.#entry = undefined;
    this.#state = 'out';
    if (entry) this.#context.queue.remove(entry);
    return entry;
  }
}
