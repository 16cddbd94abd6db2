import { inspect, type InspectOptions } from 'node:util';
import type { Grant, Loss } from '../../drivers/driver.js';
import type { LeaseLostError } from '../../errors.js';
import { type GuardedTransaction, runGuard } from '../guard/index.js';
import type { Deadline } from './deadline.js';
import type { Lease } from './lease.js';
import { type LeaseEnd, type LeaseKeeper, wasReleased } from './lease-keeper.js';
import { LeaseSignal } from './lease-signal.js';
import {
  goneAtRelease,
  lostLease,
  notOnLock,
  notProtecting,
  releasedAlready,
  shownLease,
} from './lease-text.js';
import { lossAtDeadline, type RenewalsSoFar } from './loss-reason.js';

/** `held → releasing → released`, or `held → lost`. Moved by {@link HeldLease} alone. */
export type LeaseState = 'held' | 'releasing' | 'released' | 'lost';

/** Promises of no call. One that is made in a call reaches the call's async context, and so the leases outside it. */
const NOT_AGAIN = Promise.resolve(false);
const SHARED = Promise.resolve();

const NO_RENEWAL_YET: RenewalsSoFar = { unanswered: false };

/** The state machine behind {@link Lease}; everything that happens to a lease goes through here. */
export class HeldLease implements Lease {
  #state: LeaseState = 'held';
  #deadline: Deadline;
  #renewals = NO_RENEWAL_YET;
  #signal?: LeaseSignal;
  #lost?: LeaseLostError;
  #ending: Promise<LeaseEnd> | undefined;
  #end?: LeaseEnd;
  #grant: Grant;
  /** There when the lock is shared; settles when the back end has said so. */
  #shared: Promise<void> | undefined;

  constructor(
    readonly name: string,
    grant: Grant,
    readonly ttl: number,
    deadline: Deadline,
    private readonly keeper: LeaseKeeper,
    shared = false,
  ) {
    this.#deadline = deadline;
    this.#grant = grant;
    if (shared) this.#shared = SHARED;
  }

  get grant(): Grant {
    return this.#grant;
  }

  /** Whether others may hold the lock too. */
  get shared(): boolean {
    return this.#shared !== undefined;
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

  get fencingToken(): number | undefined {
    return this.#grant.tokens?.first;
  }

  /** What the back end knows of it: one grant for each lock. */
  get grants(): readonly Grant[] {
    return [this.grant];
  }

  fencingTokenOf(name: string): number | undefined {
    if (this.isOn(name)) return this.fencingToken;
    throw notOnLock(this.name, name);
  }

  get deadline(): number {
    return this.#deadline.unix;
  }

  /** Until when the back end has confirmed it. */
  get term(): Deadline {
    return this.#deadline;
  }

  /** How long the back end keeps the lock after a renewal that is sent now, ms. */
  get validity(): number {
    return this.ttl;
  }

  /** For how long the lock is kept from everybody when the lease is given back now, ms. */
  get keepFor(): number {
    return 0;
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

  /** True when it holds the lock of that name. */
  isOn(name: string): boolean {
    return this.name === name;
  }

  /** True when that owner made this lease. */
  isOf(owner: unknown): boolean {
    return this.keeper.owner === owner;
  }

  remaining(): number {
    return this.held ? this.#deadline.remaining() : 0;
  }

  assertHeld(): void {
    if (this.held) return;
    throw this.#lost ?? releasedAlready(this.name, this.keeper.memberId);
  }

  async assertIn(transaction: GuardedTransaction): Promise<void> {
    this.assertHeld();
    const loss = await runGuard(this.name, this.keeper.guard(), transaction);
    if (!loss) return;
    if (loss.reason !== 'stale-snapshot') this.lose(loss, loss.cause);
    this.assertHeld();
    throw notProtecting(this.name, this.keeper.memberId, loss);
  }

  /** Ends the lease if its deadline has passed. Every look at a lease goes through here. */
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
    // The deadline first: what comes after it does not tell why it was missed.
    if (this.held) this.#renewals = { failure, unanswered: false };
  }

  /** A renewal was confirmed. Too late, it changes nothing: a lost or released lease is never revived. */
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

  /** Has the work end while the lease is held for it: the signal aborts, and nothing else changes. */
  askToEnd(reason: LeaseLostError): void {
    // Made, if nobody has asked for it yet.
    if (!this.signal.aborted) this.#signal?.abort(reason);
  }

  downgrade(): Promise<void> {
    this.#shared ??= this.#share();
    return this.#shared;
  }

  async #share(): Promise<void> {
    this.assertHeld();
    const { grant, done } = this.keeper.downgrade();
    // At once: whatever is sent for the lease from now on comes after that.
    this.#grant = grant;
    if (await done) {
      this.#shared = SHARED;
      return;
    }
    this.lose({ reason: 'broken', message: 'the back end no longer had it when it was to be shared' });
    this.assertHeld();
  }

  /** Gives the lease back, once; never rejects. */
  finish(): Promise<LeaseEnd> {
    if (this.#end) return Promise.resolve(this.#end);
    this.#ending ??= this.#finish();
    return this.#ending;
  }

  release(): Promise<boolean> {
    return this.givenBack ? NOT_AGAIN : this.finish().then(wasReleased);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.finish();
  }

  /** What a lease is to people; its other properties lead to the whole coordinator. */
  toJSON(): object {
    return shownLease(this);
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `Lease ${inspect(this.toJSON(), options)}`;
  }

  /** Not `async`: such a function takes much memory each time. */
  #finish(): Promise<LeaseEnd> {
    const heldUntilNow = this.held;
    // Before the release is sent: nothing may be sent for it afterwards.
    if (heldUntilNow) this.#state = 'releasing';
    let freeing: Promise<boolean>;
    try {
      // A lost lease is given back too, best effort: what is stored for it may outlive it by the drift.
      freeing = this.keeper.release();
    } catch (error) {
      freeing = Promise.reject(error);
    }
    // While that is on its way, as it need not wait for this.
    if (heldUntilNow) this.keeper.onLeft();
    return freeing.then(
      (freed) => {
        // It was held until it was given back. That its time ran out before the back end came to free it is no loss.
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
    // A lease that is over may be remembered for long. See above.
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
