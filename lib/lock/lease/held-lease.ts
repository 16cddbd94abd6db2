import { inspect, type InspectOptions } from 'node:util';
import type { Grant } from '../../drivers/driver.js';
import { type GuardedTransaction, runGuard } from '../guard/index.js';
import type { Deadline } from './deadline.js';
import type { Lease } from './lease.js';
import { type LeaseKeeper, LeaseLife, wasReleased } from './lease-life.js';
import { notOnLock, notProtecting, shownLease } from './lease-text.js';

/** Promises of no call: see {@link LeaseLife}. */
const NOT_AGAIN = Promise.resolve(false);
const SHARED = Promise.resolve();

/** The lease of a holder, with the grant by which the back end knows it. */
export class HeldLease extends LeaseLife implements Lease {
  #grant: Grant;
  /** Set when the lock is shared; settles when the back end has confirmed that. */
  #shared: Promise<void> | undefined;

  constructor(
    name: string,
    grant: Grant,
    readonly ttl: number,
    deadline: Deadline,
    keeper: LeaseKeeper,
    shared = false,
  ) {
    super(name, deadline, keeper);
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

  get fencingToken(): number | undefined {
    return this.#grant.tokens?.first;
  }

  /** The grants of the back end: one for each lock. */
  get grants(): readonly Grant[] {
    return [this.grant];
  }

  fencingTokenOf(name: string): number | undefined {
    if (this.isOn(name)) return this.fencingToken;
    throw notOnLock(this.name, name);
  }

  /** How long the back end keeps the lock after a renewal that is sent now, ms. */
  get validity(): number {
    return this.ttl;
  }

  /** How long the lock stays taken when the lease is given back now, ms. */
  get keepFor(): number {
    return 0;
  }

  /** True when it holds the lock of that name. */
  isOn(name: string): boolean {
    return this.name === name;
  }

  /** True when that owner made this lease. */
  isOf(owner: unknown): boolean {
    return this.keeper.owner === owner;
  }

  async assertIn(transaction: GuardedTransaction): Promise<void> {
    this.assertHeld();
    const loss = await runGuard(this.name, this.keeper.guard(), transaction);
    if (!loss) return;
    if (loss.reason !== 'stale-snapshot') this.lose(loss, loss.cause);
    this.assertHeld();
    throw notProtecting(this.name, this.keeper.memberId, loss);
  }

  downgrade(): Promise<void> {
    this.#shared ??= this.#share();
    return this.#shared;
  }

  async #share(): Promise<void> {
    this.assertHeld();
    const { grant, done } = this.keeper.downgrade();
    // At once: every later request for the lease comes after the downgrade.
    this.#grant = grant;
    if (await done) {
      this.#shared = SHARED;
      return;
    }
    this.lose({ reason: 'broken', message: 'the back end no longer had it when it was to be shared' });
    this.assertHeld();
  }

  release(): Promise<boolean> {
    return this.givenBack ? NOT_AGAIN : this.finish().then(wasReleased);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.finish();
  }

  /** The properties that logs show; the other ones lead to the whole coordinator. */
  toJSON(): object {
    return shownLease(this);
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `Lease ${inspect(this.toJSON(), options)}`;
  }
}
