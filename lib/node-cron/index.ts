import { shown } from '../common/checks.js';
import { InvalidOptionsError } from '../errors.js';
import type { LockProvider } from '../lock/index.js';
import { Claim, Job, tickOccasion } from '../runs/index.js';

/**
 * What node-cron (4.6 and later) asks before each fire of a task that is `distributed`.
 * @publicApi
 */
export interface RunCoordinator {
  /**
   * Claims a fire.
   * @param ttlMs how long node-cron thinks the task may take, ms; not used, as a run is renewed for as long as it lasts
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

/**
 * Lets node-cron's `distributed` tasks run once per fire over all replicas, however far their clocks are apart. Runs have records, as
 * those of `@RunOnce` have: `coordinator.lastRun(name)` tells of them. node-cron does not tell whether a task failed, so each one that
 * ends counts as succeeded.
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
  const claims = new Map<string, Claim>();
  return {
    async shouldRun(key) {
      const { name, tick } = parsed(key);
      const job = jobs.get(name) ?? newJob(name, coordinator);
      jobs.set(name, job);
      const claim = await job.claim(tickOccasion('node-cron', tick, () => undefined));
      if (claim instanceof Claim) claims.set(key, claim);
      return claim instanceof Claim;
    },
    async onComplete(key) {
      const claim = claims.get(key);
      claims.delete(key);
      await claim?.end('succeeded');
    },
  };
}

function newJob(name: string, coordinator: LockProvider): Job {
  return new Job(
    { name, onCrash: 'skip', overlap: 'skip', history: HISTORY, maxSkew: MAX_SKEW },
    coordinator,
  );
}

function parsed(key: unknown): { readonly name: string; readonly tick: number } {
  const [, name, time] = (typeof key === 'string' && KEY.exec(key)) || [];
  if (name !== undefined && name !== '' && time !== undefined) return { name, tick: Date.parse(time) };
  throw new InvalidOptionsError(
    `runCoordinator: the key of a fire must be a task's name and a time, as 'nightly:2026-03-10T03:00:00.000Z', got ${shown(key)}; give the task a name`,
  );
}
