import { type CallOrigin, makeKnown } from '../common/call-origin.js';
import type { JobSkipReason } from '../common/coordinator.events.js';
import { BackendUnavailableError } from '../errors.js';
import { type LockManager, type LockProvider, startedManagerOf } from '../lock/index.js';
import { HeldLease } from '../lock/lease/index.js';
import { Claim } from './claim.js';
import { JobReports } from './job-reports.js';
import { type Occasion, repeatedOccasion } from './occasion.js';
import { recordsOf, type StoredRun } from './run-record.js';
import { startRecord } from './start-record.js';
import { isFromTheFuture, isTooFarAhead, judge, type JudgedSettings, mayRepeat } from './verdict.js';
import { writeUnderLease } from './write-under-lease.js';

/** The lock under which a job runs. */
export function jobLock(name: string): string {
  return `job:${name}`;
}

export interface JobSettings extends JudgedSettings {
  readonly name: string;
  readonly overlap: 'skip' | 'buffer-one';
  /** How many runs before the latest one the record keeps. */
  readonly history: number;
  /** Lease time of the job's lock, ms; default: the coordinator's. */
  readonly ttl?: number;
}

export interface Skipped {
  readonly skipped: JobSkipReason;
}

/**
 * One job of one coordinator: claims its ticks.
 *
 * A lock alone does not make a tick run once: a replica with another clock may come when a short job is over. So a record names the last
 * tick that has begun, and only a later tick runs. The lock makes the claim one step: look, write, run.
 */
export class Job {
  readonly reports: JobReports;
  readonly #origin: CallOrigin;
  /** This tick and the ticks before it need no run. Known without asking the back end. */
  #doneUntil = -Infinity;
  /** The occasion of the one call of this member that waits for the end of a run. */
  #waiting?: Occasion;

  /** @param method that it runs, where that is known */
  constructor(
    readonly settings: JobSettings,
    private readonly provider: LockProvider,
    method?: string,
  ) {
    const called = method === undefined ? {} : { function: method };
    this.#origin = { ...called, template: jobLock(settings.name) };
    makeKnown({ kind: 'job', name: settings.name });
    makeKnown({ kind: 'lock', name: this.#origin.template, function: method });
    this.reports = new JobReports(settings.name, called);
  }

  get name(): string {
    return this.settings.name;
  }

  /**
   * Claims the occasion for this member.
   * @returns a claim, perhaps of an earlier tick whose run was lost; or why there is nothing to run here
   */
  async claim(occasion: Occasion): Promise<Claim | Skipped> {
    const manager = startedManagerOf(this.provider);
    if (!manager || manager.drain.begun) return this.#skip(manager, occasion, 'stopping');
    if (this.#isKnownDone(occasion)) return this.#skip(manager, occasion, 'done');
    try {
      return await this.#claim(manager, occasion);
    } catch (error) {
      if (!(error instanceof BackendUnavailableError)) throw error;
      return this.#skip(manager, occasion, manager.drain.begun ? 'stopping' : 'backend', error);
    }
  }

  /** The record of the latest run. */
  latest(manager: LockManager): Promise<StoredRun | undefined> {
    return recordsOf(manager).get(this.name);
  }

  /** Takes the lock of the job. @returns undefined when another member has it for all that time */
  async lock(manager: LockManager, blocking: boolean | number): Promise<HeldLease | undefined> {
    const acquisition = await manager.acquire({
      name: jobLock(this.name),
      ttl: this.#ttlOf(manager),
      fencing: true,
      fair: false,
      waitLimit: manager.waitLimit(blocking),
      label: `job ${this.name}`,
      origin: this.#origin,
    });
    return acquisition instanceof HeldLease ? acquisition : undefined;
  }

  async #claim(manager: LockManager, occasion: Occasion): Promise<Claim | Skipped> {
    const stored = await this.latest(manager);
    if (stored && isTooFarAhead(this.settings, occasion, stored.at))
      return this.#refuse(manager, occasion, stored.at);
    const verdict = judge(this.settings, stored, occasion);
    if (verdict === 'done') return this.#skip(manager, occasion, 'done');
    if (verdict === 'under way' || this.settings.overlap === 'buffer-one')
      return this.#claimLater(manager, occasion);
    const lease = await this.lock(manager, occasion.maxWait);
    if (lease) return this.#claimUnder(manager, lease, occasion);
    return this.#claimHeld(manager, occasion);
  }

  /** The lock was taken. Its holder may have begun the run for this very tick since, or be at an earlier one. */
  async #claimHeld(manager: LockManager, occasion: Occasion): Promise<Claim | Skipped> {
    const stored = await this.latest(manager);
    const verdict = judge(this.settings, stored, occasion);
    if (verdict === 'under way') return this.#claimLater(manager, occasion);
    if (verdict === 'done' || stored?.record.state === 'started')
      return this.#skip(manager, occasion, 'locked');
    // No replica has begun a run: replicas are in each other's way, or one was killed before it could begin.
    const lease = await this.lock(manager, this.#longestWait(manager, occasion));
    if (lease) return this.#claimUnder(manager, lease, occasion);
    return this.#skip(manager, occasion, 'locked');
  }

  /** The time until the lease of a killed replica is over, or the next tick fires, ms. */
  #longestWait(manager: LockManager, { tick, next = Infinity, maxWait }: Occasion): number {
    return Math.min(this.#ttlOf(manager), next - tick - maxWait);
  }

  #ttlOf({ settings }: LockManager): number {
    return this.settings.ttl ?? settings.ttl;
  }

  /** Waits for the end of the run that is under way. One call of a member waits, for the latest tick that it is asked for. */
  async #claimLater(manager: LockManager, occasion: Occasion): Promise<Claim | Skipped> {
    if (this.#waiting) {
      if (occasion.tick > this.#waiting.tick) this.#waiting = occasion;
      return this.#skip(manager, occasion, 'locked');
    }
    this.#waiting = occasion;
    let lease: HeldLease | undefined;
    try {
      lease = await this.lock(manager, true);
    } finally {
      occasion = this.#waiting;
      this.#waiting = undefined;
    }
    if (!lease) return this.#skip(manager, occasion, 'stopping');
    return this.#claimUnder(manager, lease, occasion);
  }

  async #claimUnder(manager: LockManager, lease: HeldLease, occasion: Occasion): Promise<Claim | Skipped> {
    let claimed: Claim | Skipped | undefined;
    try {
      claimed = await this.#begin(manager, lease, occasion);
      return claimed;
    } finally {
      if (!(claimed instanceof Claim)) await lease.finish();
    }
  }

