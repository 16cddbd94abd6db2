import Redlock, { type Executed, ExecutionError } from 'redlock';
import type { Votes } from './votes.js';
import type { NodeVote } from './node-vote.js';

/** Each answer is among the votes already. */
const DONE: Executed = { attempts: [] };

/**
 * Redlock, which takes its ids from the votes, and is told each node's answer by a call: a promise or two for each
 * would be the dearest part of a lock. Its loop over several attempts is left out, for the same reason.
 */
export class SingleAttempts extends Redlock<Votes> {
  readonly #nodeVotes: readonly NodeVote[];
  readonly #quorum: number;

  constructor(nodeVotes: readonly NodeVote[], quorum: number) {
    super(nodeVotes, { retryCount: 0 });
    this.#nodeVotes = nodeVotes;
    this.#quorum = quorum;
  }

  /** As `release`, of what the votes stand for. */
  free(votes: Votes): Promise<Executed> {
    return this.#ask(votes);
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
    // Redlock gives a failed acquisition back.
    const partial = ttl === undefined && votes.purpose === 'acquire';
    if (partial) votes.state = 'withdrawn';
    return new Promise((resolve, reject) => {
      let inFavour = 0;
      let against = 0;
      let onAll: (() => void) | undefined;
      const count = (vote: boolean): void => {
        if (vote) inFavour += 1;
        else against += 1;
        if (vote && inFavour === this.#quorum) resolve(DONE);
        if (!vote && against === this.#quorum)
          reject(new ExecutionError('no quorum', [new Promise<void>((done) => (onAll = done))]));
        if (inFavour + against === this.#nodeVotes.length) onAll?.();
      };
      for (const nodeVote of this.#nodeVotes) {
        if (partial) void nodeVote.giveBack(votes).then(() => count(false));
        else if (ttl === undefined) nodeVote.release(votes, count);
        else nodeVote.acquire(votes, ttl, count);
      }
    });
  }
}
