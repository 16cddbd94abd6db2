import { ExecutionError } from 'redlock';
import type { Clock, Moment } from '../../../common/clock.js';
import type { Caller, Grant, Granted, Taken } from '../../driver.js';
import { isBusy, isFailure, Votes, type VotingWaiter } from './votes.js';
import type { Completer } from './completer.js';
import type { NodeSet } from './node-set.js';
import type { NodeError } from '../errors/index.js';
import { FencingTokens } from './fencing-tokens.js';
import { NodeVote, SingleAttempts } from './single-attempts.js';
import { Standing } from './standing.js';
import { refusal } from './refusal.js';
import type { HolderIds } from '../scripts/index.js';
import { quoted } from '../../../common/quoted.js';

/** One request for a lock, and its caller. */
export interface LockRequest {
  readonly name: string;
  readonly key: string;
  readonly ttl: number;
  /** How many fencing tokens to reserve; 0 for none. */
  readonly tokens: number;
  /** Whether a share of the lock is enough. */
  readonly shared?: boolean;
  readonly caller?: Caller;
}

export interface RedisGrant extends Grant {
  /** Present where a node had not answered yet, and may not even have been asked. */
  votes?: Votes;
  /** Present with several nodes. */
  standing?: Standing;
}

export interface VoteResult {
  readonly votes: Votes;
  readonly reply: Granted | Taken;
}

/**
 * The Redlock algorithm for single attempts, and the meaning of their outcome. Redlock's own retries keep partial votes, and its
 * deadlines follow the wall clock. So neither is used: the caller waits and computes deadlines.
 */
export class RedlockVoting {
  readonly #redlock: SingleAttempts;
  readonly #nodeVotes: readonly NodeVote[];
  readonly #nodeSet: NodeSet;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #ids: HolderIds;
  readonly #tokens: FencingTokens;
  /** Undefined with one node: there is no other one to complete. */
  readonly #completer: Completer | undefined;

  constructor(nodeSet: NodeSet, ids: HolderIds, completer: Completer, clock: Clock, random: () => number) {
    this.#nodeSet = nodeSet;
    this.#completer = nodeSet.nodes.length > 1 ? completer : undefined;
    this.#clock = clock;
    this.#random = random;
    this.#ids = ids;
    this.#tokens = new FencingTokens(nodeSet, clock);
    this.#nodeVotes = nodeSet.nodes.map((node, index) => new NodeVote(node, index));
    this.#redlock = new SingleAttempts(this.#nodeVotes, nodeSet.quorum);
  }

  /**
   * One attempt on all nodes.
   *
   * Not `async`, as is no function on the fast path of a free lock: an async function takes much memory each time.
   * @param waiter the waiter that is in the queue of a node, or enters it, if there is one
   */
  acquire(lockRequest: LockRequest, waiter?: VotingWaiter): Promise<VoteResult> {
    if (this.#nodeSet.otherList) return this.#acquireAgain(lockRequest, waiter);
    const { key, ttl, tokens, shared, caller } = lockRequest;
    // The gate: the node that keeps the order of the waiters has the last word.
    const gate = waiter?.node ?? this.#nodeSet.queueNodeOf(key);
    const hint = tokens > 0 ? this.#tokens.hint() : undefined;
    const start = this.#completer?.now();
    const id = waiter?.id ?? (shared ? this.#ids.nextShare() : this.#ids.next());
    const votes = new Votes(key, id, 'acquire', this.#nodeVotes.length, {
      hint,
      tokens,
      waiter,
      caller,
    });
    return this.#redlock.acquire([votes], wholeMs(ttl)).then(
      () => {
        votes.decide();
        return tokens === 0 && votes.answers[gate] === 'yes' && this.#nodeSet.isSure(votes.askedAt ?? 0)
          ? this.#granted(lockRequest, votes, start)
          : this.#confirm(lockRequest, votes, gate, start);
      },
      (error: unknown) => this.#refuse(lockRequest, votes, error),
    );
  }

