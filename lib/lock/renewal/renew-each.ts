import type { Grant, LockStore, RenewOutcome } from '../../drivers/driver.js';
import type { HeldLease } from '../lease/index.js';

/**
 * Renews leases of one ttl by one call, as nearly all are plain. Leases that the back end keeps for longer than the ttl need a call for
 * each such time.
 * @param grants of the leases, when the renewal began
 * @returns one outcome for each lease, in the same order
 */
export async function renewEach(
  locks: LockStore,
  leases: readonly HeldLease[],
  grants: readonly Grant[],
  ttl: number,
): Promise<readonly RenewOutcome[]> {
  const validities = leases.map(({ validity }) => validity);
  if (validities.every((validity) => validity === ttl)) return locks.renew(grants, ttl);
  const outcomes: RenewOutcome[] = [];
  const groups = new Map<number, number[]>();
  for (const [index, validity] of validities.entries())
    groups.set(validity, [...(groups.get(validity) ?? []), index]);
  await Promise.all(
    [...groups].map(async ([validity, members]) => {
      const renewed = await renewAll(
        locks,
        members.map((index) => grants[index]!),
        validity,
      );
      for (const [at, index] of members.entries()) outcomes[index] = renewed[at]!;
    }),
  );
  return outcomes;
}

/** A group that fails does not change the answers of the others. */
async function renewAll(
  locks: LockStore,
  grants: readonly Grant[],
  ttl: number,
): Promise<readonly RenewOutcome[]> {
  try {
    return await locks.renew(grants, ttl);
  } catch (error) {
    const failed: RenewOutcome = { kind: 'failed', error: error as Error };
    return grants.map(() => failed);
  }
}
