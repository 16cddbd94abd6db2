import { quoted } from '../../common/quoted.js';
import type { Clock } from '../../common/clock.js';
import type { Claim, Driver } from '../../drivers/driver.js';
import { InvalidOptionsError } from '../../errors.js';
import { type AcquireCall, LeaseGrant, type LeaseHandle, type NotAcquired } from './acquire-call.js';
import { validityOf } from '../lease/index.js';
import { AcquireLoop } from './acquire-loop.js';
import { GrantHandOff, type HandedOnGrant } from './grant-hand-off.js';
import { LocalQueue, LocalQueues } from './local-queue.js';
import { sharesNothing } from './shared-mode.js';

export interface AcquirerSettings {
  readonly prefix: string;
  readonly memberId: string;
}

type Result = LeaseGrant | NotAcquired;

/**
 * The way of a call to its grant. It passes the queue of its handle, then its lock's queue in this process. Then it gets the grant that
 * the lease before has handed on, or else asks the back end.
 *
 * Nothing on the way is `async` as long as the call finds both queues empty, as nearly every call does: each promise costs.
 */
export class Acquirer {
  readonly #settings: AcquirerSettings;
  readonly #driver: Driver;
  readonly #clock: Clock;
  readonly #queues = new LocalQueues(({ handOff }) => this.#giveBack(handOff));

  constructor(settings: AcquirerSettings, driver: Driver, clock: Clock) {
    this.#settings = settings;
    this.#driver = driver;
    this.#clock = clock;
  }

  acquire(call: AcquireCall): Promise<Result> {
    const { handle } = call;
    if (handle && !handle.queue.tryEnter()) return this.#enterInTurn(call, handle);
    call.enteredHandle();
    return this.#enter(call);
  }

  /** The call does not want its grant any more: gives it back, and leaves the queue. Never rejects. */
  async decline({ handOff, queue }: LeaseGrant): Promise<void> {
    await this.#giveBack(handOff);
    this.#queues.leave(queue);
  }

  /**
   * The lease that had the first place in the queue has ended.
   * @param leftover work that still goes on for the lease, and never rejects; the next call waits for it
   */
  leave(queue: LocalQueue, leftover?: Promise<void>): void {
    this.#queues.leaveAfter(leftover, queue);
  }

  /** Resolves when no try is under way any more for a caller that has gone. */
  settled(): Promise<void> {
    return this.#queues.settled();
  }

  async #enterInTurn(call: AcquireCall, handle: LeaseHandle): Promise<Result> {
    this.#tellWaiting(call);
    if (!(await this.#standIn(handle.queue, call))) return {};
    call.enteredHandle();
    return this.#enter(call);
  }

  /**
   * A fair call waits in the back end's order from the start, and so never in a queue of this process. Neither does a call that shares
   * the lock: the holder before it in that queue may share the lock, too.
   */
  #enter(call: AcquireCall): Promise<Result> {
    const { name, fair, shared } = call.terms;
    let { key } = call.terms;
    try {
      key ??= this.#driver.locks.keyOf(this.#settings.prefix + name);
      if (fair && !this.#driver.queue) throw this.#keepsNoOrder(name);
      if (shared && !this.#driver.traits.modes.includes('shared')) throw sharesNothing(name, this.#driver);
    } catch (error) {
      return Promise.reject(error);
    }
    const queue = fair || shared ? new LocalQueue() : this.#queues.of(key);
    return queue.tryEnter() ? this.#contend(call, key, queue) : this.#contendInTurn(call, key);
  }

  #keepsNoOrder(name: string): InvalidOptionsError {
    return new InvalidOptionsError(
      `Lock ${quoted(name)}: the option "fair" needs a back end that keeps the order of the waiters, and ${this.#driver.description} does not; leave "fair" out, or use one of the back ends of this package, which all keep it`,
    );
  }

  async #contendInTurn(call: AcquireCall, key: string): Promise<Result> {
    this.#tellWaiting(call);
    // Only now: the queue that was found before may be gone.
    const queue = this.#queues.of(key);
    if (await this.#standIn(queue, call)) {
      const handedOn = queue.takeHandedOn();
      return (
        (handedOn && (await this.#accept(handedOn, call, queue))) ?? (await this.#contend(call, key, queue))
      );
    }
    if (queue.outage && !call.terms.waitLimit.cancelled) throw queue.outage.error;
    return { remaining: queue.remainingAt(this.#clock.monotonic()) };
  }

  /** Runs listeners of the application. One that reads the lease in the first place may end it, and so make its queue free. */
  #tellWaiting(call: AcquireCall): void {
    if (!call.terms.waitLimit.tryOnce) call.onWaiting();
  }

  /** Resolves to true when it was this call's turn, and to false when its time limit, or the call, ended before. */
  async #standIn(queue: LocalQueue, { terms: { waitLimit } }: AcquireCall): Promise<boolean> {
    if (waitLimit.tryOnce) return false;
    return queue.tryEnter() || waitLimit.wait((wake) => queue.join(wake));
  }

  /** The grant that the lease before has handed on. It is given back when this call cannot use it. */
  async #accept(
    { handOff, deadline }: HandedOnGrant,
    { terms }: AcquireCall,
    queue: LocalQueue,
  ): Promise<LeaseGrant | undefined> {
    if (handOff.suits(terms) && !terms.waitLimit.cancelled && handOff.mayBegin(deadline))
      return new LeaseGrant(handOff, deadline, queue, this.#clock.monotonic());
    await this.#giveBack(handOff);
    return undefined;
  }

  #contend(call: AcquireCall, key: string, queue: LocalQueue): Promise<Result> {
    const { name, ttl, fencing, fair, shared, bounds, waitLimit: caller } = call.terms;
    const { prefix, memberId } = this.#settings;
    const handOff = new GrantHandOff(
      this.#clock,
      { ttl, fencing },
      !(fair || shared || bounds || this.#driver.guard),
    );
    const claim: Claim = {
      name: prefix + name,
      key,
      ttl: validityOf(ttl, bounds),
      tokens: fencing ? handOff.size : 0,
      mode: shared ? 'shared' : 'exclusive',
      memberId,
      caller,
      onRevoked: handOff.revoke,
    };
    return new AcquireLoop({
      driver: this.#driver,
      clock: this.#clock,
      queues: this.#queues,
      call,
      queue,
      claim,
      handOff,
    }).run();
  }

  /** Never rejects: no caller has this grant, and in the back end it ends by its ttl. */
  async #giveBack({ grant }: GrantHandOff): Promise<void> {
    try {
      await this.#driver.locks.release(grant);
    } catch {
      // As above.
      return;
    }
  }
}