  /** Looks once more, now that no other replica can begin, and writes that this run begins. */
  async #begin(manager: LockManager, lease: HeldLease, asked: Occasion): Promise<Claim | Skipped> {
    const records = recordsOf(manager);
    const stored = await records.get(this.name);
    // The first record may have been written since the look before.
    if (stored && isTooFarAhead(this.settings, asked, stored.at))
      return this.#refuse(manager, asked, stored.at);
    const verdict = judge(this.settings, stored, asked);
    // The replica that wrote "started" has the lock no more.
    const crashed = stored?.record.state === 'started' ? stored : undefined;
    const repeats = crashed !== undefined && mayRepeat(this.settings, crashed);
    if (verdict === 'done' && !repeats) return this.#skip(manager, asked, 'done');
    if (crashed) this.reports.foundLost(manager, crashed.record, repeats, asked);
    const occasion = repeats ? repeatedOccasion(crashed) : asked;
    if (stored && isFromTheFuture(this.settings, stored, occasion))
      this.reports.overwritten(manager, stored.record.tick);
    const record = startRecord({
      name: this.name,
      occasion,
      token: lease.fencingToken ?? 0,
      memberId: manager.memberId,
      now: manager.clock.wall(),
      before: stored?.record,
      repeats,
      history: this.settings.history,
    });
    const written = await writeUnderLease(lease, manager.clock, () => records.put(record));
    if (!written) return this.#skip(manager, asked, 'locked');
    // Only a first record is removed again: one that it has replaced would not come back.
    if (!stored && isTooFarAhead(this.settings, occasion, written.at)) {
      await records.remove(record);
      return this.#refuse(manager, occasion, written.at);
    }
    // The process may have been stopped since it asked for the lock.
    if (lease.lost) throw new BackendUnavailableError(lease.lost.message, { cause: lease.lost });
    if (occasion.byClock && !repeats && this.settings.onCrash === 'skip') this.#doneUntil = occasion.tick;
    const { reports } = this;
    return new Claim(lease, record, {
      manager,
      records,
      reports,
      repeats: mayRepeat(this.settings, { record }),
    });
  }

  /** A tick far before the last one comes from a clock that was set back. The back end then tells which of the two is right. */
  #isKnownDone({ byClock, tick }: Occasion): boolean {
    return byClock && tick <= this.#doneUntil && this.#doneUntil - tick <= this.settings.maxSkew;
  }

  #refuse(manager: LockManager, occasion: Occasion, at: number): Skipped {
    const ahead = Math.round(occasion.tick - at);
    const why = `its tick is ${ahead} ms ahead of the back end's clock, more than maxSkew (${this.settings.maxSkew} ms) allows; set this machine's clock`;
    return this.#skip(manager, occasion, 'clock', why);
  }

  #skip(manager: LockManager | undefined, occasion: Occasion, reason: JobSkipReason, why?: unknown): Skipped {
    if (reason === 'done' && occasion.byClock && !this.#isKnownDone(occasion))
      this.#doneUntil = occasion.tick;
    this.reports.skipped(manager, occasion.tick, reason, why);
    return { skipped: reason };
  }
}
