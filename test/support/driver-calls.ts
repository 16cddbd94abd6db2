import type {
  Claim,
  Driver,
  Grant,
  Granted,
  QueuedWaiter,
  StoredRecord,
  Taken,
} from '../../lib/drivers/driver.js';

/** A claim as a test writes it: without what is the same in all of them. */
export interface Ask extends Pick<Claim, 'name' | 'ttl' | 'memberId' | 'caller' | 'onRevoked'> {
  readonly key?: string;
  readonly fencing?: boolean;
  /** How many tokens, where there are any. */
  readonly tokens?: number;
}

export function claimOf(driver: Driver, { fencing = false, tokens = 1, ...ask }: Ask): Claim {
  const key = ask.key ?? driver.locks.keyOf(ask.name);
  return { ...ask, key, tokens: fencing ? tokens : 0, mode: 'exclusive' };
}

export async function tryAcquire(driver: Driver, ask: Ask): Promise<Granted | Taken> {
  return driver.locks.acquire(claimOf(driver, ask));
}

/** A place in the queue of a driver that has one. */
export function enqueue(driver: Driver, ask: Ask, wake: () => void): QueuedWaiter {
  if (!driver.queue) throw new Error(`${driver.description} keeps no order`);
  return driver.queue.enqueue(claimOf(driver, ask), wake);
}

/** Whether the back end says that the grant holds its lock. */
export async function isOwner(driver: Driver, { name, key, id }: Grant): Promise<boolean> {
  const holders = await driver.locks.holders(name, key);
  const holds = holders.find((holder) => holder.id === id)?.holds ?? 'no';
  if (holds === 'unknown') throw new Error('nobody knows');
  return holds === 'yes';
}

/** Frees the lock whoever holds it, as the layer above the drivers does; true if somebody did. */
export async function breakLock(driver: Driver, name: string): Promise<boolean> {
  for (let look = 1; look <= 3; look += 1) {
    const holders = await driver.locks.holders(name);
    if (holders.length === 0) return false;
    const revoked = await Promise.all(holders.map((holder) => driver.locks.revoke(holder)));
    if (revoked.includes(true)) return true;
  }
  return true;
}

export function announce(driver: Driver, member: string, ttl = 10_000): Promise<StoredRecord> {
  return driver.records.put({ space: 'members', key: member, version: 1, value: 'test' }, ttl);
}

export function withdraw(driver: Driver, member: string): Promise<void> {
  return driver.records.remove('members', member, 1);
}
