import type { GuardedTransaction } from '../guard/index.js';
import { Deadline } from './deadline.js';
import { HeldLease } from './held-lease.js';

/** The member that has a lease. */
export interface LeaseOwner {
  readonly memberId: string;
  readonly log: { warn(message: string): void };
}

/**
 * The lease of a re-entrant call. It has the token, the deadline and the signal of the lease outside. Its end frees nothing. It is lost
 * when the lease outside ends before it.
 */
export class InnerLease extends HeldLease {
  readonly #outer: HeldLease;
  readonly #names: readonly string[];
  #onEnd: (() => void) | undefined;

  /**
   * @param names that the call asks for; the lease outside is on each of them
   * @param outside the function that has the lease outside
   */
  constructor(
    names: readonly string[],
    outer: HeldLease,
    private readonly outside: string,
    owner: LeaseOwner,
  ) {
    super(names.join(' + '), outer.grant, outer.ttl, Deadline.never, {
      memberId: owner.memberId,
      owner,
      // `assertIn` and `downgrade` ask the lease outside.
      guard: (): never => refuse(),
      downgrade: (): never => refuse(),
      release: () => Promise.resolve(true),
      onLeft: () => undefined,
      // The lease outside reports its own loss.
      onLost: (error) => {
        if (error.reason === 'released') owner.log.warn(error.message);
      },
      onReleased: () => this.#onEnd?.(),
    });
    this.#outer = outer;
    this.#names = names;
  }

  /** @param listener called when it was given back; one at most */
  whenGivenBack(listener: () => void): void {
    this.#onEnd = listener;
  }

  override get leases(): readonly HeldLease[] {
    return this.#outer.leases;
  }

  override get signal(): AbortSignal {
    return this.#outer.signal;
  }

  override get fencingToken(): number | undefined {
    return this.#names.length === 1 ? this.#outer.fencingTokenOf(this.#names[0]!) : undefined;
  }

  override fencingTokenOf(name: string): number | undefined {
    return this.isOn(name) ? this.#outer.fencingTokenOf(name) : super.fencingTokenOf(name);
  }

  override get deadline(): number {
    return this.#outer.deadline;
  }

  override get shared(): boolean {
    return this.#outer.shared;
  }

  override async assertIn(transaction: GuardedTransaction): Promise<void> {
    this.assertHeld();
    await this.#outer.assertIn(transaction);
  }

  /** The lock is shared for the call outside too. */
  override downgrade(): Promise<void> {
    this.check();
    return this.#outer.downgrade();
  }

  override get term(): Deadline {
    return this.#outer.term;
  }

  override get monotonicDeadline(): number {
    return this.#outer.monotonicDeadline;
  }

  override isOn(name: string): boolean {
    return this.#names.includes(name);
  }

  override remaining(): number {
    return this.held ? this.#outer.remaining() : 0;
  }

  override check(): void {
    // Once it was given back, the fate of the lease outside does not concern it.
    if (this.givenBack) return;
    const { lost } = this.#outer;
    if (lost)
      this.lose({ reason: lost.reason, message: `the lease of ${this.outside} outside was lost` }, lost);
    else if (this.#outer.givenBack)
      this.lose({
        reason: 'released',
        message: `the lease of ${this.outside}, which it had entered, has ended before; await this work there`,
      });
  }
}

/** For the methods of a keeper that are never called: the class asks another lease instead. */
export function refuse(): never {
  throw new Error('another lease is asked for that');
}
