import { quoted } from '../common/quoted.js';
import { type LockManager, lockManagerOf, type LockProvider } from '../lock/index.js';
import { inspectJobs, type JobInfo, jobsOf } from '../runs/index.js';
import { breakLock, checkBreak } from './break-lock.js';
import { inspectLocks } from './inspect-locks.js';
import { inspectElections, inspectMembers } from './inspect-members.js';
import type {
  BreakOptions,
  CoordinatorInspection,
  ElectionInfo,
  LockInfo,
  MemberInfo,
} from './inspection.types.js';
import { lossBy } from './revocations.js';
import { Snapshots } from './snapshot.js';
import type { Source } from './source.js';

/** The view of a coordinator of itself and of the other members. */
export class Inspection implements CoordinatorInspection {
  constructor(private readonly provider: LockProvider) {}

  async locks(): Promise<readonly LockInfo[]> {
    return inspectLocks(this.#source('inspect.locks()'));
  }

  async members(): Promise<readonly MemberInfo[]> {
    return inspectMembers(this.#source('inspect.members()'));
  }

  async elections(): Promise<readonly ElectionInfo[]> {
    return inspectElections(this.#source('inspect.elections()'));
  }

  async jobs(): Promise<readonly JobInfo[]> {
    return inspectJobs(lockManagerOf(this.provider, 'inspect.jobs()'), jobsOf(this.provider).all());
  }

  async break(name: string, options: BreakOptions): Promise<boolean> {
    checkBreak(name, options);
    const where = `inspect.break(${quoted(name)})`;
    const broken = await breakLock(this.#source(where), name, options);
    const { reason, kind = 'lock' } = options;
    const { log } = lockManagerOf(this.provider, where);
    const what = kind === 'lock' ? `Lock ${quoted(name)}` : `The lock of the ${kind} ${quoted(name)}`;
    if (broken) log.warn(`${what} was broken by this replica: ${quoted(reason)}`);
    return broken;
  }

  #source(where: string): Source {
    const manager = lockManagerOf(this.provider, where);
    return sourceOf(manager);
  }
}

function sourceOf(manager: LockManager): Source {
  const { driver, records, clock, memberId, settings } = manager;
  const snapshots = new Snapshots(manager);
  return {
    locks: driver.locks,
    records,
    clock,
    memberId,
    prefix: settings.prefix,
    here: () => snapshots.take(Infinity),
    letGo: (id, revocation) => manager.takeAway(id, lossBy(revocation)),
  };
}
