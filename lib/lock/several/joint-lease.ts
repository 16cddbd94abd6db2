import type { Loss } from '../../drivers/driver.js';
import { quoted } from '../../common/quoted.js';
import type { GuardedTransaction } from '../guard/index.js';
import { Deadline, HeldLease, type LeaseOwner, refuse } from '../lease/index.js';

/** One lock of several, with the names that mean it. */
export interface JointPart {
  readonly names: readonly string[];
  readonly lease: HeldLease;
}

/**
 * One lease on several locks, each of which has a lease of its own below. It ends when the first of them does, and gives all back
 * together. A loss of one is a loss of all: the others are renewed no more, and given back with the whole.
 */
export class JointLease extends HeldLease {
  readonly #parts: readonly JointPart[];

  /** @param onEnd called when it was given back */
  constructor(
    name: string,
    parts: readonly JointPart[],
    owner: LeaseOwner,
    onEnd: () => void = () => undefined,
  ) {
    const { grant, ttl } = parts[0]!.lease;
    const unlinks: (() => void)[] = [];
    super(name, grant, ttl, Deadline.never, {
      memberId: owner.memberId,
      owner,
      // `assertIn` and `downgrade` ask each part.
      guard: (): never => refuse(),
      downgrade: (): never => refuse(),
      release: () => giveBack(parts),
      onLeft: () => {
        for (const unlink of unlinks) unlink();
      },
      // Each part has reported its own loss.
      onLost: () => undefined,
      onReleased: onEnd,
    });
    this.#parts = parts;
    for (const part of parts) {
      const { signal } = part.lease;
      const onLost = (): void => this.#loseAll(part);
      signal.addEventListener('abort', onLost);
      unlinks.push(() => signal.removeEventListener('abort', onLost));
    }
    this.check();
  }

  override get leases(): readonly HeldLease[] {
    return this.#parts.flatMap(({ lease }) => lease.leases);
  }

  /** A number for each lock: see `fencingTokenOf`. */
  override get fencingToken(): undefined {
    return undefined;
  }

  override fencingTokenOf(name: string): number | undefined {
    const part = this.#parts.find(({ names }) => names.includes(name));
    return part ? part.lease.fencingToken : super.fencingTokenOf(name);
  }

  override get deadline(): number {
    return Math.min(...this.#parts.map(({ lease }) => lease.deadline));
  }

  override get monotonicDeadline(): number {
    return Math.min(...this.#parts.map(({ lease }) => lease.monotonicDeadline));
  }

  /** Whether any of the locks is shared: then the whole is not held alone. */
  override get shared(): boolean {
    return this.#parts.some(({ lease }) => lease.shared);
  }

  override async assertIn(transaction: GuardedTransaction): Promise<void> {
    this.assertHeld();
    // One after the other: a transaction runs one statement at a time.
    for (const { lease } of this.#parts) await lease.assertIn(transaction);
  }

  override async downgrade(): Promise<void> {
    this.assertHeld();
    await Promise.all(this.#parts.map(({ lease }) => lease.downgrade()));
  }

  override isOn(name: string): boolean {
    return this.#parts.some(({ names }) => names.includes(name));
  }

  override remaining(): number {
    return this.held ? Math.min(...this.#parts.map(({ lease }) => lease.remaining())) : 0;
  }

  override check(): void {
    if (this.givenBack) return;
    const lost = this.#parts.find(({ lease }) => lease.lost);
    if (lost) this.#loseAll(lost);
  }

  override lose(loss: Loss, cause?: unknown): void {
    super.lose(loss, cause);
    const together = `it was held together with others: ${loss.message}`;
    for (const { lease } of this.#parts) lease.lose({ reason: loss.reason, message: together }, cause);
  }

  #loseAll({ names, lease: { lost } }: JointPart): void {
    if (!lost || this.givenBack) return;
    this.lose(
      { reason: lost.reason, message: `that of ${quoted(names[0] ?? '')} was lost (${lost.reason})` },
      lost,
    );
  }
}

/** Gives back every part, also when another one fails. */
async function giveBack(parts: readonly JointPart[]): Promise<boolean> {
  const ends = await Promise.all(parts.map(({ lease }) => lease.finish()));
  for (const end of ends) if (end.kind === 'unconfirmed') throw end.error;
  return ends.every(({ kind }) => kind === 'released');
}
