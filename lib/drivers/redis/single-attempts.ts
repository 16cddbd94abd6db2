import Redlock, { type Executed, ExecutionError } from 'redlock';
import type { Ballot } from './ballot.js';
import type { Voter } from './voter.js';

/** The votes are on the ballots. */
const DONE: Executed = { attempts: [] };

/**
 * Redlock, whose ids are those of the ballots, and which is told each node's vote by a call: a promise or two for each
 * would be the dearest part of a lock. Its loop over several attempts is left out, for the same reason.
 */
export class SingleAttempts extends Redlock<Ballot> {
  readonly #voters: readonly Voter[];
  readonly #quorum: number;

  constructor(voters: readonly Voter[], quorum: number) {
    super(voters, { retryCount: 0 });
    this.#voters = voters;
    this.#quorum = quorum;
  }

  /** As `release`, of what a ballot stands for. */
  free(ballot: Ballot): Promise<Executed> {
    return this.#ask(ballot);
  }

  protected override _random(): string {
    return '';
  }

  /** @param args our id and, to acquire, the ttl */
  protected override _execute(
    _script: unknown,
    [ballot]: [Ballot],
    [, ttl]: [string, number?],
  ): Promise<Executed> {
    return this.#ask(ballot, ttl);
  }

  #ask(ballot: Ballot, ttl?: number): Promise<Executed> {
    // Redlock gives a failed acquisition back.
    const partial = ttl === undefined && ballot.purpose === 'acquire';
    if (partial) ballot.state = 'withdrawn';
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
        if (inFavour + against === this.#voters.length) onAll?.();
      };
      for (const voter of this.#voters) {
        if (partial) void voter.giveBack(ballot).then(() => count(false));
        else if (ttl === undefined) voter.release(ballot, count);
        else voter.acquire(ballot, ttl, count);
      }
    });
  }
}
