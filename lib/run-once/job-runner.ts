import { logSafely } from '../common/log-safely.js';
import { type Clock, systemClock, type Timer } from '../common/clock.js';
import { quoted } from '../common/quoted.js';
import { type LockManager, type LockProvider, startedManagerOf } from '../lock/index.js';
import { scheduleOn } from './definition.js';
import type { HostedJob } from './job-explorer.js';
import { callFor, tickNow } from './trigger.js';
import {
  everyOccasion,
  type Job,
  type Occasion,
  repeatedOccasion,
  type StoredRun,
  jobsOf,
  untilDue,
} from '../runs/index.js';

/** Another replica may be about to run a tick that is younger than this, ms, or than half its period. */
const GRACE = 5000;

/**
 * Does what no scheduler does. It runs the jobs with `every`, makes up a tick that all replicas missed, and repeats a run that was lost
 * while no replica was there to see it.
 */
export class JobRunner {
  readonly #timers = new Map<HostedJob, Timer>();
  #stopped = false;

  constructor(
    private readonly provider: LockProvider,
    private readonly jobs: readonly HostedJob[],
  ) {}

  /** Called when the application has started. */
  start(): void {
    for (const hosted of this.jobs) {
      const { cron, interval, timeout } = scheduleOn(hosted.host, hosted.definition);
      const { every, onCrash } = hosted.definition.settings;
      if (every !== undefined && timeout === undefined)
        this.#safely(hosted, () => this.#begin(hosted, every));
      if (cron) hosted.link?.onReady(() => this.#safely(hosted, () => this.#lookBack(hosted)));
      else if (onCrash === 'rerun' && (interval ?? every) === undefined)
        this.#safely(hosted, () => this.#lookBack(hosted));
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  /** The first run is due a period after the last one, which may have been before this start. */
  async #begin(hosted: HostedJob, period: number): Promise<void> {
    const stored = await this.#latest(hosted).catch(() => undefined);
    this.#arm(hosted, period, stored ? untilDue(period, stored) : period);
  }

  #arm(hosted: HostedJob, period: number, ms: number): void {
    if (this.#stopped) return;
    const fire = (): void => {
      this.#arm(hosted, period, period);
      this.#call(hosted, everyOccasion(period, this.#clock.wall()));
    };
    this.#timers.set(hosted, this.#clock.setTimer(ms, fire, 'background'));
  }

  /** Looks for ticks and runs that were lost while this replica, and perhaps every other one, was down. */
  async #lookBack(hosted: HostedJob): Promise<void> {
    const { manager, job } = this.#parts(hosted);
    const stored = manager && (await this.#latest(hosted));
    if (!stored || !job) return;
    const { settings } = hosted.definition;
    if (stored.record.state === 'started' && settings.onCrash === 'rerun')
      this.#call(hosted, repeatedOccasion(stored));
    const missed = this.#missed(hosted, stored);
    if (!missed) return;
    job.reports.missed(manager, missed.tick, settings.missed === 'once');
    if (settings.missed === 'once') this.#call(hosted, missed);
  }

  /** The latest tick, when no replica has run it; undefined when it is too old, or may be about to run. */
  #missed({ host, definition, link }: HostedJob, stored: StoredRun): Occasion | undefined {
    const { cron } = scheduleOn(host, definition);
    const ticks = cron && link?.ticks(cron);
    const occasion = ticks && tickNow(ticks, true);
    if (!occasion || occasion.isDone(stored) || stored.record.schedule !== occasion.schedule)
      return undefined;
    const age = systemClock.wall() - occasion.tick;
    const period = (occasion.next ?? Infinity) - occasion.tick;
    const { missed, missedWithin = period } = definition.settings;
    const grace = missed === 'once' ? 0 : Math.min(GRACE, period / 2);
    return age >= grace && age <= missedWithin ? occasion : undefined;
  }

  #call({ host, definition }: HostedJob, occasion: Occasion): void {
    const method: unknown = Reflect.get(host, definition.propertyKey);
    if (typeof method !== 'function') return;
    const failed = (error: unknown): void => this.#failed(definition.label, error);
    try {
      const result: unknown = callFor(occasion, () => method.call(host) as unknown);
      // The record has the outcome. The error has no caller that could see it.
      Promise.resolve(result).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #failed(label: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    logSafely(() => startedManagerOf(this.provider)?.log.warn(`${label} failed: ${text}`));
  }

  /** The back end may be away: the job runs at its next tick all the same. */
  #safely({ name }: HostedJob, work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      startedManagerOf(this.provider)?.log.warn(
        `Job ${quoted(name)}: what happened before this start could not be looked at, so a missed tick is not made up: ${text}`,
      );
    });
  }

  /** The clock of the coordinator: a test may drive it. */
  get #clock(): Clock {
    return startedManagerOf(this.provider)?.clock ?? systemClock;
  }

  #parts({ name }: HostedJob): { readonly manager?: LockManager; readonly job?: Job } {
    return { manager: startedManagerOf(this.provider), job: jobsOf(this.provider).find(name) };
  }

  async #latest(hosted: HostedJob): Promise<StoredRun | undefined> {
    const { manager, job } = this.#parts(hosted);
    return manager && job?.latest(manager);
  }
}
