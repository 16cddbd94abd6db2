import { giveBack, type VotingNode } from '../node/index.js';
import { AcquireExchange } from './acquire-exchange.js';
import { ReleaseExchange } from './release-exchange.js';
import type { Done, Question } from './vote-exchange.js';
import type { Votes } from './votes.js';

/** One node, as those see it who ask for its vote. What it really said is among the votes then. */
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

  /** Gives the vote of an acquisition back, where it was given; never rejects. */
  giveBack(votes: Votes): Promise<void> {
    if (!this.#mayHold(votes)) return Promise.resolve();
    return giveBack(this.node.at(votes.key), votes.key, votes.id);
  }

  #ask(votes: Votes, done: Done): Question {
    return { node: this.node.at(votes.key), index: this.index, votes, done };
  }

  /** Whether this node may hold our id after a failed acquisition, and we have to give it back. */
  #mayHold(votes: Votes): boolean {
    // A waiter keeps its place there, or its turn, and leaves by itself.
    if (votes.terms.waiter?.node === this.index) return false;
    const answer = votes.answers[this.index];
    if (answer === undefined || answer === 'yes') return true;
    return answer instanceof Error && answer.sent && !answer.answered;
  }
}
