import { Bag, type Slot } from '../common/bag.js';
import { Schedule } from '../common/schedule.js';
import type { Driver } from '../drivers/driver.js';
import type { LeaseLostError } from '../errors.js';
import { AcquireCall, type AcquireTerms, type Acquisition, throwIfGone } from './acquire-call.js';
import { Contest, type ContestHost } from './contest.js';
import type { Deadline } from './deadline.js';
import { Drain } from './drain.js';
import { Heartbeat } from './heartbeat.js';
import { HeldLease, type LeaseEnd, type LeaseKeeper } from './lease.js';
import { holderInThisContext } from './lease-context.js';
import { LeaseReports, type ReportContext } from './lease-reports.js';
import { Patience } from './patience.js';
import { type Offer, Tenure } from './tenure.js';
import { WaitingLine } from './waiting-line.js';

/** As many lines are kept when nobody is in them: a lock in a loop makes none. */
const FEW_LINES = 100;

const HANDED_ON = Promise.resolve(true);

export interface LeaserSettings {
  readonly agentId: string;
  readonly prefix: string;
  readonly memberId: string;
  readonly ttl: number;
  readonly heartbeat: number;
  readonly blocking: boolean | number;
  readonly fencing: boolean;
}

export interface LeaserContext extends ReportContext {
  readonly driver: Driver;
}

/** A lease that is held: whose place in which line it has, under which grant, and since when, on the monotonic clock, ms. */
export interface Holding {
  readonly line: WaitingLine;
  readonly tenure: Tenure;
  readonly since: number;
  readonly slot: Slot<HeldLease>;
}

/**
 * Takes leases for one coordinator, from its start to its stop: the waiting line of each name, the tries, the
 * wake-ups, and the heartbeat that renews what is held.
 */
