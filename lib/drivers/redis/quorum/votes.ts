import type { Moment } from '../../../common/clock.js';
import type { Caller } from '../../driver.js';
import type { NodeError } from '../errors/index.js';
import type { Standing } from './standing.js';

/** What one node said: done, no longer ours (to a release), the holder (to an acquisition), or an error. */
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
  /** For how long it may be believed to wait, ms. */
  readonly alive: number;
  /** The id under which the node has granted it the lock already. It keeps it when the others do not give theirs. */
  readonly before?: string;
}

export interface VoteTerms {
  /** What a fencing token should be at least, µs; undefined when none is asked for. */
  readonly hint?: number;
  /** How many tokens. */
  readonly tokens?: number;
  readonly waiter?: VotingWaiter;
  /** The id of a lease alone that is to be shared: the id of these votes takes its place, and nothing else's. */
  readonly downgrade?: string;
  readonly caller?: Caller;
}

const NO_TERMS: VoteTerms = {};

/** Of so many nodes, to be copied: an array that grows takes several times as much. */
const NO_ANSWERS: undefined[][] = [];

/**
 * One operation on all nodes, and what each of them said. Redlock knows of whole operations only: the votes travel through it in the
 * place of the key.
 */
export class Votes {
  /** By the number of the node; a hole while it has not answered. */
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
    /** Of the acquisition. */
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
   * `decided`: Redlock has its result, so that nothing is asked a second time. `withdrawn`: the lock was given back, so that
   * nothing may be asked that was not sent before.
   */
  get state(): 'open' | 'decided' | 'withdrawn' {
    return this.#state;
  }

  /** When the first node was asked for the lock, on the monotonic clock, ms. */
  get askedAt(): number | undefined {
    return this.#askedAt;
  }

  /** Before the first of the votes in favour was asked for; undefined when one was asked for at once. */
  get departure(): Moment | undefined {
    return this.#departure;
  }

  /** The last fencing token that a node gave with its vote. */
  tokenOf(node: number): number | undefined {
    return this.#tokens?.[node];
  }

  decide(): void {
    this.#state = 'decided';
  }

  withdraw(): void {
    this.#state = 'withdrawn';
  }

  /** A quorum has granted the lock. The standing is told of each node that has refused it, or does so later. */
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

  /** @param departure of the command, where it had to wait until it was sent */
  recordVote(node: number, departure: Moment | undefined, token?: number): void {
    if (token !== undefined) (this.#tokens ??= [])[node] = token;
    if (!departure || !this.#inFavour) this.#departure = departure;
    else if (this.#departure && departure.monotonic < this.#departure.monotonic) this.#departure = departure;
    this.#inFavour = true;
    this.record(node, 'yes');
  }

  /** Resolves when that node has answered, or has failed to; for one node at a time. */
  async answerOf(node: number): Promise<Answer | undefined> {
    if (this.answers[node] === undefined && node >= 0)
      await new Promise<void>((resolve) => (this.#awaited = { node, resolve }));
    return this.answers[node];
  }

  count(...wanted: Answer[]): number {
    return this.answers.reduce((sum, each) => sum + (each !== undefined && wanted.includes(each) ? 1 : 0), 0);
  }

  get failures(): number {
    return this.answers.reduce((sum, each) => sum + (each instanceof Error ? 1 : 0), 0);
  }

  get busy(): Busy[] {
    return this.answers.filter(isBusy);
  }

  /** Whether the waiter of these votes stands in its queue now. */
  get queued(): boolean {
    const { waiter } = this.terms;
    return waiter !== undefined && waiter.before === undefined && isBusy(this.answers[waiter.node]);
  }
}

export function isBusy(answer: Answer | undefined): answer is Busy {
  return typeof answer === 'object' && 'holder' in answer;
}
