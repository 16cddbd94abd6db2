import type { Downgrade, Loss } from '../../drivers/driver.js';
import type { LeaseLostError } from '../../errors.js';
import type { Guard } from '../guard/index.js';
import type { Deadline } from './deadline.js';
import { LeaseSignal } from './lease-signal.js';
import { goneAtRelease, lostLease, releasedAlready } from './lease-text.js';
import { lossAtDeadline, type RenewalsSoFar } from './loss-reason.js';

/** `held → releasing → released`, or `held → lost`. Moved by {@link LeaseLife} alone. */
export type LeaseState = 'held' | 'releasing' | 'released' | 'lost';

/** How a lease ended: `unconfirmed` when the back end could not be asked, and the lease had not run out. */
export type LeaseEnd =
  | { readonly kind: 'released' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'unconfirmed'; readonly error: unknown };

/** Keeps one lease for its holder. */
export interface LeaseKeeper {
  readonly memberId: string;
  /** The part of the coordinator that made it: names of different coordinators do not mix. */
  readonly owner: unknown;
  /** The check of the lease inside a transaction. @throws InvalidOptionsError */
  guard(): Guard;
  /** Asks the driver to free the lock; true if it was still ours. */
  release(): Promise<boolean>;
  /** Asks the driver to let others share the lock. @throws InvalidOptionsError where it cannot */
  downgrade(): Downgrade;
  /** The back end has renewed the lease. */
  onRenewed?(): void;
  /** The lease has left `held`: it must not be renewed any more. */
  onLeft(): void;
  /** The lease was lost. */
  onLost(error: LeaseLostError): void;
  /** The holder has given the lease back, and the back end has been told. */
  onReleased(end: LeaseEnd): void;
}

const NO_RENEWAL_YET: RenewalsSoFar = { unanswered: false };

/** The state machine behind a lease, from the grant to its end. */
export abstract class LeaseLife {
  #state: LeaseState = 'held';
  #deadline: Deadline;
  #renewals = NO_RENEWAL_YET;
  #signal?: LeaseSignal;
  #lost?: LeaseLostError;
  #ending: Promise<LeaseEnd> | undefined;
  #end?: LeaseEnd;

  constructor(
    readonly name: string,
    deadline: Deadline,
    protected readonly keeper: LeaseKeeper,
  ) {
    this.#deadline = deadline;
  }

  get state(): LeaseState {
    this.check();
    return this.#state;
  }

  get held(): boolean {
    return this.state === 'held';
  }

  /** True once the holder has given the lease back, held or lost. */
  get givenBack(): boolean {
    return this.#ending !== undefined || this.#end !== undefined;
  }

  get signal(): AbortSignal {
    // Newer versions of Node derive signals without reading `aborted`.
    this.check();
    if (!this.#signal) {
      this.#signal = new LeaseSignal(() => this.check());
      if (this.#lost) this.#signal.abort(this.#lost);
    }
    return this.#signal.signal;
  }

  get deadline(): number {
    return this.#deadline.unix;
  }

  /** How long the back end has confirmed it for. */
  get term(): Deadline {
    return this.#deadline;
  }

  /** The deadline on the monotonic clock, ms. */
  get monotonicDeadline(): number {
    return this.#deadline.monotonic;
  }

  /** Why the lease was lost, if it was. */
  get lost(): LeaseLostError | undefined {
    this.check();
    return this.#lost;
  }

  remaining(): number {
    return this.held ? this.#deadline.remaining() : 0;
  }

  assertHeld(): void {
    if (this.held) return;
    throw this.#lost ?? releasedAlready(this.name, this.keeper.memberId);
  }

  /** Ends the lease if its deadline has passed. Every read of a lease goes through here. */
  check(): void {
    if (this.#state !== 'held' || !this.#deadline.over) return;
    this.lose(lossAtDeadline(this.#renewals, this.#deadline.overdue()), this.#renewals.failure);
  }

  /** A renewal is under way. */
  renewalSent(): void {
    this.#renewals = { ...this.#renewals, unanswered: true };
  }

  /** A renewal was not confirmed; it may be repeated until the deadline. */
  renewalFailed(failure: unknown): void {
    // Checks the deadline first: a failure after it does not tell why it was missed.
    if (this.held) this.#renewals = { failure, unanswered: false };
  }

  /** A renewal was confirmed. One that comes too late changes nothing: a lost or released lease is never revived. */
  extend(deadline: Deadline): void {
    if (!this.held) return;
    this.#deadline = deadline;
    this.#renewals = NO_RENEWAL_YET;
    this.keeper.onRenewed?.();
  }

  /** The lease is over though its holder has not released it. */
  lose(loss: Loss, cause?: unknown): void {
    if (this.#state !== 'held') return;
    this.#state = 'lost';
    this.#lost = lostLease(this.name, this.keeper.memberId, loss, cause);
    this.keeper.onLeft();
    // Before the listeners are told, as they may look at the signal.
    this.#signal?.abort(this.#lost);
    this.keeper.onLost(this.#lost);
  }

  /** Asks the work to end while the lease stays held for it: the signal aborts, and nothing else changes. */
  askToEnd(reason: LeaseLostError): void {
    // Reading `signal` makes it, if no code has read it yet.
    if (!this.signal.aborted) this.#signal?.abort(reason);
  }

  /** Gives the lease back, once; never rejects. */
  finish(): Promise<LeaseEnd> {
    if (this.#end) return Promise.resolve(this.#end);
    this.#ending ??= this.#finish();
    return this.#ending;
  }

  /** Not `async`: such a function takes much memory each time. */
  #finish(): Promise<LeaseEnd> {
    const heldUntilNow = this.held;
    // Before the release is sent: nothing may be sent for it afterwards.
    if (heldUntilNow) this.#state = 'releasing';
    let freeing: Promise<boolean>;
    try {
      // A lost lease is given back too, best effort: its entry in the back end may outlive it by the drift.
      freeing = this.keeper.release();
    } catch (error) {
      freeing = Promise.reject(error);
    }
    // After the release was sent, which need not wait for this.
    if (heldUntilNow) this.keeper.onLeft();
    return freeing.then(
      (freed) => {
        // The lease was held until it was given back. It is no loss when its time ran out before the back end freed it.
        const inTime = heldUntilNow && (freed || this.#deadline.over);
        if (heldUntilNow && !inTime) this.#loseAtRelease();
        return this.#ended(heldUntilNow, { kind: inTime ? 'released' : 'lost' });
      },
      (error: unknown) =>
        this.#ended(heldUntilNow, heldUntilNow ? { kind: 'unconfirmed', error } : { kind: 'lost' }),
    );
  }

  #ended(heldUntilNow: boolean, end: LeaseEnd): LeaseEnd {
    if (heldUntilNow) this.#state = end.kind === 'lost' ? 'lost' : 'released';
    // A lease that is over may be kept for long, and a promise that was made in a call would keep the leases outside that call.
    this.#end = end;
    this.#ending = undefined;
    this.#signal?.forgetContext();
    this.keeper.onReleased(end);
    return end;
  }

  #loseAtRelease(): void {
    this.#lost = goneAtRelease(this.name, this.keeper.memberId);
    this.keeper.onLost(this.#lost);
  }
}

/** @throws why the back end could not be asked */
export function wasReleased(end: LeaseEnd): boolean {
  if (end.kind === 'unconfirmed') throw end.error;
  return end.kind === 'released';
}
