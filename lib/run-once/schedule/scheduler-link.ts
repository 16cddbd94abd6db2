import { AsyncLocalStorage } from 'node:async_hooks';
import { CronTicks, type CronTimeClass, type CronTimeLike } from './cron-ticks.js';

/** The part of `CronJob` of the package `cron` that is used here. */
interface CronJobLike {
  readonly cronTime: CronTimeLike;
  fireOnTick: (...args: unknown[]) => unknown;
}

/** The part of the `SchedulerRegistry` of @nestjs/schedule that is used here. */
export interface SchedulerRegistryLike {
  addCronJob(name: string, job: CronJobLike): void;
  getCronJobs(): ReadonlyMap<string, CronJobLike>;
}

/** The cron job that calls, in the async context of its call. */
const calling = new AsyncLocalStorage<CronJobLike | undefined>();

/** One for each registry: several coordinators of an application share it. */
const links = new WeakMap<object, SchedulerLink>();

const ticksOf = new WeakMap<CronTimeLike, CronTicks>();

/** Whether that is the registry of @nestjs/schedule. Found by its methods: nothing of that package is imported. */
export function isSchedulerRegistry(instance: unknown): instance is SchedulerRegistryLike {
  if (typeof instance !== 'object' || instance === null) return false;
  try {
    return ['addCronJob', 'getCronJobs', 'getCronJob', 'addInterval', 'deleteCronJob'].every(
      (method) => typeof Reflect.get(instance, method) === 'function',
    );
  } catch {
    // What an application provides may be a proxy that throws for properties that it does not know.
    return false;
  }
}

/** The ticks of a cron time; they remember the last one. */
function cronTicks(cronTime: CronTimeLike): CronTicks {
  let ticks = ticksOf.get(cronTime);
  if (!ticks) ticksOf.set(cronTime, (ticks = new CronTicks(cronTime)));
  return ticks;
}

/** The ticks of the cron job that calls; code below the body of a job counts as called by hand. */
export function ticksOfCaller(): CronTicks | undefined {
  const job = calling.getStore();
  return job && cronTicks(job.cronTime);
}

/** Runs a body that no cron job calls any more. */
export function calledByHand<T>(body: () => T): T {
  return calling.run(undefined, body);
}

/** The link to the scheduler of one application: it knows which cron job calls, and how to compute ticks. */
export class SchedulerLink {
  readonly #made = new Map<string, CronTicks>();
  #onFirstJob: (() => void)[] = [];

  private constructor(private readonly registry: SchedulerRegistryLike) {
    const addCronJob = registry.addCronJob.bind(registry);
    registry.addCronJob = (name, job) => {
      addCronJob(name, job);
      this.#watch(job);
    };
    for (const job of registry.getCronJobs().values()) this.#watch(job);
  }

  static of(registry: SchedulerRegistryLike): SchedulerLink {
    let link = links.get(registry);
    if (!link) links.set(registry, (link = new SchedulerLink(registry)));
    return link;
  }

  /** How many cron jobs there are. A job that calls while it is being made does not count yet. */
  get size(): number {
    return this.registry.getCronJobs().size;
  }

  /**
   * The ticks of an expression as a decorator has it; undefined as long as the application has no cron job: the class of a job computes
   * the ticks.
   */
  ticks({ cronTime, timeZone, utcOffset }: CronMetadata): CronTicks | undefined {
    const [job] = this.registry.getCronJobs().values();
    if (!job) return undefined;
    const key = JSON.stringify([String(cronTime), timeZone, utcOffset]);
    let ticks = this.#made.get(key);
    if (!ticks) {
      const CronTime = job.cronTime.constructor as CronTimeClass;
      this.#made.set(key, (ticks = new CronTicks(new CronTime(cronTime, timeZone, utcOffset))));
    }
    return ticks;
  }

  /** Calls back when the application has a cron job, and so ticks can be computed. */
  onReady(ready: () => void): void {
    if (this.size > 0) ready();
    else this.#onFirstJob.push(ready);
  }

  #watch(job: CronJobLike): void {
    const fireOnTick = job.fireOnTick.bind(job);
    job.fireOnTick = (...args) => calling.run(job, () => fireOnTick(...args));
    const waiting = this.#onFirstJob;
    this.#onFirstJob = [];
    for (const ready of waiting) ready();
  }
}

/** The metadata of `@Cron` on a method. */
export interface CronMetadata {
  readonly cronTime: unknown;
  readonly timeZone?: string | null;
  readonly utcOffset?: number | null;
}

/** The metadata that the decorators of @nestjs/schedule have put on a method. */
export interface ScheduleMetadata {
  readonly name?: string;
  readonly cron?: CronMetadata;
  /** Of `@Interval`, ms. */
  readonly interval?: number;
  /** Of `@Timeout`, ms. */
  readonly timeout?: number;
}

/** Read at each call: a decorator that stands above puts its metadata on the wrapper later. */
export function scheduleOf(method: object): ScheduleMetadata {
  const read = (key: string): unknown => Reflect.getOwnMetadata(key, method);
  const [name, type] = [read('SCHEDULER_NAME'), read('SCHEDULER_TYPE')];
  const timeOf = (key: string): number => Number((read(key) as { timeout?: unknown } | undefined)?.timeout);
  return {
    ...(typeof name === 'string' && { name }),
    ...(type === 1 && { cron: read('SCHEDULE_CRON_OPTIONS') as CronMetadata }),
    ...(type === 2 && { timeout: timeOf('SCHEDULE_TIMEOUT_OPTIONS') }),
    ...(type === 3 && { interval: timeOf('SCHEDULE_INTERVAL_OPTIONS') }),
  };
}
