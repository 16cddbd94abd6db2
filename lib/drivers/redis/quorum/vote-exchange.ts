import type { NodeError } from '../errors/index.js';
import { Exchange, type RedisNode } from '../node/index.js';
import { type Sending, sendingAfter } from '../scripts/index.js';
import type { Answer, Votes } from './votes.js';

/** Told when the answer is among the votes: whether it is a vote in favour. */
export type Done = (inFavour: boolean) => void;

/** What one node is asked. */
export interface Question {
  readonly node: RedisNode;
  /** Of the node. */
  readonly index: number;
  readonly votes: Votes;
  readonly done: Done;
}

/** A script that one node is asked to run for a set of votes. */
export abstract class VoteExchange extends Exchange {
  constructor(
    protected readonly question: Question,
    protected readonly how: Sending,
  ) {
    super();
  }

  begin(): void {
    this.question.node.exchange(this);
  }

  onError(error: NodeError): void {
    const how = sendingAfter(this.how, error);
    if (how) this.sendAgain(how);
    else this.fail(error);
  }

  protected abstract sendAgain(how: Sending): void;

  protected answer(answer: Answer): void {
    const { votes, index, done } = this.question;
    votes.record(index, answer);
    done(answer === 'yes');
  }

  protected fail(error: NodeError): void {
    this.answer(error);
  }
}
