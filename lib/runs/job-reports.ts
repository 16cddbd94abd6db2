import type { CallOrigin } from '../common/call-origin.js';
import type { JobSkipReason } from '../common/coordinator.events.js';
import { quoted } from '../common/quoted.js';
import type { LockManager } from '../lock/index.js';
import type { Occasion } from './occasion.js';
import { errorText, type PastRun, type RunRecord } from './run-record.js';

/** Why runs were skipped here, and how often. */
export type SkipCounts = Readonly<Partial<Record<JobSkipReason, number>>>;

/** Reports to the log and the listeners what happens to one job on this member. */
export class JobReports {
  readonly #skips = new Map<JobSkipReason, number>();
  /** The reasons that were warned of, and have not passed since. */
  readonly #warned = new Set<JobSkipReason>();

  /** @param called the method, where that is known */
  constructor(
    private readonly name: string,
    private readonly called: Pick<CallOrigin, 'function'> = {},
  ) {}

  get skips(): SkipCounts {
    return Object.fromEntries(this.#skips);
  }

  started(manager: LockManager, record: RunRecord): void {
    this.#warned.clear();
    const { tick, attempt, madeUp = false } = record;
    manager.events.emit('job.started', () => ({ ...this.#event(manager, tick), attempt, madeUp }));
  }

  ended(manager: LockManager, record: RunRecord, duration: number, error: unknown): void {
    const { tick, attempt, madeUp = false, state } = record;
    const outcome = state === 'started' ? 'lost' : state;
    const took = `${Math.round(duration)} ms`;
    const which = `Job ${quoted(this.name)}: the run for ${shownTick(tick)}${noteOf(record)}`;
    if (outcome === 'succeeded') manager.log.info(`${which} succeeded after ${took}`);
    else if (outcome === 'failed')
      manager.log.warn(
        `${which} failed after ${took}; its tick is spent, and the next one runs as planned: ${errorText(error)}`,
      );
    else
      manager.log.warn(
        `${which} lost its lease after at most ${took}, so another run may have begun beside it; pass currentRun().lease.signal on to what must end then`,
      );
    manager.events.emit('job.ended', () => ({
      ...this.#event(manager, tick),
      attempt,
      madeUp,
      outcome,
      duration,
      ...(error !== undefined && { error }),
    }));
  }

  /** A debug line for each skip, as every replica but one skips every tick; a warning for a skip that is no part of the plan. */
  skipped(manager: LockManager | undefined, tick: number, reason: JobSkipReason, why?: unknown): void {
    this.#skips.set(reason, (this.#skips.get(reason) ?? 0) + 1);
    if (!manager) return;
    const which = `Job ${quoted(this.name)}: the run for ${shownTick(tick)} is skipped here`;
    if (reason === 'backend') this.#warnOnce(manager, reason, `${which}, as ${errorText(why)}`);
    else if (reason === 'clock') this.#warnOnce(manager, reason, `${which}: ${String(why)}`);
    else manager.log.debug(() => `${which} (${reason})`);
    if (reason === 'done' || reason === 'locked') this.#warned.clear();
    manager.events.emit('job.skipped', () => ({ ...this.#event(manager, tick), reason }));
  }

  missed(manager: LockManager, tick: number, madeUp: boolean): void {
    const what = `Job ${quoted(this.name)}: no replica has run the tick of ${shownTick(tick)}`;
    if (madeUp) manager.log.info(`${what}; it is made up now (missed: 'once')`);
    else manager.log.warn(`${what}; it is not made up (missed: 'skip')`);
    manager.events.emit('job.missed', () => ({ ...this.#event(manager, tick), madeUp }));
  }

  /**
   * The replica that has the lock now has found a lost run: no other replica is at it any more.
   * @param asked the occasion that was to run when the loss was found
   */
  foundLost(manager: LockManager, past: PastRun, reruns: boolean, asked: Occasion): void {
    const { tick, memberId, attempt } = past;
    const others = ticksLost(past, asked)
      ? '; ticks since then were skipped too, as the lock of a replica that is killed stays taken until its ttl: give a job that fires more often a shorter ttl'
      : '';
    const then = reruns ? 'it is run once more here' : "its tick is spent (onCrash: 'skip')";
    manager.log.warn(
      `Job ${quoted(this.name)}: the run for ${shownTick(tick)} on member ${memberId} (attempt ${attempt}) ended without an outcome: the replica was killed, or lost its lease; ${then}${others}`,
    );
    this.lost(manager, past);
  }

  overwritten(manager: LockManager, tick: number): void {
    manager.log.warn(
      `Job ${quoted(this.name)}: its record is of ${shownTick(tick)}, which the back end's clock says is in the future; a replica with a wrong clock has written it, and it is overwritten`,
    );
  }

  outcomeNotWritten(manager: LockManager, { tick, state }: RunRecord, error: unknown): void {
    manager.log.warn(
      `Job ${quoted(this.name)}: the run for ${shownTick(tick)} has ${state}, and that could not be stored, so other replicas take it for lost: ${errorText(error)}`,
    );
  }

  /** Once for each run, over all replicas. */
  lost(manager: LockManager, { tick, memberId }: PastRun): void {
    manager.events.emit('job.lost', () => ({ ...this.#event(manager, tick), runner: memberId }));
  }

  #warnOnce(manager: LockManager, reason: JobSkipReason, message: string): void {
    if (this.#warned.has(reason)) return;
    this.#warned.add(reason);
    manager.log.warn(`${message}; this is said once until it has passed`);
  }

  #event(manager: LockManager, tick: number) {
    return {
      job: this.name,
      ...this.called,
      tick: new Date(tick),
      memberId: manager.memberId,
      at: manager.clock.wall(),
    };
  }
}

/** What is unusual about a run, for the log. */
function noteOf({ attempt, madeUp }: PastRun): string {
  const notes = [...(attempt > 1 ? [`attempt ${attempt}`] : []), ...(madeUp ? ['made up'] : [])];
  return notes.length > 0 ? ` (${notes.join(', ')})` : '';
}

function shownTick(tick: number): string {
  return new Date(tick).toISOString();
}

/** Whether ticks have passed between that run and the one that is to begin, by the distance to the next one. */
function ticksLost({ tick: before }: PastRun, { tick, next }: Occasion): boolean {
  return next !== undefined && tick - before > 1.5 * (next - tick);
}
