import { createHash } from 'node:crypto';
import { shown } from '../../../common/checks.js';
import { InvalidOptionsError } from '../../../errors.js';
import { digitsInSlotOf } from './cluster-slot.js';
import { quoted } from '../../../common/quoted.js';

/** The beginning of all keys of this package, unless an application makes the keys of its locks itself. */
const OURS = 'coordination:';

/** The beginning of the keys of locks. */
export const OUR_LOCKS = `${OURS}lock:`;

/**
 * A key longer than this is not repeated in the keys beside it, which stay for as long as a fencing counter does. A user that chooses
 * the names of locks could otherwise fill Redis with them.
 */
const LONGEST = 100;

/** The channel on which a process learns that it is its waiter's turn. The id of the process follows it. */
export const TURN_CHANNEL = 'coordination:turn:';

/** The same on a Cluster, in the slot of the lock's key: that key's server can publish to it without all others. */
export function shardedTurnChannel(key: string): string {
  return `${TURN_CHANNEL}{${tagFor(key)}}:`;
}

export function lockKeyOf(name: string): string {
  return OUR_LOCKS + name;
}

/**
 * Checks the keys that an application makes of its names.
 * @throws InvalidOptionsError when the result cannot be a key
 */
export function checkedKeys(keyOf: (name: string) => string): typeof lockKeyOf {
  return (name) => {
    const key: unknown = keyOf(name);
    if (typeof key !== 'string' || key === '') {
      throw new InvalidOptionsError(
        `Lock ${quoted(name)}: redis.lockKey must return the key, a text that is not empty, and returned ${shown(key)}`,
      );
    }
    // Such a key may be the queue or the counter of another lock.
    if (key.startsWith(OURS) && !key.startsWith(OUR_LOCKS)) {
      throw new InvalidOptionsError(
        `Lock ${quoted(name)}: redis.lockKey returned ${shown(key)}, and keys that begin with "${OURS}" belong to this package; return one that begins with something else, or with "${OUR_LOCKS}"`,
      );
    }
    return key;
  };
}

/** The key of a record. All keys of one space are in one slot of a Cluster. */
export function recordKeyOf(space: string, key: string): string {
  return `${OURS}record:{${space}}:${key}`;
}

/** The mark that a record was removed. Only where there are several nodes. */
export function removedKeyOf(space: string, key: string): string {
  return `${OURS}removed:{${space}}:${key}`;
}

/** The sorted set of the keys of a space's records, by the time at which they expire. */
export function recordIndexOf(space: string): string {
  return `${OURS}records:{${space}}`;
}

/** The channel on which changes of the space's records are published. */
export function recordChannelOf(space: string): string {
  return `${OURS}changed:{${space}}`;
}

/** The counter of a lock's fencing tokens. */
export function counterOf(key: string, place = besideOf(key)): string {
  return `${OURS}fence:${place}`;
}

/** The waiters for a lock: ids by the order of their arrival. */
export function queueOf(key: string, place = besideOf(key)): string {
  return `${OURS}queue:${place}`;
}

/** The sorted set of a lock's shares, by the time at which each one ends. */
export function sharersOf(key: string, place = besideOf(key)): string {
  return `${OURS}sharers:${place}`;
}

/** The sorted set of the processes with waiters for a lock, by the time until which each is believed to be alive. */
export function waitersOf(key: string, place = besideOf(key)): string {
  return `${OURS}waiters:${place}`;
}

/**
 * A separate key for each lock's key, in the same slot of a Cluster.
 *
 * The text in the first braces gives the slot. The lock's key follows them, unless it is itself the text in the braces: it then has no
 * closing brace, and the key ends with the first one. So the lock's key can be read off, and two locks never share a key. For a long key
 * its digest stands there instead. A digest has no braces, so it cannot be taken for a lock's key in that place.
 */
export function besideOf(key: string): string {
  if (key.length > LONGEST) return `{${digitsInSlotOf(hashTagOf(key))}}${digestOf(key)}`;
  const tag = tagFor(key);
  return tag === key ? `{${tag}}` : `{${tag}}${key}`;
}

function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** A text for the braces that puts a key into the slot of this one; it has no closing brace. */
function tagFor(key: string): string {
  const tag = hashTagOf(key);
  return tag.includes('}') || tag.length > LONGEST ? digitsInSlotOf(tag) : tag;
}

/**
 * The part of a key that a Cluster hashes: the text in its first braces, or the whole key where these are empty or missing.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export function hashTagOf(key: string): string {
  if (!key.includes('{')) return key;
  return /^[^{]*\{([^}]+)\}/.exec(key)?.[1] ?? key;
}
