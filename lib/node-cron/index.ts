import { shown } from '../common/checks.js';
import { systemClock } from '../common/clock.js';
import { InvalidOptionsError } from '../errors.js';
import { type LockProvider, startedManagerOf } from '../lock/index.js';
import { Claim, Job, tickOccasion } from '../runs/index.js';
import { OpenClaims } from './open-claims.js';

/**
 * node-cron (4.6 and later) asks this before each fire of a task that is `distributed`.
 * @publicApi
 */
export interface RunCoordinator {
  /**
   * Claims a fire.
   * @param ttlMs how long the task may take, ms: its `distributedLease`, by default 30 000. A run that is not over by then counts as failed,
   * and its lock is given back
   * @returns whether this replica is to run it
   */
  shouldRun(key: string, ttlMs: number): Promise<boolean>;
  /** Called when the task has ended. */
  onComplete(key: string): Promise<void>;
}

/** The key of a fire: the task's name, and the time. */
const KEY = /^(.*):(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)$/s;

/** How far ahead of the back end's clock a fire may be, ms. */
const MAX_SKEW = 60_000;

const HISTORY = 10;

/** The `distributedLease` that node-cron has by default, ms: for a call by hand that gives none. */
const DEFAULT_LEASE = 30_000;

/** The background process of a task waits for a claim for 5 s, and skips the fire then; a reply takes a moment, too, ms. */
const LATEST_REPLY = 4000;

/**
 * Lets node-cron's `distributed` tasks run once per fire over all replicas, however far their clocks are apart. Runs have records, as
 * those of `@RunOnce` have: `coordinator.lastRun(name)` tells of them. node-cron does not tell whether a task failed. So a task that
 * ends counts as succeeded, and a task that has not ended within its `distributedLease` counts as failed.
 *
 * @param coordinator a `CoordinatorService`; fires are refused while it is not started
 * @throws InvalidOptionsError from `shouldRun`, for a key that is not node-cron's
 * @example
 * import { schedule, setRunCoordinator } from 'node-cron';
 * import { runCoordinator } from 'nestjs-coordination/node-cron';
 *
 * setRunCoordinator(runCoordinator(coordinator));
 * schedule('0 3 * * *', report, { name: 'nightly', distributed: true });
 *
 * @publicApi
 */
export function runCoordinator(coordinator: LockProvider): RunCoordinator {
  const jobs = new Map<string, Job>();
  const claims = new OpenClaims();
  return {
    async shouldRun(key, ttlMs) {
      const { name, tick } = parsed(key);
      const job = jobs.get(name) ?? newJob(name, coordinator);
      jobs.set(name, job);
      const clock = startedManagerOf(coordinator)?.clock ?? systemClock;
      const begin = clock.monotonic();
      await claims.endOverdue(name, clock);
      const claim = await job.claim(tickOccasion('node-cron', tick, () => undefined));
      if (!(claim instanceof Claim)) return false;
      const took = clock.monotonic() - begin;
      if (took <= LATEST_REPLY) {
        claims.add(key, claim, ttlMs > 0 ? ttlMs : DEFAULT_LEASE, clock);
        return true;
      }
      await claim.end('failed', tooLate(took));
      return false;
    },
    onComplete: (key) => claims.succeed(key),
  };
}

function newJob(name: string, coordinator: LockProvider): Job {
  return new Job(
    { name, onCrash: 'skip', overlap: 'skip', history: HISTORY, maxSkew: MAX_SKEW },
    coordinator,
  );
}

function tooLate(took: number): Error {
  return new Error(
    `the claim took ${Math.round(took)} ms, and the background process of a task of node-cron waits for 5000 ms, so it may have skipped this fire already; see why the back end is slow, or which replica had the lock`,
  );
}

function parsed(key: unknown): { readonly name: string; readonly tick: number } {
  const [, name, time] = (typeof key === 'string' && KEY.exec(key)) || [];
  if (name !== undefined && name !== '' && time !== undefined) return { name, tick: Date.parse(time) };
  throw new InvalidOptionsError(
    `runCoordinator: the key of a fire must be a task's name and a time, as 'nightly:2026-03-10T03:00:00.000Z', got ${shown(key)}; give the task a name`,
  );
}
