import type { Moment } from '../../../common/clock.js';
import type { Caller } from '../../driver.js';
import { type NodeError, NotAskedError } from '../errors/index.js';
import type { Standing } from './standing.js';

/** The answer of one node: done, no longer ours (to a release), the holder (to an acquisition), or an error. */
export type Answer = 'yes' | 'gone' | Busy | NodeError;

export interface Busy {
  readonly holder: string;
  /** How long the holder's key lasts, ms; negative when it has no ttl. */
  readonly pttl: number;
}

/** A waiter for the lock in the queue of one node. */
export interface VotingWaiter {
  readonly id: string;
  /** The number of that node. */
  readonly node: number;
  /** How long the node may believe that it waits, ms. */
  readonly alive: number;
  /** The id under which the node has already granted it the lock. The node keeps that id if the other nodes do not grant the lock. */
  readonly before?: string;
}

export interface VoteTerms {
  /** The least value of a fencing token, µs; undefined when no token is asked for. */
  readonly hint?: number;
  /** How many tokens. */
  readonly tokens?: number;
  readonly waiter?: VotingWaiter;
  /** The id of an exclusive lease that becomes a share: the id of these votes replaces it, and no other id. */
  readonly downgrade?: string;
  readonly caller?: Caller;
}

const NO_TERMS: VoteTerms = {};

/** Empty answers for each number of nodes, to be copied: an array that grows takes several times as much memory. */
const NO_ANSWERS: undefined[][] = [];

/**
 * One operation on all nodes, and the answer of each node. Redlock knows of whole operations only: this object travels through it in the
 * place of the key.
 */
export class Votes {
  /** By the number of the node; undefined while the node has not answered. */
  readonly answers: (Answer | undefined)[];
  #tokens: (number | undefined)[] | undefined;
  #awaited?: { readonly node: number; readonly resolve: () => void };
  #askedAt: number | undefined;
  #departure: Moment | undefined;
  #inFavour = false;
  #state: 'open' | 'decided' | 'withdrawn' = 'open';
  #standing: Standing | undefined;

  constructor(
    readonly key: string,
    /** The id of the acquisition. */
    readonly id: string,
    readonly purpose: 'acquire' | 'release',
    /** How many nodes there are. */
    nodes: number,
    readonly terms: VoteTerms = NO_TERMS,
  ) {
    const none = (NO_ANSWERS[nodes] ??= Array.from({ length: nodes }));
    this.answers = none.slice();
  }

  /**
   * `decided`: Redlock has its result, so no node is asked a second time. `withdrawn`: the lock was given back, so a command that was not
   * sent yet must not be sent.
   */
  get state(): 'open' | 'decided' | 'withdrawn' {
    return this.#state;
  }

  /** When the first node was asked for the lock, on the monotonic clock, ms. */
  get askedAt(): number | undefined {
    return this.#askedAt;
  }

  /** A moment before the first of the votes in favour was asked for; undefined when one of them was asked for at once. */
  get departure(): Moment | undefined {
    return this.#departure;
  }

  /** The last fencing token that the node gave with its vote. */
  tokenOf(node: number): number | undefined {
    return this.#tokens?.[node];
  }

  decide(): void {
    this.#state = 'decided';
  }

  withdraw(): void {
    this.#state = 'withdrawn';
  }

  /** A quorum has granted the lock. The standing learns of each node that has refused it, or refuses it later. */
  standAs(standing: Standing): void {
    this.#standing = standing;
    for (const [node, answer] of this.answers.entries()) if (isBusy(answer)) standing.refused(node);
  }

  /** @param at when a node was asked for the lock, on the monotonic clock, ms */
  asked(at: number): void {
    this.#askedAt ??= at;
  }

  record(node: number, answer: Answer): void {
    this.answers[node] = answer;
    if (this.#awaited?.node === node) this.#awaited.resolve();
    if (this.#standing !== undefined && isBusy(answer)) this.#standing.refused(node);
  }

  /** @param departure when the command was sent, if it had to wait before that */
  recordVote(node: number, departure: Moment | undefined, token?: number): void {
    if (token !== undefined) (this.#tokens ??= [])[node] = token;
    if (!departure || !this.#inFavour) this.#departure = departure;
    else if (this.#departure && departure.monotonic < this.#departure.monotonic) this.#departure = departure;
    this.#inFavour = true;
    this.record(node, 'yes');
  }

  /** Resolves when that node has answered or failed. For one node at a time. */
  async answerOf(node: number): Promise<Answer | undefined> {
    if (this.answers[node] === undefined && node >= 0)
      await new Promise<void>((resolve) => (this.#awaited = { node, resolve }));
    return this.answers[node];
  }

  count(...wanted: Answer[]): number {
    return this.answers.reduce((sum, each) => sum + (each !== undefined && wanted.includes(each) ? 1 : 0), 0);
  }

  get failures(): number {
    return this.answers.reduce((sum, each) => sum + (isFailure(each) ? 1 : 0), 0);
  }

  get busy(): Busy[] {
    return this.answers.filter(isBusy);
  }

  /** Whether the waiter of these votes is in its queue now. */
  get queued(): boolean {
    const { waiter } = this.terms;
    return waiter !== undefined && waiter.before === undefined && isBusy(this.answers[waiter.node]);
  }
}

export function isFailure(answer: Answer | undefined): answer is NodeError {
  return answer instanceof Error && !(answer instanceof NotAskedError);
}

export function isBusy(answer: Answer | undefined): answer is Busy {
  return typeof answer === 'object' && 'holder' in answer;
}
