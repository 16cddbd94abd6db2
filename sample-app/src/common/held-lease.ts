import { currentLease, type Lease } from 'nestjs-coordination';

/**
 * The lease that the running method is under. Ask for it before the first read: `currentLease()` knows no lease that
 * was lost meanwhile, while this one still says so, through `lease.signal`, right before the write, and has the token
 * by which the storage refuses it if it comes too late all the same.
 *
 * @throws when no lock is held: the method lacks its `@Synchronized`
 */
export function heldLease(): Lease {
  const lease = currentLease();
  if (!lease) throw new Error('This method writes to the storage, and has to be called under a lock');
  return lease;
}
