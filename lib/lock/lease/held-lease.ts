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
  /** The grant before the downgrade. The back end may know the lease by it until it has done the downgrade. */
  #exclusive: Grant | undefined;
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

  /** The leases that the back end knows: one for each lock. */
  get leases(): readonly HeldLease[] {
    return [this];
  }

  /** Whether the back end may know the lease by this id of a grant. */
  isKnownBy(id: string): boolean {
    return id === this.#grant.id || id === this.#exclusive?.id;
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

  async downgrade(): Promise<void> {
    if (!this.#shared) {
      this.assertHeld();
      const { grant, done } = this.keeper.downgrade();
      // At once: every later request for the lease comes after the downgrade.
      this.#exclusive = this.#grant;
      this.#grant = grant;
      this.#shared = this.#share(done);
    }
    await this.#shared;
  }

  async #share(done: Promise<boolean>): Promise<void> {
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
