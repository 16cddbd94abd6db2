import { byLock } from './by-lock.js';
import type { Call, History, LeaseStory } from './history.js';
import { ms, type Violation } from './violation.js';

export interface StallLimits {
  /** How long after its budget a call may end, ms: time-outs of nodes, and how busy the machine is. */
  readonly slack: number;
  /** When the run was over, on the judge's clock: calls and leases that had no time to end are not judged. */
  readonly end: number;
  /** How long a holder may keep a lease, ms; one that has no ending by then was not given back. */
  readonly longestHold: number;
  /**
   * How long a lock may be free while somebody waits for it, ms. Leave it out where nodes may be away meanwhile.
   */
  readonly longestIdle?: number;
}

type Judged = Pick<History, 'calls' | 'leases' | 'gone'>;

/** Every call served or refused in its time, every lease given back, no lock idle while somebody waits. */
export function judgeStalls(history: Judged, limits: StallLimits): Violation[] {
  return [
    ...history.calls.flatMap((call) => overdue(call, history, limits)),
    ...history.leases.flatMap((lease) => kept(lease, history, limits)),
    ...(limits.longestIdle === undefined ? [] : idle(history, limits.longestIdle, limits.end)),
  ];
}

function overdue(call: Call, { gone }: Judged, { slack, end }: StallLimits): Violation[] {
  const { worker, lock, attempt, at, budget } = call;
  const allowed = budget === 'once' ? 0 : budget === 'forever' ? Infinity : budget;
  const until = call.end?.at ?? gone.get(worker) ?? end;
  if (until <= at + allowed + slack) return [];
  const how = call.end ? `was ${call.end.type} only after` : 'has no answer after';
  const may = budget === 'once' ? 'one try' : `${budget} ms`;
  const message = `${worker} asked for "${lock}" at ${ms(at)} (${attempt}, ${may}) and ${how} ${ms(until - at)}`;
  return [{ judge: 'stall', lock, message }];
}

function kept(lease: LeaseStory, { gone }: Judged, { end, longestHold }: StallLimits): Violation[] {
  const { worker, lock, granted, ending } = lease;
  if (ending || gone.has(worker) || granted + longestHold > end) return [];
  const message = `${worker} was granted "${lock}" at ${ms(granted)} (lease ${lease.lease}) and never gave it back`;
  return [{ judge: 'stall', lock, message }];
}

/** The spans in which nobody had the lock, against those who asked all the while. */
function idle({ calls, leases, gone }: Judged, longest: number, end: number): Violation[] {
  const callsOf = byLock(calls.filter(({ budget }) => budget !== 'once'));
  const leasesOf = byLock(leases);
  return [...callsOf].flatMap(([lock, waiters]) => {
    const spans = (leasesOf.get(lock) ?? [])
      .map((lease) => ({ from: lease.granted, until: freeAt(lease, gone) }))
      .sort((a, b) => a.from - b.from);
    let free = -Infinity;
    const violations: Violation[] = [];
    for (const { from, until } of [...spans, { from: end, until: Infinity }]) {
      const waiter = waiters.find(
        (call) =>
          Math.min(from, call.end?.at ?? gone.get(call.worker) ?? end) - Math.max(free, call.at) > longest,
      );
      if (waiter) {
        const since = Math.max(free, waiter.at);
        const message = `"${lock}" was free from ${ms(since)} on, longer than ${longest} ms, while ${waiter.worker} waited (${waiter.attempt})`;
        violations.push({ judge: 'stall', lock, message });
      }
      free = Math.max(free, until);
    }
    return violations;
  });
}

/** When others can have the lock: when it was given back for certain, or a ttl after its holder was last heard of. */
function freeAt({ ending, granted, ttl = 0, belief, worker }: LeaseStory, gone: History['gone']): number {
  if (ending?.type === 'released' && ending.confirmed === true) return ending.at;
  return (ending?.at ?? gone.get(worker) ?? belief?.until ?? granted) + ttl;
}
