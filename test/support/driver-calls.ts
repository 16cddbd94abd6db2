import type { Driver, StoredRecord } from '../../lib/drivers/driver.js';

export {
  type Ask,
  breakLock,
  claimOf,
  enqueue,
  fencedRequest,
  isOwner,
  tokenOf,
  tryAcquire,
} from '../../lib/driver-testing/driver-calls.js';

export function announce(driver: Driver, member: string, ttl = 10_000): Promise<StoredRecord> {
  return driver.records.put({ space: 'members', key: member, version: 1, value: 'test' }, ttl);
}

export function withdraw(driver: Driver, member: string): Promise<void> {
  return driver.records.remove('members', member, 1);
}
