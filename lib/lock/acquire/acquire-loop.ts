import { Backoff } from '../../common/backoff.js';
import type { Clock } from '../../common/clock.js';
import type { Claim, Driver, Granted, QueuedWaiter, Taken } from '../../drivers/driver.js';
import { UnorderedWaiter } from '../../drivers/unordered-waiter.js';
import { BackendUnavailableError } from '../../errors.js';
import { Deadline } from '../lease/index.js';
import { type AcquireCall, LeaseGrant, type NotAcquired } from './acquire-call.js';
import type { GrantHandOff } from './grant-hand-off.js';
import { wholly } from './whole-grant.js';
import type { LocalQueue, LocalQueues } from './local-queue.js';

/** A waiter looks at the lock at least this often, ms. This is the most that a lost wake-up costs. */
const LONGEST_LOOK_AWAY = 1000;
/** Shorter pauses than this, ms, are slept through without asking for a wake-up. */
const WORTH_WATCHING = 20;
/** The pauses after the back end did not answer, or answered too late, ms. */
const PAUSES = { first: 50, longest: LONGEST_LOOK_AWAY };

type Reply = Granted | Taken;
type Outcome = LeaseGrant | Taken | BackendUnavailableError | 'gone';

export interface AcquireLoopContext {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly call: AcquireCall;
  readonly queues: LocalQueues;
  /** The queue in which this contender has the first place. It keeps the outage for the waiters behind. */
  readonly queue: LocalQueue;
  readonly claim: Claim;
  /** Carries the grant. The claim's `onRevoked` tells it of a revocation. */
  readonly handOff: GrantHandOff;
}

/**
 * The steps of a contender for a lock: try, ask for a wake-up, try again, wait, and so on.
 *
 * The try after asking closes the gap in which a release would be missed. The loop gives a grant back that comes when the caller
 * has gone, or after its own deadline. A contender without a grant leaves its queue.
 */
export class AcquireLoop {
  #waiter?: QueuedWaiter;
  #wake?: () => void;
  #rung = false;
  /** Made when they are needed: most locks are free. */
  #outages?: Backoff;
  #lateness?: Backoff;
  #grant?: LeaseGrant;
  /** The last try, which the caller does not wait for. It settles when its grant was given back. */
  #leftover?: Promise<void>;

  constructor(private readonly context: AcquireLoopContext) {}

  /** Not `async`: nearly every lock is free, and an async function takes much memory each time. */
  run(): Promise<LeaseGrant | NotAcquired> {
    const { waitLimit } = this.context.call.terms;
    let first: Promise<Outcome>;
    try {
      if (!waitLimit.tryOnce) this.#waiter = this.#newWaiter();
      first = this.#tryOnce();
    } catch (error) {
      this.#leave();
      return Promise.reject(error);
    }
    return first.then(
      (outcome) => (outcome instanceof LeaseGrant ? this.#won(outcome) : this.#goOn(outcome)),
      (error: unknown) => {
        this.#leave();
        throw error;
      },
    );
  }

  #newWaiter(): QueuedWaiter {
    const { driver, claim } = this.context;
    const wake = (): void => this.#ring();
    return driver.queue ? driver.queue.enqueue(claim, wake) : new UnorderedWaiter(driver.locks, claim, wake);
  }

