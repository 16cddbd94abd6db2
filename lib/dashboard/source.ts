import type { CoordinatorInspection, LockInfo, MemberInfo } from '../inspection/index.js';
import type { JobInfo } from '../runs/index.js';

/** The source of the page's data: `coordinator.inspect`, or a substitute of a test. */
export type DashboardSource = Pick<CoordinatorInspection, 'locks' | 'members' | 'jobs' | 'break'>;

/** The facts that one poll has found. */
export interface Facts {
  /** Unix time in ms. */
  readonly at: number;
  readonly locks: readonly LockInfo[];
  readonly members: readonly MemberInfo[];
  readonly jobs: readonly JobInfo[];
}

/** The token of the page's source, for tests that replace it. @internal */
export const DASHBOARD_SOURCE = Symbol.for('nestjs-coordination:dashboard-source');

/** Leaders are shown with their replicas, and candidates are not calls that wait. */
export function withoutElections(
  locks: readonly LockInfo[],
  members: readonly MemberInfo[],
): Pick<Facts, 'locks' | 'members'> {
  const elections = locks.filter(({ kind }) => kind === 'election');
  const leading = countsOf(elections.flatMap(({ holders }) => holders));
  const campaigning = countsOf(elections.flatMap(({ waiters }) => waiters));
  return {
    locks: locks.filter(({ kind }) => kind !== 'election'),
    members: members.map((member) => ({
      ...member,
      held: Math.max(0, member.held - (leading.get(member.memberId) ?? 0)),
      waiting: Math.max(0, member.waiting - (campaigning.get(member.memberId) ?? 0)),
    })),
  };
}

function countsOf(callers: readonly { readonly memberId?: string }[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { memberId = '' } of callers) counts.set(memberId, (counts.get(memberId) ?? 0) + 1);
  return counts;
}
