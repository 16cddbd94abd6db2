import { byLock } from './by-lock.js';
import type { History, LeaseStory } from './history.js';
import { ms, type Violation } from './violation.js';

/** By how much two clocks may differ in their rate, and what a node and a process lose by counting in whole ms. */
const DRIFT = 0.01;
const PRECISION = 2;

/**
 * How long locks were kept: a lease that is believed in after its `maxHold`; the next holder before `minHold` is over, or before
 * `lockDelay` after a lease that was not given back. A lock that was broken, or that the back end forgot, is kept by nobody.
 */
export function judgeBounds({ leases }: Pick<History, 'leases'>): Violation[] {
  return [...byLock(leases).values()].flatMap((ofLock) => {
    const inOrder = [...ofLock].sort((a, b) => a.granted - b.granted);
    return inOrder.flatMap((lease, index) => [
      ...heldTooLong(lease),
      ...takenTooSoon(lease, inOrder.slice(index + 1).find(cameAfter(lease))),
    ]);
  });
}

/** Not a lease of before, of which a process that was stopped heard only when this one was granted: its token tells. */
function cameAfter({ token: before = -Infinity }: LeaseStory): (next: LeaseStory) => boolean {
  return ({ token = Infinity }) => token > before;
}

function heldTooLong({ lease, lock, granted, belief, bounds }: LeaseStory): Violation[] {
  const most = (bounds?.maxHold ?? Infinity) * (1 + DRIFT) + PRECISION;
  if (!belief || belief.until - granted <= most) return [];
  return [
    violation(lock, `lease ${lease} was believed in for ${ms(belief.until - granted)}, above its maxHold`),
  ];
}

function takenTooSoon(lease: LeaseStory, next: LeaseStory | undefined): Violation[] {
  const { bounds, belief, ending, broken, granted, lock } = lease;
  if (!bounds || !next || !belief || broken !== undefined) return [];
  if (ending?.type === 'lost' && ['taken-over', 'broken'].includes(ending.reason)) return [];
  const kept = (time: number): number => time * (1 - DRIFT) - PRECISION;
  const problems: Violation[] = [];
  if (ending?.type === 'released' && ending.confirmed === false) return [];
  if (next.granted - granted < kept(bounds.minHold) && bounds.maxHold >= bounds.minHold)
    problems.push(violation(lock, `lease ${next.lease} came before the minHold of ${lease.lease} was over`));
  const left = ending?.type !== 'released';
  if (left && next.granted - belief.until < kept(bounds.lockDelay))
    problems.push(
      violation(lock, `lease ${next.lease} came before the lockDelay of ${lease.lease} was over`),
    );
  return problems;
}

function violation(lock: string, message: string): Violation {
  return { judge: 'bounds', lock, message };
}
