import { byLock } from './by-lock.js';
import type { History, LeaseStory } from './history.js';
import { ms, type Violation } from './violation.js';

type Believed = LeaseStory & { readonly belief: { readonly from: number; readonly until: number } };

/**
 * Two holders that believed in a lease of the same lock at the same time. A belief is what its holder *saw*, so that
 * a lease which has run out unseen while its process was stopped is no violation. Beliefs that only touch are none.
 *
 * Two that share the lock may believe at the same time, and as many as there are permits of a semaphore.
 */
export function judgeExclusion({ leases }: Pick<History, 'leases'>): Violation[] {
  const believed = leases.flatMap((lease) => unbroken(lease) ?? []);
  return [...byLock(believed).values()].flatMap(overlaps);
}

/** Only the part before its lock was broken: the holder of a broken one learns of it later. */
function unbroken(lease: LeaseStory): Believed | undefined {
  const { belief, broken = Infinity } = lease;
  if (!belief || belief.from >= broken) return undefined;
  return { ...lease, belief: { from: belief.from, until: Math.min(belief.until, broken) } };
}

function overlaps(leases: readonly Believed[]): Violation[] {
  const violations: Violation[] = [];
  let open: Believed[] = [];
  for (const lease of [...leases].sort((a, b) => a.belief.from - b.belief.from)) {
    open = open.filter(({ belief }) => belief.until > lease.belief.from);
    // One look at the very moment at which another one's belief begins is before it, or after it.
    const beside = open.filter(({ belief }) => belief.from < lease.belief.until);
    if (lease.permits === undefined)
      for (const other of beside) if (!(other.shared && lease.shared)) violations.push(overlap(other, lease));
    if (lease.permits !== undefined && beside.length >= lease.permits)
      violations.push(tooMany(beside, lease));
    open.push(lease);
  }
  return violations;
}

function overlap(first: Believed, second: Believed): Violation {
  const until = Math.min(first.belief.until, second.belief.until);
  return {
    judge: 'exclusion',
    lock: second.lock,
    message:
      `${shown(first)} and ${shown(second)} both held "${second.lock}" ` +
      `from ${ms(second.belief.from)} for ${ms(until - second.belief.from)}`,
  };
}

function tooMany(others: readonly Believed[], lease: Believed): Violation {
  return {
    judge: 'exclusion',
    lock: lease.lock,
    message:
      `${others.length + 1} held one of the ${lease.permits} permits of "${lease.lock}" ` +
      `from ${ms(lease.belief.from)} on: ${[...others, lease].map(shown).join(', ')}`,
  };
}

function shown({ worker, lease, belief }: Believed): string {
  return `${worker} (lease ${lease}, ${ms(belief.from)} to ${ms(belief.until)})`;
}
