import type { Clock } from '../../../common/clock.js';
import type { Claim, Granted, QueuedWaiter, Taken } from '../../driver.js';
import { NodeError } from '../errors/index.js';
import type { RedisNode } from '../node/index.js';
import type { LockRequest, NodeSet, RedlockVoting, VoteResult } from '../quorum/index.js';
import { isHalfDone, SHORT_GRANT } from '../scripts/index.js';
import { type EntryOwner, WaiterEntry } from './waiters.js';
import type { WaiterQueue } from './waiter-queue.js';

/** The share of a short grant that may be over when the waiter asks for the whole lease: the node has to answer before its end. */
const FRESH = 1 / 2;

/**
 * The longest pause between two tries of a waiter that has the turn but not yet the other nodes, ms. No message tells it when these are
 * free.
 */
const LONGEST_PAUSE_AT_TURN = 100;

export interface RedisWaiterContext {
  readonly clock: Clock;
  readonly nodeSet: NodeSet;
  readonly voting: RedlockVoting;
  readonly queue: WaiterQueue;
  /** The request to the nodes for a claim; throws when the claim is not allowed. */
  readonly requestOf: (request: Claim) => LockRequest;
}

/**
 * A waiter for a lock, in the queue of one node, which keeps the order of all waiters.
 *
 *     out ──try──▶ entering ──taken──▶ queued ──its turn──▶ turn ──try──▶ (a lease)
 *      ▲              │ free ▶ (a lease)  │ lost              │ used up
 *      └──────────────┴───────────────────┴───────────────────┘
 *
 * At its turn the node has granted it the lock for a short time. With one node that is a lease, which began after the waiter was last
 * known to wait. With several nodes it is the right to ask the other nodes; no other waiter asks them meanwhile. A waiter that finds this
 * node free but not the others has the turn too.
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

  /** Not `async`: each promise makes the acquisition of a free lock slower. */
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
    // The node's clock has jumped: leases of other holders may have ended there early.
    if (jumped) void this.leave();
    this.#wake();
  }

  lost(entry: WaiterEntry): void {
    if (this.#entry !== entry) return;
    this.#entry = undefined;
    this.#state = 'out';
    this.#wake();
  }

  /** Made once: all tries of a waiter use the same request. */
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

  /** Asks all nodes. If the node with the queue says that the lock is taken, the waiter is then in its queue. */
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
    // Waiters that share a lock need not queue behind one another.
    if (!lockRequest.shared && (follows || (nodeSet.nodes.length > 1 && queue.isContended(key))))
      return this.#join(entry, lockRequest);
    return voting.acquire(lockRequest, entry.waiter()).then(
      (result) => this.#entered(entry, result),
      (error: unknown) => {
        // The waiter may be in the queue although the other nodes could not be asked.
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

  /** Enters the queue at one node, and so saves the other nodes a try that would be in vain. */
  async #join(entry: WaiterEntry, lockRequest: LockRequest): Promise<Granted | Taken> {
    const { voting, queue } = this.#context;
    try {
      const { holder, pttl } = await queue.join(entry);
      if (holder !== entry.id || this.#entry !== entry) return this.#enqueue(entry, pttl);
    } catch (error) {
      this.#end();
      if (!(error instanceof NodeError)) throw error;
      // The node has entered this waiter by half: a key went missing while its slot moves.
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
    // If the node has gone down meanwhile, no message tells what happens in its queue.
    if (this.#nodeOf(entry)?.up !== true) void this.leave();
    // The waiter has left: for the reason above, or because it was granted a turn that it may not take.
    if (this.#entry !== entry) return { granted: false, retryAfter: 0 };
    this.#queued(entry);
    entry.answered();
    // It may be its turn already: the message can be faster than the reply.
    if (this.#state !== 'entering') return { granted: false, retryAfter: 0 };
    this.#state = 'queued';
    return { granted: false, remaining: remaining === undefined || remaining < 0 ? undefined : remaining };
  }

  async #takeTurn(lockRequest: LockRequest): Promise<Granted | Taken> {
    const { nodeSet, voting, queue } = this.#context;
    const entry = this.#entry as WaiterEntry;
    const { name, ttl, tokens, shared } = lockRequest;
    // Not trusted: a clock that jumped may have ended another holder's lease, and a young node may have forgotten one of this ttl.
    const trusted = this.#nodeOf(entry)?.admissionFor(ttl) === undefined;
    const ms = Math.min(SHORT_GRANT, ttl);
    // A shared claim must ask the node: the node grants the next sharers their shares when it hears from the first one.
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
    // Each try has an id of its own, so that what an earlier try has sent leaves the next one in no doubt.
    const id = queue.newId(shared);
    entry.waits(false);
    let outcome: VoteResult;
    try {
      outcome = await voting.acquire(lockRequest, entry.successor(id));
    } catch (error) {
      // The node may hold the lock under either id.
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
    // The node says that the turn is over, or does not answer. If the other nodes gave the lease without it, the turn goes to the next waiter.
    void this.leave();
    if (reply.granted) return reply;
    void queue.giveBack(entry.key, entry.node, id);
    // A node that was not asked, as it may not grant this lock yet, gives the turn again and again.
    const inVain = votes.answers[entry.node] instanceof NodeError;
    return { ...reply, retryAfter: inVain ? LONGEST_PAUSE_AT_TURN : 0 };
  }

  #queued(entry: WaiterEntry): void {
    entry.waits(true);
    this.#context.queue.keepAlive(entry);
  }

  /** This node has granted the lock, and the others have to be asked again. A caller that has those without this node gives them back. */
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

  /** Ends the waiter's stay in the queue, as far as this process is concerned. */
  #end(): WaiterEntry | undefined {
    const entry = this.#entry;
    this.#entry = undefined;
    this.#state = 'out';
    if (entry) this.#context.queue.remove(entry);
    return entry;
  }
}
