import { quoted } from '../common/quoted.js';
import type { Clock } from '../common/clock.js';
import { LeaseLostError } from '../errors.js';
import { begun, type HeldLease, runUnder } from '../lock/lease/index.js';
import type { Leader, Leadership } from './election.js';
import { Work } from './work.js';

const NOT_LEADING = Promise.resolve(false);
const HANDS_OVER = Promise.resolve(true);

/** How a term ended. */
export type TermEnd = 'resigned' | 'lost';

/** The owner of a leadership. */
export interface LeadershipKeeper {
  readonly clock: Clock;
  /** How long work gets to end after a resignation, ms. */
  readonly stopTimeout: number;
  /** Whether the running code is work of this leader. */
  isCalledByWork(): boolean;
  /** The term is over, and `isLeader` is false; the lock may still be held. */
  onDemoted(leadership: HeldLeadership, why: Error): void;
  /** Removes the record that names the leader. Never rejects. */
  withdraw(): Promise<void>;
}

/**
 * The state machine behind {@link Leadership}: `leading → demoted`, once, and moved in one place.
 *
 * Demoted means: the flag is off, then the signal aborts, then listeners are told. The lock is given back after that, when the work of
 * this leader has ended.
 */
export class HeldLeadership implements Leadership {
  readonly term: number;
  /** Settles when another leader may be elected, or when the lease was lost. */
  readonly ended: Promise<TermEnd>;
  readonly #work = new Work();
  #state: 'leading' | 'demoted' = 'leading';
  #end!: (end: TermEnd) => void;

  constructor(
    readonly leader: Leader,
    readonly election: string,
    private readonly lease: HeldLease,
    private readonly keeper: LeadershipKeeper,
  ) {
    this.term = leader.term;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    // This listener is the first, as no other code has the lease yet.
    lease.signal.addEventListener('abort', () => this.#onAbort(), { once: true });
  }

  get signal(): AbortSignal {
    return this.lease.signal;
  }

  /** Every read of the flag goes through here. */
  get leading(): boolean {
    this.check();
    return this.#state === 'leading';
  }

  /** Why the lock was lost, if it was: work of this term may not have been alone. */
  get lost(): LeaseLostError | undefined {
    return this.lease.lost;
  }

  /** Ends the term if its lease has ended. */
  check(): void {
    // Reading the lease may end it, and then its signal aborts.
    if (this.#state !== 'leading' || this.lease.held || this.#isDemoted()) return;
    this.#demote(this.lease.lost ?? this.#ending('released', 'its lease was released by hand'));
    this.#endLost();
  }

  /** The lease is lost, or this leadership asks its work to end. The listeners of the application come after this one. */
  #onAbort(): void {
    const { lost } = this.lease;
    if (this.#isDemoted() || !lost) return;
    this.#state = 'demoted';
    // As work: the lease is not given back before the listeners of the demotion have begun.
    void this.#work.run(async () => {
      await allListeners();
      this.keeper.onDemoted(this, lost);
      this.#endLost();
    });
  }

  #endLost(): void {
    this.#end('lost');
    void this.keeper.withdraw();
    // The lease is removed from the back end as soon as no work runs under it.
    this.#work.whenIdle(() => void this.lease.finish());
  }

  resign(): Promise<boolean> {
    return this.endTerm('it resigned');
  }

  /** @param why as a clause for people */
  endTerm(why: string): Promise<boolean> {
    if (!this.leading) return NOT_LEADING;
    const calledByWork = this.keeper.isCalledByWork();
    this.#demote(this.#ending('released', why));
    const handedOver = this.#handOver();
    if (!calledByWork) return handedOver;
    // Work that awaited the hand-over would wait for itself.
    handedOver.catch(() => undefined);
    return HANDS_OVER;
  }

  /** Runs work of the leader: the lock is not released before it has ended. */
  run<T>(label: string, body: () => T): Promise<Awaited<T>> {
    return this.#work.run(() => runUnder(this.lease, label, () => begun(body())));
  }

  /** Calls a listener for the end of this term. The lock waits for it as well. */
  runAfter<T>(body: () => T): Promise<Awaited<T>> {
    return this.#work.run(body);
  }

  /** A method, so that TypeScript forgets what it has narrowed the state to. */
  #isDemoted(): boolean {
    return this.#state === 'demoted';
  }

  #demote(why: LeaseLostError): void {
    this.#state = 'demoted';
    this.lease.askToEnd(why);
    this.keeper.onDemoted(this, why);
  }

  async #handOver(): Promise<boolean> {
    const { clock, stopTimeout } = this.keeper;
    try {
      if (await this.#work.endsWithin(stopTimeout, clock)) {
        // Side by side: a record that hangs must not keep the lock.
        const withdrawn = this.keeper.withdraw();
        return await this.lease.release().finally(() => withdrawn);
      }
      this.lease.lose({
        reason: 'stopped',
        message: `work of the leader went on for ${stopTimeout} ms after the end of term ${this.term}`,
      });
      this.#work.whenIdle(() => void this.lease.finish());
      await this.keeper.withdraw();
      return false;
    } finally {
      this.#end('resigned');
    }
  }

  #ending(reason: 'released', why: string): LeaseLostError {
    return new LeaseLostError(
      `Election ${quoted(this.election)}: ${this.leader.memberId} does not lead term ${this.term} any more: ${why}`,
      reason,
    );
  }
}

/** Resolves when every listener of the event that is being dispatched has been called. */
function allListeners(): Promise<void> {
  return Promise.resolve();
}
