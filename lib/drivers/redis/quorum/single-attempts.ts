import Redlock, { type Executed, ExecutionError } from 'redlock';
import { giveBack, type VotingNode } from '../node/index.js';
import { AcquireExchange, type Done, type Question, ReleaseExchange } from './vote-exchanges.js';
import { VoteCount } from './vote-count.js';
import type { Votes } from './votes.js';

/** There is nothing to wait for: each answer is among the votes already. */
const DONE: Executed = { attempts: [] };

/**
 * Redlock without its loops. The package checks its arguments, keeps the lock, and gives a failed acquisition back. It takes its ids
 * from the votes. Its loop over several attempts is left out, as waiting is the work of the layers above. Its loop over the nodes is left
 * out, as its promises and closures take 2.7 to 3.9 µs of CPU for each acquisition, and as much for the release.
 */
export class SingleAttempts extends Redlock<Votes> {
  readonly #nodeVotes: readonly NodeVote[];
  readonly #quorum: number;

  constructor(nodeVotes: readonly NodeVote[], quorum: number) {
    super(nodeVotes, { retryCount: 0 });
    this.#nodeVotes = nodeVotes;
    this.#quorum = quorum;
  }

  /** As `release`, for the lock of these votes. */
  free(votes: Votes): Promise<Executed> {
    return this.#ask(votes);
  }

  /** As `acquire`, where a refusal gives nothing back: a lease alone that is to be shared stays what it is. */
  share(votes: Votes, ttl: number): Promise<Executed> {
    return this.#ask(votes, ttl);
  }

  protected override _random(): string {
    return '';
  }

  /** @param args our id and, to acquire, the ttl */
  protected override _execute(
    _script: unknown,
    [votes]: [Votes],
    [, ttl]: [string, number?],
  ): Promise<Executed> {
    return this.#ask(votes, ttl);
  }

  #ask(votes: Votes, ttl?: number): Promise<Executed> {
    // Redlock gives back the votes of a failed acquisition.
    const partial = ttl === undefined && votes.purpose === 'acquire';
    if (partial) votes.withdraw();
    return new Promise((resolve, reject) => {
      const tally = new VoteCount(this.#quorum);
      let onAll: (() => void) | undefined;
      const count = (vote: boolean): void => {
        const decision = tally.add(vote);
        if (decision === 'for') resolve(DONE);
        else if (decision === 'against')
          reject(new ExecutionError('no quorum', [new Promise<void>((done) => (onAll = done))]));
        if (tally.counted === this.#nodeVotes.length) onAll?.();
      };
      for (const nodeVote of this.#nodeVotes) {
        if (partial) void nodeVote.giveBack(votes).then(() => count(false));
        else if (ttl === undefined) nodeVote.release(votes, count);
        else nodeVote.acquire(votes, ttl, count);
      }
    });
  }
}

/** One node, as Redlock sees it: an answer for or against. The node's real answer is among the votes then. */
export class NodeVote {
  constructor(
    private readonly node: VotingNode,
    private readonly index: number,
  ) {}

  /** Takes the lock on this node, or enters its queue. */
  acquire(votes: Votes, ttl: number, done: Done): void {
    new AcquireExchange(this.#ask(votes, done), ttl).begin();
  }

  release(votes: Votes, done: Done): void {
    new ReleaseExchange(this.#ask(votes, done)).begin();
  }

  /** Gives back the node's vote for an acquisition, if it may have given one; never rejects. */
  giveBack(votes: Votes): Promise<void> {
    if (!this.#mayHold(votes)) return Promise.resolve();
    return giveBack(this.node.at(votes.key), votes.key, votes.id);
  }

  #ask(votes: Votes, done: Done): Question {
    return { node: this.node.at(votes.key), index: this.index, votes, done };
  }

  /** Whether this node may hold our id after a failed acquisition, so that we have to give it back. */
  #mayHold(votes: Votes): boolean {
    // A waiter keeps its place there, or its turn, and leaves by itself.
    if (votes.terms.waiter?.node === this.index) return false;
    const answer = votes.answers[this.index];
    if (answer === undefined || answer === 'yes') return true;
    return answer instanceof Error && answer.sent && !answer.answered;
  }
}
