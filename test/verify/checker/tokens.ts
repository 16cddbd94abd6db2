import { byLock } from './by-lock.js';
import type { History, LeaseStory } from './history.js';
import { ms, type Violation } from './violation.js';

type Tokened = LeaseStory & { readonly token: number };

/**
 * When one lease comes before another. `asked`: the one was granted before the other's token was asked for; holds
 * whatever the clocks do. `belief`: its holder's last look came before the other's first; holds while exclusion does.
 * `begun`: its caller had it before the other's had that one; holds while exclusion does, and no process is stopped between the two.
 */
export type TokenOrder = 'asked' | 'belief' | 'begun';

/** Tokens that repeat, and tokens that do not grow with the leases of a lock. */
export function judgeTokens(
  { leases }: Pick<History, 'leases'>,
  orders: readonly TokenOrder[] = ['asked'],
): Violation[] {
  const tokened = leases.filter((lease): lease is Tokened => lease.token !== undefined);
  return [...byLock(tokened).values()].flatMap((group) => {
    const alone = group.filter(({ shared }) => !shared);
    const shares = group.filter(({ shared }) => shared);
    return [
      ...repeated(alone),
      ...orders.flatMap((order) => fallen(alone, order)),
      // The tokens of two that share a lock say nothing of each other.
      ...shares.flatMap((share) => orders.flatMap((order) => fallen([...alone, share], order))),
    ];
  });
}

/**
 * When the token of each lease was asked for. One that is handed on within its process has a token that was reserved for
 * it with the grant: it is the one right after that of the lease before, of the same process.
 */
function reservedSince(leases: readonly Tokened[]): Map<Tokened, number> {
  const since = new Map<Tokened, number>();
  let before: Tokened | undefined;
  for (const lease of [...leases].sort((a, b) => a.token - b.token)) {
    const follows = before?.worker === lease.worker && before.token + 1 === lease.token;
    since.set(
      lease,
      follows && before ? Math.min(lease.asked, since.get(before) ?? lease.asked) : lease.asked,
    );
    before = lease;
  }
  return since;
}

function repeated(leases: readonly Tokened[]): Violation[] {
  const violations: Violation[] = [];
  const seen = new Map<number, Tokened>();
  for (const lease of leases) {
    const other = seen.get(lease.token);
    if (other) {
      const message = `${shown(other)} and ${shown(lease)} of "${lease.lock}" have the same token`;
      violations.push({ judge: 'token repeated', lock: lease.lock, message });
    }
    seen.set(lease.token, lease);
  }
  return violations;
}

/** Each lease against the largest token among those that came before it. */
function fallen(leases: readonly Tokened[], order: TokenOrder): Violation[] {
  const looked = order === 'belief' ? leases.filter(({ belief }) => belief !== undefined) : leases;
  const reserved = reservedSince(leases);
  const beginning = (lease: Tokened): number =>
    order === 'begun'
      ? lease.granted
      : ((order === 'asked' ? reserved.get(lease) : lease.belief?.from) ?? Infinity);
  const end = ({ granted, belief }: Tokened): number =>
    order === 'belief' ? (belief?.until ?? Infinity) : granted;
  const byBeginning = [...looked].sort((a, b) => beginning(a) - beginning(b));
  const byEnd = [...looked].sort((a, b) => end(a) - end(b));
  const violations: Violation[] = [];
  let largest: Tokened | undefined;
  let next = 0;
  for (const lease of byBeginning) {
    for (let other = byEnd[next]; other && end(other) < beginning(lease); other = byEnd[(next += 1)])
      if (!largest || other.token > largest.token) largest = other;
    if (!largest || lease.token > largest.token) continue;
    const message =
      `${shown(lease)} of "${lease.lock}" came after ${shown(largest)}: ` +
      {
        asked: `its token was asked for at ${ms(beginning(lease))}, the other was granted at ${ms(largest.granted)}`,
        belief: 'its holder looked only after the other one had looked for the last time',
        begun: `it began at ${ms(lease.granted)}, and the other one at ${ms(largest.granted)}`,
      }[order];
    violations.push({ judge: 'token order', lock: lease.lock, message });
  }
  return violations;
}

function shown({ lease, worker, token }: Tokened): string {
  return `token ${token} (lease ${lease} of ${worker})`;
}
