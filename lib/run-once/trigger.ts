import { AsyncLocalStorage } from 'node:async_hooks';
import { systemClock } from '../common/clock.js';
import { scheduleOn, type RunOnceDefinition } from './definition.js';
import { everyOccasion, idOccasion, type Occasion, tickOccasion } from '../runs/index.js';
import { calledByHand, type CronTicks, SchedulerLink, ticksOfCaller } from './schedule/index.js';

/** A timer may be early by the difference of two clocks, ms. */
const EARLY = 5;

/** The occasion for which this package itself calls a method: a timer of `every`, or a tick that is made up after a start. */
const called = new AsyncLocalStorage<Occasion | undefined>();

/** The scheduler of an object's cron jobs. */
const linked = new WeakMap<object, SchedulerLink>();

export function linkScheduler(host: object, link: SchedulerLink): void {
  linked.set(host, link);
}

/** Calls a method of a job as a scheduler does. */
export function callFor<T>(occasion: Occasion, call: () => T): T {
  return called.run(occasion, call);
}

/** Runs the body of a job: the scheduler does not call the methods that the body calls. */
export function insideJob<T>(body: () => T): T {
  return called.run(undefined, () => calledByHand(body));
}

/** The latest tick up to now. */
export function tickNow(ticks: CronTicks, madeUp = false): Occasion | undefined {
  const tick = ticks.upTo(systemClock.wall() + EARLY);
  return tick === undefined
    ? undefined
    : tickOccasion(ticks.schedule, tick, (time) => ticks.after(time), madeUp);
}

/**
 * The occasion of a call of the method; undefined for a call by hand. It goes by the clock of the machine, as schedulers do, so an
 * error of that clock does not matter.
 */
export async function occasionOf(
  definition: RunOnceDefinition,
  host: unknown,
): Promise<Occasion | undefined> {
  const own = called.getStore();
  if (own) return own;
  const ticks = ticksOfCaller() ?? (await ticksOfUnborn(definition, host));
  if (ticks) return tickNow(ticks);
  const { interval, timeout } = scheduleOn(host, definition);
  const { every, id } = definition.settings;
  const now = systemClock.wall();
  if (interval !== undefined) return everyOccasion(interval, now);
  if (timeout === undefined) return undefined;
  return id === undefined ? everyOccasion(every ?? timeout, now) : idOccasion(id, now);
}

/**
 * A cron job may call while it is being made: with `runOnInit`, or when its first tick comes in that very moment. A moment later the
 * scheduler has that job.
 */
async function ticksOfUnborn(definition: RunOnceDefinition, host: unknown): Promise<CronTicks | undefined> {
  const link = typeof host === 'object' && host !== null ? linked.get(host) : undefined;
  const { cron } = scheduleOn(host, definition);
  if (!link || !cron) return undefined;
  const before = link.size;
  await Promise.resolve();
  return link.size > before ? link.ticks(cron) : undefined;
}