  /** @param outcome of the first try */
  async #goOn(outcome: Outcome): Promise<LeaseGrant | NotAcquired> {
    const { waitLimit } = this.context.call.terms;
    try {
      for (;;) {
        if (outcome === 'gone') return {};
        this.#noteOutcome(outcome);
        if (outcome instanceof LeaseGrant) return outcome;
        if (waitLimit.tryOnce || waitLimit.end) return this.#giveUp(outcome);
        this.context.call.onWaiting();
        if (outcome instanceof BackendUnavailableError) await this.#waitOutOutage(outcome);
        else await this.#waitForRelease(outcome);
        if (waitLimit.end) return this.#giveUp(outcome);
        outcome = await this.#tryOnce();
      }
    } finally {
      this.#leave();
    }
  }

  #won(grant: LeaseGrant): LeaseGrant {
    this.#noteOutcome(grant);
    this.#leave();
    return grant;
  }

  #leave(): void {
    const left = this.#leftover ? this.#leftover.then(() => this.#leaveQueue()) : this.#leaveQueue();
    const { queues, queue } = this.context;
    if (!this.#grant) queues.leaveAfter(left, queue);
  }

  /** The waiters behind must not wait for a driver that fails to leave its queue: its entry there ends by its ttl, or with the driver. */
  #leaveQueue(): Promise<void> | undefined {
    try {
      return this.#waiter?.leave()?.catch(() => undefined);
    } catch {
      return undefined;
    }
  }

  #giveUp(last: Taken | BackendUnavailableError): NotAcquired {
    if (!(last instanceof BackendUnavailableError)) return { remaining: last.remaining };
    if (this.context.call.terms.waitLimit.cancelled) return {};
    throw last;
  }

  #tryOnce(): Promise<Outcome> {
    const { driver, clock, claim } = this.context;
    const { ttl, bounds, waitLimit } = this.context.call.terms;
    const deadline = driver.traits.lifetime === 'lease' ? Deadline.ofLease(clock, ttl) : Deadline.never;
    this.#rung = false;
    const reply = this.#waiter ? this.#waiter.tryAcquire() : driver.locks.acquire(claim);
    const attempt = bounds ? wholly(reply, claim, driver.locks, clock) : reply;
    return waitLimit.waitForTry<Reply, Outcome>(
      attempt,
      (reply) => this.#judge(reply, attempt, deadline),
      outageOf,
    );
  }

  /** @param reply of the attempt; undefined when the caller has gone before it came */
  #judge(reply: Reply | undefined, attempt: Promise<Reply>, deadline: Deadline): Outcome | Promise<Outcome> {
    const { clock, call, queue, handOff } = this.context;
    const { waitLimit } = call.terms;
    if (!reply) {
      this.#leftover = this.#giveBack(attempt);
      return 'gone';
    }
    if (!reply.granted) return reply;
    const { grant } = reply;
    const { term } = grant;
    const end = term ? Deadline.ofLease(clock, Math.min(term.ms, call.terms.ttl), term.since) : deadline;
    const now = clock.monotonic();
    if (!end.over && !waitLimit.cancelled && handOff.begin(grant, now)) {
      this.#grant = new LeaseGrant(handOff, end, queue, now);
      return this.#grant;
    }
    const retryAfter = end.over ? this.#backOffFromLate() : 0;
    return this.#giveBack(attempt).then(() => {
      // Giving it back may have woken this very waiter.
      if (retryAfter > 0) this.#rung = false;
      return waitLimit.cancelled ? 'gone' : { granted: false, retryAfter };
    });
  }

  /** The lease was over when it came: the ttl is shorter than a round trip, or this process was held up. */
  #backOffFromLate(): number {
    this.#lateness ??= new Backoff(PAUSES);
    return this.#lateness.next();
  }

  async #giveBack(attempt: Promise<Reply>): Promise<void> {
    try {
      const reply = await attempt;
      if (reply.granted) await this.context.driver.locks.release(reply.grant);
    } catch {
      // No caller waits for this try. What it may have stored ends by its ttl, or with the process.
      return;
    }
  }

  async #waitForRelease(busy: Taken): Promise<void> {
    const pause = Math.min(busy.retryAfter ?? LONGEST_LOOK_AWAY, LONGEST_LOOK_AWAY);
    const ready = pause < WORTH_WATCHING ? undefined : this.#waiter?.ready();
    await this.#sleep(pause, ready);
  }

  #noteOutcome(outcome: LeaseGrant | Taken | BackendUnavailableError): void {
    const { clock, queue } = this.context;
    if (outcome instanceof BackendUnavailableError) {
      // A back end that tells when it will grant again is not away.
      const earlier = outcome.endsIn === undefined ? queue.outage?.since : undefined;
      queue.noteOutage({ since: earlier ?? clock.monotonic(), error: outcome });
    } else {
      queue.noteOutage(undefined);
      const remaining = outcome instanceof LeaseGrant ? undefined : outcome.remaining;
      queue.noteTaken(remaining === undefined ? 0 : clock.monotonic() + remaining);
      this.#outages?.reset();
    }
  }

  async #waitOutOutage(error: BackendUnavailableError): Promise<void> {
    const { clock, queue } = this.context;
    const now = clock.monotonic();
    const { endsIn } = error;
    if (endsIn !== undefined) {
      await this.#sleep(Math.min(Math.ceil(endsIn), LONGEST_LOOK_AWAY));
      return;
    }
    if (now - (queue.outage?.since ?? now) >= this.context.call.terms.ttl) throw error;
    this.#outages ??= new Backoff(PAUSES);
    await this.#sleep(this.#outages.next());
  }

  /** Sleeps until a wake-up, until `other` settles, or for `ms` ms. A wake-up during the last try ends it at once. */
  async #sleep(ms: number, other?: Promise<void>): Promise<void> {
    void other?.catch(() => undefined);
    if (this.#rung) return;
    await this.context.call.terms.waitLimit.wait((wake) => {
      this.#wake = wake;
      // Without the wake-ups of a driver that fails, the looks go on.
      void other?.then(wake, () => undefined);
      return () => (this.#wake = undefined);
    }, ms);
  }

  #ring(): void {
    this.#rung = true;
    this.#wake?.();
  }
}

function outageOf(error: unknown): BackendUnavailableError {
  if (error instanceof BackendUnavailableError) return error;
  throw error;
}
