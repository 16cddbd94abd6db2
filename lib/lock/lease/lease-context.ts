import { AsyncLocalStorage } from 'node:async_hooks';
import type { HeldLease } from './held-lease.js';
import type { Lease } from './lease.js';

/** A lease that the running code is under, and the one outside it. */
export interface LeaseContext {
  /** Undefined until the lease was taken, where the code around a body begins before. */
  readonly lease: HeldLease | undefined;
  /** The function that runs under the lease, for messages. */
  readonly label: string;
  /** Set by {@link outerContext} too, which leaves out contexts that are over. */
  outer: LeaseContext | undefined;
  /** The call of a handler whose body has not begun in this context; opaque here. */
  readonly call: object | undefined;
  /** True when its lease was given back, and no other one comes. */
  readonly over: boolean;
}

/** A lease, and the function that runs under it. */
export interface LeasedContext {
  readonly lease: HeldLease;
  readonly label: string;
}

const storage = new AsyncLocalStorage<LeaseContext>();

/** So many contexts that are over are kept: they refuse a re-entrant call from work that has outlived its lease. */
const KEPT = 16;

class UnderLease implements LeaseContext {
  constructor(
    readonly lease: HeldLease,
    readonly label: string,
    public outer: LeaseContext | undefined,
    readonly call: object | undefined,
  ) {}

  get over(): boolean {
    return this.lease.givenBack;
  }
}

/**
 * The context of the running code, for a new one inside of it. A method that a timer calls anew runs inside of all its earlier calls:
 * the latest contexts that are over are kept, and the memory of the others is freed.
 */
export function outerContext(): LeaseContext | undefined {
  const innermost = storage.getStore();
  let over = 0;
  let last = innermost;
  for (let context = innermost; context; context = context.outer) {
    if (context.over) over += 1;
    if (last && context.over && over > KEPT) last.outer = context.outer;
    else last = context;
  }
  return innermost;
}

/** Runs `body` so that it and the code that it calls see `lease` as the current one. */
export function runUnder<T>(lease: HeldLease, label: string, body: () => T): T {
  const outer = outerContext();
  return storage.run(new UnderLease(lease, label, outer, outer?.call), body);
}

/** As {@link runUnder}, for the body of a handler: the code that it calls is no part of the handler's own call any more. */
export function runBodyUnder<T>(lease: HeldLease, label: string, body: () => T): T {
  return storage.run(new UnderLease(lease, label, outerContext(), undefined), body);
}

/** The context of an earlier lease, for a context that has got another lease. */
export function contextOf(lease: HeldLease, label: string, outer: LeaseContext | undefined): LeaseContext {
  return new UnderLease(lease, label, outer, undefined);
}

/** Runs the code around a handler; `context` may get its lease meanwhile. */
export function runAround<T>(context: LeaseContext, work: () => T): T {
  return storage.run(context, work);
}

export function currentContext(): LeaseContext | undefined {
  return storage.getStore();
}

/**
 * The innermost lease under which this async context runs, set by `using` and `@Synchronized`. The interceptors between the lock
 * and a handler see it too, from when it was taken: an interceptor that commits after the handler can check it.
 *
 * A lease that was lost is still given while its body runs, so that `assertHeld()` throws and `signal` is aborted.
 *
 * @returns the lease; undefined outside of one, and once it was given back
 * @example
 * \@Synchronized('<share.id>')
 * async extend(share: Share) {
 *   currentLease()?.assertHeld();
 *   await this.storage.write(share, { signal: currentLease()?.signal });
 * }
 *
 * @publicApi
 */
export function currentLease(): Lease | undefined {
  let context = storage.getStore();
  while (context && !context.lease) context = context.outer;
  const lease = context?.lease;
  return lease?.givenBack === false ? lease : undefined;
}

/** The leases of this async context that were not given back, the innermost first. */
export function currentLeases(): HeldLease[] {
  const leases: HeldLease[] = [];
  for (let context = storage.getStore(); context; context = context.outer) {
    const { lease } = context;
    if (lease?.givenBack === false) leases.push(lease);
  }
  return leases;
}

/** The leases of that owner on all those locks that this async context is, or was, under; the innermost first. */
export function contextsOn(owner: unknown, names: readonly string[]): LeasedContext[] {
  const found: LeasedContext[] = [];
  for (let context = storage.getStore(); context; context = context.outer) {
    const { lease, label } = context;
    if (lease?.isOf(owner) && names.every((name) => lease.isOn(name))) found.push({ lease, label });
  }
  return found;
}

/** The function of this async context that already holds the lock, if there is one. */
export function holderInThisContext(owner: unknown, name: string): string | undefined {
  return holdingInThisContext(owner, name)?.label;
}

/** The function of this async context that shares the lock, if there is one. */
export function sharerInThisContext(owner: unknown, name: string): string | undefined {
  const holding = holdingInThisContext(owner, name);
  return holding?.lease.shared ? holding.label : undefined;
}

/** The lease of this async context that holds the lock, and the function under it. */
export function holdingInThisContext(owner: unknown, name: string): LeasedContext | undefined {
  for (let context = storage.getStore(); context; context = context.outer) {
    const { lease, label } = context;
    if (lease?.isOn(name) && lease.isOf(owner) && lease.held) return { lease, label };
  }
  return undefined;
}