  async #acquireAgain(lockRequest: LockRequest, waiter?: VotingWaiter): Promise<VoteResult> {
    await this.#nodeSet.checkList(`take the lock "${lockRequest.name}"`);
    return this.acquire(lockRequest, waiter);
  }

  /** A quorum has granted the lock. Still missing: the answer of the gate, the check of all nodes' lists, or the tokens. */
  async #confirm(
    lockRequest: LockRequest,
    votes: Votes,
    gate: number,
    start: Moment | undefined,
  ): Promise<VoteResult> {
    const { name, key, tokens } = lockRequest;
    const atGate = votes.answers[gate] ?? (await votes.answerOf(gate));
    if (isBusy(atGate)) {
      // The other nodes were free for a moment, but not for us: the turn of another waiter has come, or comes next.
      await this.#giveBackVotes(votes);
      return { votes, reply: { granted: false, remaining: atGate.pttl < 0 ? undefined : atGate.pttl } };
    }
    try {
      if (!this.#nodeSet.isSure(votes.askedAt ?? 0))
        await this.#nodeSet.checkList(`take the lock ${quoted(name)}`);
      if (tokens === 0) return this.#granted(lockRequest, votes, start);
      return this.#granted(lockRequest, votes, start, await this.#tokens.agree(name, votes));
    } catch (error) {
      // A key that cannot be freed now ends by its ttl. The caller has to learn why there is no lease.
      votes.withdraw();
      await this.release({ name, key, id: votes.id }).catch(() => undefined);
      throw error;
    }
  }

  /**
   * @param start a moment before the first node was asked
   * @param lastToken the last of the reserved tokens
   */
  #granted(
    { name, key, ttl, tokens, shared }: LockRequest,
    votes: Votes,
    start: Moment | undefined,
    lastToken?: number,
  ): VoteResult {
    const { id, departure } = votes;
    const term = departure && { since: departure, ms: wholeMs(ttl) };
    const grant: RedisGrant =
      lastToken === undefined
        ? { name, id, key, term }
        : { name, id, key, term, tokens: { first: lastToken - tokens + 1, count: tokens } };
    if (votes.answers.includes(undefined)) grant.votes = votes;
    // A share is not completed on other nodes: COMPLETE is for keys with one holder.
    if (start && this.#completer && !shared) {
      const acquired = { key, id, ttl, since: departure ?? start, lastToken };
      grant.standing = new Standing(this.#completer, acquired);
      votes.standAs(grant.standing);
    }
    return { votes, reply: { granted: true, grant } };
  }

  /**
   * Turns an exclusive lease into a share: each node that has it replaces its id by the id of the share. A node that does not hear of it
   * does so at the next renewal of the share.
   * @returns whether a quorum has the share now
   */
  async downgrade(name: string, key: string, from: string, to: string, ttl: number): Promise<boolean> {
    const votes = new Votes(key, to, 'acquire', this.#nodeVotes.length, { downgrade: from });
    try {
      await this.#redlock.share(votes, wholeMs(ttl));
      return true;
    } catch (error) {
      await allVotes(error);
    }
    this.#refuseUnlessAnswered(`share the lock ${quoted(name)}`, votes);
    return false;
  }

  async #refuse({ name }: LockRequest, votes: Votes, error: unknown): Promise<VoteResult> {
    const now = this.#clock.monotonic();
    const took = now - (votes.askedAt ?? now);
    const { nodes, quorum } = this.#nodeSet;
    // Two outcomes are certain: a quorum has another holder, or failures have made a quorum impossible. Otherwise every vote counts.
    if (votes.failures <= nodes.length - quorum || votes.terms.waiter) await allVotes(error);
    this.#refuseUnlessAnswered(`take the lock ${quoted(name)}`, votes);
    return { votes, reply: refusal(votes, nodes.length, quorum, took, this.#random()) };
  }

  /** Called before a release is sent: from now on, no command that was not sent yet is sent for the grant. */
  withdraw(grant: RedisGrant): void {
    grant.votes?.withdraw();
    grant.standing?.end();
  }

  release(grant: RedisGrant): Promise<boolean> {
    this.withdraw(grant);
    const votes = new Votes(grant.key, grant.id, 'release', this.#nodeVotes.length);
    return this.#redlock
      .free(votes)
      .then(confirmed, (error: unknown) =>
        this.#denied(`release the lock ${quoted(grant.name)}`, votes, error).then((denied) => !denied),
      );
  }

  /** True when a majority says that it is not ours, false when a majority released it after all; throws when neither is known. */
  async #denied(what: string, votes: Votes, error: unknown): Promise<boolean> {
    const { quorum } = this.#nodeSet;
    const denied = (): boolean => votes.count('gone') >= quorum;
    if (denied()) return true;
    await allVotes(error);
    if (denied()) return true;
    if (votes.count('yes') >= quorum) return false;
    throw this.#nodeSet.unavailable(what, failuresOf(votes), votes.key);
  }

  async #giveBackVotes(votes: Votes): Promise<void> {
    votes.withdraw();
    await Promise.all(this.#nodeVotes.map((nodeVote) => nodeVote.giveBack(votes)));
  }

  #refuseUnlessAnswered(what: string, votes: Votes): void {
    const { nodes, quorum } = this.#nodeSet;
    if (votes.failures > nodes.length - quorum) {
      throw this.#nodeSet.unavailable(what, failuresOf(votes), votes.key);
    }
  }
}

function confirmed(): true {
  return true;
}

/** Redlock takes whole ms only. */
function wholeMs(ttl: number): number {
  return Math.max(1, Math.floor(ttl));
}

/** Votes settle at a majority; this waits for the rest, which is bounded by the nodes' command time-outs. */
async function allVotes(thrown: unknown): Promise<void> {
  if (!(thrown instanceof ExecutionError)) throw thrown;
  await Promise.all(thrown.attempts);
}

function failuresOf(votes: Votes): Map<number, NodeError> {
  const failures = new Map<number, NodeError>();
  for (const [index, answer] of votes.answers.entries()) {
    if (isFailure(answer)) failures.set(index, answer);
  }
  return failures;
}