export class Leaser implements LeaseKeeper {
  readonly drain: Drain;
  readonly #lines = new Map<string, WaitingLine>();
  readonly #held = new Bag<HeldLease>();
  readonly #reports: LeaseReports;
  readonly #schedule: Schedule;
  readonly #heartbeat: Heartbeat;
  /** Calls of `acquire` under way. */
  #pending = 0;
  /** Tries that nobody waits for any more. */
  readonly #leftovers = new Set<Promise<void>>();
  /** Told when nothing is held or waited for any more. */
  #onIdle?: () => void;
  readonly #tellWaiting = ({ name, label }: AcquireCall): void =>
    this.#reports.waiting(name, label, holderInThisContext(this, name));
  readonly #host: ContestHost = {
    take: (...grant) => this.#take(...grant),
    leave: (line, leftover) => this.#leaveAfter(leftover, line),
  };

  constructor(
    readonly settings: LeaserSettings,
    private readonly context: LeaserContext,
  ) {
    const { clock, driver } = context;
    this.#reports = new LeaseReports(settings.memberId, context);
    this.drain = new Drain(clock);
    this.#schedule = new Schedule(clock);
    this.#heartbeat = new Heartbeat(driver, clock, this.#schedule, {
      memberId: settings.memberId,
      ttl: settings.ttl,
      period: settings.heartbeat,
      warn: (message) => this.#reports.warn(message),
    });
  }

  get memberId(): string {
    return this.settings.memberId;
  }

  /** How many leases are held, and how many calls are on their way to one. */
  get usage(): { readonly held: number; readonly waiting: number } {
    return { held: this.#held.size, waiting: this.#pending };
  }

  start(): Promise<void> {
    return this.#heartbeat.start();
  }

  /**
   * Refuses who still waits, gives holders what is left of `timeout` ms to end, and then lets go: the leases whose
   * work still runs are not released under it, but aborted and renewed no more.
   */
  async stop(timeout: number): Promise<void> {
    this.drain.begin(timeout);
    await this.#idle(timeout);
    this.drain.finish();
    for (const lease of this.#held.items().filter(({ held }) => held))
      lease.lose({ reason: 'stopped', message: 'the coordinator stopped while its work was still running' });
    // Those whose work has ended are being released, and who was refused just now leaves a try behind; the driver
    // answers each in bounded time.
    await Promise.all([this.#idle(), this.#heartbeat.stop()]);
    await Promise.all(this.#leftovers);
    this.#schedule.clear();
  }

  patience(blocking: boolean | number, signal?: AbortSignal): Patience {
    return new Patience(this.context.clock, blocking, this.drain, signal);
  }

  /**
   * Takes a lease on the name, waiting as long as the patience lasts.
   * @param handleLine a line of the caller's own to stand in before: a handle's, which carries one lease at a time
   * @throws the signal's reason when it aborts; BackendUnavailableError when the back end cannot be asked.
   */
  acquire(terms: AcquireTerms, handleLine?: WaitingLine): Promise<Acquisition> {
    if (terms.patience.gone) return this.#turnAway(terms);
    const call = new AcquireCall(terms, this.context.clock.monotonic(), this.#tellWaiting);
    this.#pending += 1;
    return this.#begin(call, handleLine).then(
      (result) => (result instanceof HeldLease ? this.#end(call, result) : this.#refuse(call, result)),
      (error: unknown) => this.#fail(call, error),
    );
  }

  async #turnAway(terms: AcquireTerms): Promise<Acquisition> {
    throwIfGone(terms, this.memberId);
    return {};
  }

  #begin(call: AcquireCall, handleLine?: WaitingLine): Promise<Acquisition> {
    if (handleLine && !handleLine.tryEnter()) return this.#beginInTurn(call, handleLine);
    call.handleLine = handleLine;
    return this.#acquire(call);
  }

  async #beginInTurn(call: AcquireCall, handleLine: WaitingLine): Promise<Acquisition> {
    if (!(await this.#standIn(handleLine, call))) return {};
    call.handleLine = handleLine;
    return this.#acquire(call);
  }

  #end<T extends Acquisition | undefined>(call: AcquireCall, result: T): T {
    if (!(result instanceof HeldLease)) call.handleLine?.leave();
    this.#pending -= 1;
    this.#checkIdle();
    return result;
  }

  #refuse(call: AcquireCall, refusal: Acquisition): Acquisition {
    const { name, label, patience } = call;
    try {
      throwIfGone(call, this.memberId);
    } catch (error) {
      return this.#fail(call, error);
    }
    // A call that waited was warned of when it began to.
    this.#reports.refused(name, label, patience.once ? holderInThisContext(this, name) : undefined);
    return this.#end(call, refusal);
  }

  #fail(call: AcquireCall, error: unknown): never {
    this.#reports.failed(call.name, call.label, error);
    this.#end(call, undefined);
    throw error;
  }

  /** Frees the lock whoever holds it. */
  async break(name: string): Promise<boolean> {
    // Looked up before: by the time of the reply the next grant of this process may have the lock.
    const ours = this.#held.items().flatMap(({ name: held, holding }) => (held === name && holding) || []);
    this.#pending += 1;
    try {
      const broken = await this.context.driver.break(this.settings.prefix + name);
      // Whichever of its leases stands on such a grant by now.
      if (broken)
        for (const { tenure } of ours) tenure.revoke({ reason: 'broken', message: 'the lock was broken' });
      return broken;
    } finally {
      this.#pending -= 1;
      this.#checkIdle();
    }
  }

  isStillOwner(lease: HeldLease): Promise<boolean> {
    return this.context.driver.isOwner(lease.grant);
  }

  /** Hands the lock on to the next waiter of this process, or else gives it back. */
  release(lease: HeldLease): Promise<boolean> {
    const { holding } = lease;
    if (!holding || holding.line.length === 0) return this.context.driver.release(lease.grant);
    const { line, tenure } = holding;
    const { term } = lease;
    // A lost lease is held no more, whatever the back end still has of it.
    if (lease.state !== 'releasing' || this.drain.over || !tenure.mayHandOn(term))
      return this.context.driver.release(lease.grant);
    line.offer = tenure.handOn(term);
    return HANDED_ON;
  }

  onLeft(lease: HeldLease): void {
    this.#heartbeat.drop(lease);
  }

  onLost(lease: HeldLease, error: LeaseLostError): void {
    this.#reports.lost(lease, error);
    this.#forget(lease);
  }

  onReleased(lease: HeldLease, end: LeaseEnd): void {
    this.#reports.ended(lease, end, lease.holding?.since);
    this.#forget(lease);
  }

  /**
   * A fair call waits in the back end's order from the start, and so never in a line of this process.
   * Not `async`: nearly every call finds nobody in the line, and each promise on its way costs. */
  #acquire(call: AcquireCall): Promise<Acquisition> {
    try {
      call.key = this.context.driver.keyOf?.(this.settings.prefix + call.name);
    } catch (error) {
      return Promise.reject(error);
    }
    const line = call.fair ? new WaitingLine() : this.#lineOf(call.key ?? call.name);
    return line.tryEnter() ? this.#contend(call, line) : this.#contendInTurn(call, line);
  }

  async #contendInTurn(call: AcquireCall, line: WaitingLine): Promise<Acquisition> {
    if (await this.#standIn(line, call)) {
      const { offer } = line;
      line.offer = undefined;
      return (offer && (await this.#accept(offer, call, line))) ?? (await this.#contend(call, line));
    }
    if (line.outage && !call.patience.gone) throw line.outage.error;
    return {};
  }

  /** Resolves to true when it was this call's turn, and to false when it did not wait so long. */
  async #standIn(line: WaitingLine, call: AcquireCall): Promise<boolean> {
    const { patience } = call;
    if (patience.once) return false;
    call.onWaiting();
    return patience.wait((wake) => line.join(wake));
  }

  /** What the one before has handed on, unless it is of no use; then it is given back. */
  async #accept(
    { tenure, deadline }: Offer,
    call: AcquireCall,
    line: WaitingLine,
  ): Promise<HeldLease | undefined> {
    if (tenure.suits(call) && !call.patience.gone && tenure.mayBegin(deadline))
      return this.#take(call, line, tenure, deadline, this.context.clock.monotonic());
    await this.#giveBack(tenure);
    return undefined;
  }

  #contend(call: AcquireCall, line: WaitingLine): Promise<Acquisition> {
    const { name, key, ttl, fencing, fair, patience: asker } = call;
    const { driver, clock } = this.context;
    const tenure = new Tenure(clock, { ttl, fencing }, !fair);
    const request = {
      name: this.settings.prefix + name,
      key,
      ttl,
      fencing,
      tokens: tenure.size,
      memberId: this.memberId,
      asker,
      onRevoked: tenure.revoke,
    };
    return new Contest({ driver, clock, call, line, request, tenure, host: this.#host }).run();
  }

  /** @param now on the monotonic clock, ms */
  #take(call: AcquireCall, line: WaitingLine, tenure: Tenure, deadline: Deadline, now: number): HeldLease {
    const lease = new HeldLease(call.name, tenure.next(), call.ttl, deadline, this);
    tenure.carry(lease);
    lease.holding = { line, tenure, since: now, slot: this.#held.add(lease) };
    this.#heartbeat.keep(lease);
    this.#reports.acquired(lease, call.label, call.since);
    return lease;
  }

  /** The next one of this process may not ask for the lock while an abandoned try for it is under way. */
  #leaveAfter(leftover: Promise<void> | undefined, line: WaitingLine): void {
    if (!leftover) return this.#leave(line);
    this.#finishLater(leftover.then(() => this.#leave(line)));
  }

  /** The coordinator's stop waits for it. */
  #finishLater(leftover: Promise<void>): void {
    const done = leftover.finally(() => this.#leftovers.delete(done));
    this.#leftovers.add(done);
  }

  /** Never rejects: nobody has this lease, and what the back end keeps of it ends by its ttl. */
  async #giveBack({ grant }: Tenure): Promise<void> {
    await this.context.driver.release(grant).catch(() => undefined);
  }

  #lineOf(key: string): WaitingLine {
    let line = this.#lines.get(key);
    if (!line) this.#lines.set(key, (line = new WaitingLine(key)));
    return line;
  }

  #leave(line: WaitingLine): void {
    line.leave();
    if (!line.idle) return;
    line.outage = undefined;
    if (this.#lines.size > FEW_LINES && this.#lines.get(line.key) === line) this.#lines.delete(line.key);
    // Whoever was to have it has gone.
    const { offer } = line;
    line.offer = undefined;
    if (offer) this.#finishLater(this.#giveBack(offer.tenure));
  }

  #forget(lease: HeldLease): void {
    const { holding } = lease;
    if (!holding) return;
    lease.holding = undefined;
    this.#held.remove(holding.slot);
    this.#leave(holding.line);
    this.#checkIdle();
  }

  get #busy(): boolean {
    return this.#held.size > 0 || this.#pending > 0;
  }

  #checkIdle(): void {
    if (!this.#busy) this.#onIdle?.();
  }

  async #idle(timeout = Infinity): Promise<void> {
    if (!this.#busy || timeout <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.context.clock.setTimer(timeout, resolve);
      this.#onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#onIdle = undefined;
  }
}
