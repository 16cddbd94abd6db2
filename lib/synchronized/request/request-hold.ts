import { type AcquireResult, type AcquireTerms, type LockManager, take } from '../../lock/index.js';
import {
  contextOf,
  currentContext,
  HeldLease,
  InnerLease,
  type LeaseContext,
  outerContext,
  runAround,
} from '../../lock/lease/index.js';

/** A lease that is kept until the request has ended. */
interface KeptLease {
  readonly lease: HeldLease;
  /** Whether its loss fails the request. */
  readonly strict: boolean;
}

/** A lock that a call of the request is asking for. */
interface Asking {
  readonly manager: LockManager;
  readonly name: string;
  readonly taken: Promise<unknown>;
}

/**
 * One request, as the outermost interceptor sees it. The request keeps the locks of methods under `until: 'request'` until it has ended,
 * and its other calls of such methods enter under them. At its end it waits for a body that still runs.
 */
export class RequestHold implements LeaseContext {
  /** The lease that was kept last, which the rest of the request finds as the current one. */
  lease: HeldLease | undefined;
  label = '';
  outer = outerContext();
  readonly call = undefined;
  readonly #kept: KeptLease[] = [];
  readonly #asking = new Set<Asking>();
  /** Calls that have not ended. */
  #running = 0;
  #end: Promise<void> | undefined;

  /** The hold of the request in which the running code is, until that request has ended. */
  static current(): RequestHold | undefined {
    for (let context = currentContext(); context; context = context.outer)
      if (context instanceof RequestHold && !context.#end) return context;
    return undefined;
  }

  get over(): boolean {
    return this.#end !== undefined && this.lease?.givenBack !== false;
  }

  run<T>(work: () => T): T {
    return runAround(this, work);
  }

  /** Why the work of the request cannot be trusted: a lease was lost. */
  get lost(): Error | undefined {
    return this.#kept.find(({ lease, strict }) => strict && lease.lost)?.lease.lost;
  }

  /**
   * Takes a lock for the request, or enters the one that it has.
   * @param strict whether its loss fails the request
   * @returns the lease of this call; its end frees nothing
   */
  async enter(manager: LockManager, terms: AcquireTerms, strict: boolean): Promise<AcquireResult> {
    this.#running += 1;
    let entered = false;
    try {
      const lease = await this.#leaseFor(manager, terms, strict);
      // The request has ended meanwhile, or the call has entered a lease further out.
      if (!(lease instanceof HeldLease) || !this.#keeps(lease)) return lease;
      const inner = new InnerLease(terms.names ?? [terms.name], lease, 'this request', manager);
      inner.whenGivenBack(() => this.#ranOne());
      entered = true;
      return inner;
    } finally {
      if (!entered) this.#ranOne();
    }
  }

  /** Gives the locks back once no call runs any more. Resolves when that is done, or at once while one still runs. Never rejects. */
  end(): Promise<void> {
    this.#end ??= this.#running === 0 ? this.#release() : Promise.resolve();
    return this.#end;
  }

  async #leaseFor(manager: LockManager, terms: AcquireTerms, strict: boolean): Promise<AcquireResult> {
    for (;;) {
      const kept = this.#keptFor(manager, terms);
      if (kept) return kept;
      const other = [...this.#asking].find((each) => each.manager === manager && each.name === terms.name);
      if (!other) return this.#ask(manager, terms, strict);
      // This call may be ready to wait for longer than the other one.
      await other.taken;
    }
  }

  async #ask(manager: LockManager, terms: AcquireTerms, strict: boolean): Promise<AcquireResult> {
    // Of several locks, those that the request has already are not waited for.
    const reentrant = terms.reentrant || (terms.names ?? []).some((name) => this.#isOn(manager, name));
    const taking = take(manager, { ...terms, reentrant });
    const asking = { manager, name: terms.name, taken: taking.catch(() => undefined) };
    this.#asking.add(asking);
    try {
      const result = await taking;
      if (result instanceof HeldLease && !(result instanceof InnerLease) && !this.#end)
        this.#keep(result, terms.label, strict);
      return result;
    } finally {
      this.#asking.delete(asking);
    }
  }

  #keep(lease: HeldLease, label: string, strict: boolean): void {
    this.#kept.push({ lease, strict });
    if (this.lease) this.outer = contextOf(this.lease, this.label, this.outer);
    this.lease = lease;
    this.label = label;
  }

  #keeps(lease: HeldLease): boolean {
    return this.#kept.some((kept) => kept.lease === lease);
  }

  #keptFor(manager: LockManager, { name, names = [name] }: AcquireTerms): HeldLease | undefined {
    return this.#kept.find(({ lease }) => lease.isOf(manager) && names.every((each) => lease.isOn(each)))
      ?.lease;
  }

  #isOn(manager: LockManager, name: string): boolean {
    return this.#kept.some(({ lease }) => lease.isOf(manager) && lease.isOn(name));
  }

  #ranOne(): void {
    this.#running -= 1;
    if (this.#running === 0 && this.#end) void this.#release();
  }

  /** The latest lease first: it may have entered an earlier one. */
  async #release(): Promise<void> {
    for (const { lease } of this.#kept.toReversed()) await lease.finish();
  }
}
