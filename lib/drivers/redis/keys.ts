import { shown } from '../../common/checks.js';
import { InvalidOptionsError } from '../../errors.js';

/** Where one process is told that it is its turn; followed by the process. */
export const TURN_CHANNEL = 'coordination:turn:';

/** The same on a Cluster, in the slot of the lock's key, so that its node can tell it without all others. */
export function shardedTurnChannel(key: string): string {
  return `${TURN_CHANNEL}{${hashTagOf(key)}}:`;
}

export function lockKeyOf(name: string): string {
  return `coordination:lock:${name}`;
}

/**
 * The keys that an application makes of its names.
 * @throws InvalidOptionsError for what is no key
 */
export function checkedKeys(keyOf: (name: string) => string): typeof lockKeyOf {
  return (name) => {
    const key: unknown = keyOf(name);
    if (typeof key === 'string' && key !== '') return key;
    throw new InvalidOptionsError(
      `Lock "${name}": lockKey must return the key, a text that is not empty, and returned ${shown(key)}`,
    );
  };
}

export function memberKeyOf(memberId: string): string {
  return `coordination:member:${memberId}`;
}

/** Where a lock's fencing tokens are counted. */
export function counterOf(key: string): string {
  return `coordination:fence:${tagged(key)}`;
}

/** Who waits for a lock: ids by the order of their arrival. */
export function queueOf(key: string): string {
  return `coordination:queue:${tagged(key)}`;
}

/** Until when the processes that wait for a lock are believed to be alive. */
export function waitersOf(key: string): string {
  return `coordination:waiters:${tagged(key)}`;
}

/**
 * In the slot of the lock's key, as a Cluster wants it.
 */
function tagged(key: string): string {
  return hashTagOf(key) === key ? `{${key}}` : key;
}

/**
 * What a Cluster hashes of a key: what stands in its first braces, or the whole key where they are empty or missing.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export function hashTagOf(key: string): string {
  if (!key.includes('{')) return key;
  return /^[^{]*\{([^}]+)\}/.exec(key)?.[1] ?? key;
}
