import assert from 'node:assert/strict';
import type {
  Claim,
  Driver,
  Grant,
  Granted,
  LockMode,
  Loss,
  QueuedWaiter,
  Taken,
} from '../drivers/driver.js';
import { eventually } from './eventually.js';

/** A claim as a test writes it: without the fields that are the same in all tests. */
export interface Ask extends Pick<Claim, 'name' | 'ttl' | 'memberId' | 'caller' | 'onRevoked'> {
  /** Default: `exclusive`. */
  readonly mode?: LockMode;
  readonly key?: string;
  readonly fencing?: boolean;
  /** How many tokens; only with `fencing`. */
  readonly tokens?: number;
}

let counter = 0;

/** A lock name that no other test uses. */
export function freshName(stem = 'lock'): string {
  counter += 1;
  return `${stem}-${process.pid}-${Date.now()}-${counter}`;
}

/** The fields of a claim, which also records the driver's messages of a revoked lease. */
export function request(name: string, ttl = 10_000) {
  const revoked: string[] = [];
  const onRevoked = ({ message }: Loss): void => void revoked.push(message);
  return { name, ttl, fencing: false, memberId: 'member', onRevoked, revoked };
}

/** The same, with fencing tokens. */
export function fencedRequest(name: string, ttl?: number, tokens = 1) {
  return { ...request(name, ttl), fencing: true, tokens };
}

/** The same, for a share of the lock. */
export function sharedRequest(name: string, ttl?: number) {
  return { ...request(name, ttl), mode: 'shared' as const };
}

export function claimOf(driver: Driver, { fencing = false, tokens = 1, ...ask }: Ask): Claim {
  const key = ask.key ?? driver.locks.keyOf(ask.name);
  return { mode: 'exclusive', ...ask, key, tokens: fencing ? tokens : 0 };
}

export async function tryAcquire(driver: Driver, ask: Ask): Promise<Granted | Taken> {
  return driver.locks.acquire(claimOf(driver, ask));
}

/** The grant of a reply; throws when the lock was taken. */
export function granted(reply: Granted | Taken): Grant {
  if (!reply.granted) throw new Error(`expected a grant, got ${JSON.stringify(reply)}`);
  return reply.grant;
}

/** The token of a grant; throws when there is none. */
export function tokenOf(grant: Grant): number {
  const token = grant.tokens?.first;
  if (token === undefined) throw new Error(`expected a fencing token in ${JSON.stringify(grant)}`);
  return token;
}

/** Tries until the lock is granted. Needed because a split vote over several nodes may leave a free lock ungranted for a while. */
export function take(driver: Driver, ask: Ask, every?: number): Promise<Grant> {
  return eventually(
    async () => {
      const reply = await tryAcquire(driver, ask);
      return reply.granted && reply.grant;
    },
    { every },
  );
}

export async function takeToken(driver: Driver, name: string): Promise<number> {
  const grant = await take(driver, fencedRequest(name));
  assert.equal(await driver.locks.release(grant), true);
  return tokenOf(grant);
}

/** Renews a single lease. Returns false when it is lost; rejects when the renewal failed. */
export async function renewed(driver: Driver, grant: Grant, ttl: number): Promise<boolean> {
  const [outcome, ...more] = await driver.locks.renew([grant], ttl);
  assert.deepEqual(more, []);
  if (outcome?.kind === 'failed') throw outcome.error;
  return outcome?.kind === 'renewed';
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
  if (holds === 'unknown') throw new Error('it is unknown whether the grant holds its lock');
  return holds === 'yes';
}

/** Takes the lock away from all its holders, as the layer above the drivers does; true if there was a holder. */
export async function breakLock(driver: Driver, name: string): Promise<boolean> {
  for (let look = 1; look <= 3; look += 1) {
    const holders = await driver.locks.holders(name);
    if (holders.length === 0) return false;
    const revoked = await Promise.all(holders.map((holder) => driver.locks.revoke(holder)));
    if (revoked.includes(true)) return true;
  }
  return true;
}
