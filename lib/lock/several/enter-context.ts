import { quoted } from '../../common/quoted.js';
import { NotLockedError } from '../../errors.js';
import { type AcquireTerms, upgradeRefused } from '../acquire/index.js';
import { contextsOn, InnerLease } from '../lease/index.js';
import type { LockManager } from '../lock-manager.js';

/**
 * The lease of a re-entrant call inside a call that holds all its locks; undefined when there is no such call.
 *
 * @throws InvalidOptionsError when the lease outside only shares the lock, and this call would have it alone; LeaseLostError when the
 * lease outside was lost; NotLockedError when it was given back while this call's work went on
 */
export function enterContext(
  manager: LockManager,
  { name, names, label, shared }: AcquireTerms,
): InnerLease | undefined {
  const wanted = names ?? [name];
  const contexts = contextsOn(manager, wanted);
  const outside = contexts.find(({ lease }) => lease.held);
  if (outside && outside.lease.shared && !shared)
    throw upgradeRefused(name, label, outside.label || 'a call');
  if (outside) return new InnerLease(wanted, outside.lease, outside.label || 'a call', manager);
  const [ended] = contexts;
  if (!ended) return undefined;
  const { lease } = ended;
  if (lease.lost && !lease.givenBack) throw lease.lost;
  throw new NotLockedError(
    `Lock ${quoted(name)}: ${label || 'a call'} would enter it from work that has outlived the lease of ${ended.label || 'a call'}; await that work there, or start it outside of the lock`,
  );
}
